/**
 * Where the time of an encrypted call goes in our own code: calls there and
 * back over a relay in memory, in one process, without any MCP library.
 * `deno run --allow-read --allow-env --allow-ffi --allow-sys --cpu-prof bench/profile.ts ENGINE [CALLS] [IN-FLIGHT] [BYTES]`
 *
 * Prints the CPU time per call, of both sides together, the garbage collector included.
 */
import process from "node:process";
import { PrivateKeySigner } from "../crypto/mod.ts";
import { NostrClientTransport } from "../transport/client.ts";
import { listen } from "../transport/session/listener.ts";
import { MemoryRelay } from "../transport/testing/mod.ts";
import type { JsonRpcMessage } from "../transport/types.ts";
import { makeEngine } from "./_engine.ts";

const [name = "native", calls = "2000", inFlight = "1", bytes = "20"] = Deno.args;

/** CPU time is taken of so many calls at a time: other programs disturb the best of many rounds least. */
const ROUND_CALLS = 100;

const engine = await makeEngine(name);
// The relay is not what is measured.
await using relay = new MemoryRelay({ verify: () => true, record: false });
const network = { relays: [relay.url], pool: { webSocket: relay.webSocket }, engine };
const limits = { maxMessagesPerSecond: 1_000_000 };
await using listener = await listen({
  signer: PrivateKeySigner.generate({ engine }),
  encryption: "required",
  limits,
  ...network,
});

async function answer(): Promise<void> {
  for await (const session of listener) {
    session.onmessage = (message: JsonRpcMessage) => {
      if (!("id" in message) || !("method" in message)) return;
      const { id, params } = message;
      const result = message.method === "initialize"
        ? {
          protocolVersion: "2025-06-18",
          capabilities: {},
          serverInfo: { name: "b", version: "1" },
        }
        : { content: [{ type: "text", text: params?.text }] };
      void session.send({ jsonrpc: "2.0", id: id!, result });
    };
    await session.start();
  }
}
void answer();

const transport = new NostrClientTransport({
  signer: PrivateKeySigner.generate({ engine }),
  server: listener.publicKey,
  encryption: "required",
  ...network,
});
const waiting = new Map<unknown, () => void>();
transport.onmessage = ({ id }) => waiting.get(id)?.();
await transport.start();

let last = 0;
async function call(method: string, params: Record<string, unknown>): Promise<void> {
  const id = ++last;
  const { promise, resolve } = Promise.withResolvers<void>();
  waiting.set(id, resolve);
  await transport.send({ jsonrpc: "2.0", id, method, params });
  await promise;
  waiting.delete(id);
}

async function callMany(count: number): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: Number(inFlight) }, async () => {
    while (left-- > 0) await call("tools/call", { name: "echo", text: "x".repeat(Number(bytes)) });
  }));
}

await call("initialize", {
  protocolVersion: "2025-06-18",
  capabilities: {},
  clientInfo: { name: "b", version: "1" },
});
await callMany(200);
const times: number[] = [];
for (let done = 0; done < Number(calls); done += ROUND_CALLS) {
  const before = process.cpuUsage();
  await callMany(ROUND_CALLS);
  const { user, system } = process.cpuUsage(before);
  times.push((user + system) / 1_000 / ROUND_CALLS);
}
times.sort((a, b) => a - b);
const at = (share: number) => times[Math.floor(times.length * share)]!.toFixed(3);
console.log(
  `${name}, ${inFlight} in flight, ${bytes} bytes: CPU ms a call: ${at(0)} at best, ${
    at(0.5)
  } median`,
);
await transport.close();
await listener.close();
Deno.exit(0);
