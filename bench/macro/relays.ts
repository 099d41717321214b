/**
 * The relays of the benchmark.
 *
 * @module
 */
import { serveRelay } from "../../cli/relay/mod.ts";
import { verifyEvent } from "../../crypto/mod.ts";
import { type RunningRelay, type TestRelay, testRelays } from "../../tests/relays/mod.ts";
import { makeEngine } from "../_engine.ts";
import type { Workbench } from "./workbench.ts";

const MAX_CONNECTIONS = 10_000;

/**
 * The relays that are wanted: the embedded one, which verifies with the native engine so that it
 * is not what is measured, and those of the interop tests that are not ours.
 */
export function benchRelays({ options }: Workbench): readonly TestRelay[] {
  const foreign = testRelays().filter(({ name }) => name !== "embedded");
  return [{ name: "embedded", start: startFastRelay }, ...foreign]
    .filter(({ name }) => options.relays.length === 0 || options.relays.includes(name));
}

/** Starts the embedded relay with the native engine. */
export async function startFastRelay(): Promise<RunningRelay> {
  const engine = await makeEngine("native");
  return await serveRelay({
    verify: (event) => verifyEvent(event, engine),
    maxConnections: MAX_CONNECTIONS,
  });
}

/** Puts a delay of so many milliseconds, each way, in front of a relay. */
export function startSlowRelay(relay: RunningRelay, delayMs: number): RunningRelay {
  const { hostname, port } = new URL(relay.url);
  return listen(async (client) => {
    const server = await Deno.connect({ hostname, port: Number(port) });
    await Promise.all([pass(client, server, delayMs), pass(server, client, delayMs)]);
  });
}

/** A relay that takes connections and never says anything. */
export function startSilentRelay(): RunningRelay {
  return listen(async (client) => {
    for await (const _ of client.readable) { /* nobody listens */ }
  });
}

/** Passes on what comes, each piece so much later, in order. */
async function pass(from: Deno.TcpConn, to: Deno.TcpConn, delayMs: number): Promise<void> {
  const writer = to.writable.getWriter();
  let last = Promise.resolve();
  for await (const piece of from.readable) {
    const due = new Promise((resolve) => setTimeout(resolve, delayMs));
    last = Promise.all([last, due]).then(() => writer.write(piece));
    last.catch(() => undefined); // told below, or by who reads
  }
  await last;
  await writer.close();
}

function listen(serve: (client: Deno.TcpConn) => Promise<void>): RunningRelay {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accept = async () => {
    for await (const client of listener) {
      // Processes are killed with their connections open: what that throws is no result.
      serve(client).catch(() => undefined);
    }
  };
  void accept();
  const close = () => {
    listener.close();
    return Promise.resolve();
  };
  const { port } = listener.addr;
  return { url: `ws://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close };
}
