/**
 * A tool call there and back: sequential latency, and throughput with 64 calls
 * in flight, plain and encrypted, ours beside `@contextvm/sdk` on the same
 * relay in the same run. `deno task bench [RELAY]…` takes the names of relays, for fewer.
 *
 * Each side runs in a process of its own; implementations take turns, round by
 * round, so that a machine that gets slower slows all of them.
 */
import { serveRelay } from "../cli/relay/mod.ts";
import { verifyEvent } from "../crypto/mod.ts";
import { testRelays } from "../tests/relays/mod.ts";
import { makeEngine } from "./_engine.ts";

const ROUNDS = 3;
const IMPLEMENTATIONS = ["ours", "ours-wasm", "ours-native", "ours-builtin", "sdk"] as const;
const MODES = ["plain", "encrypted"] as const;
const PEER = new URL("./peer.ts", import.meta.url).pathname;

interface Figures {
  readonly p50: number;
  readonly p99: number;
  readonly callsPerSecond: number;
  /** Of the client's process, with 64 calls in flight. */
  readonly cpuMs: number;
}

function start(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-net=127.0.0.1",
      "--allow-env",
      "--allow-read",
      "--allow-sys",
      "--allow-ffi",
      PEER,
      ...args,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** The first line that a process prints, within two minutes. */
async function firstLine(child: Deno.ChildProcess): Promise<string> {
  const timer = setTimeout(() => child.kill("SIGKILL"), 120_000);
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  clearTimeout(timer);
  if (!text.includes("\n")) throw new Error("a peer ended without a result");
  return text.split("\n")[0]!;
}

async function measure(implementation: string, relay: string, mode: string): Promise<Figures> {
  const server = start(["server", implementation, relay, mode]);
  try {
    const key = await firstLine(server);
    const client = start(["client", implementation, relay, mode, key]);
    const figures: Figures = JSON.parse(await firstLine(client));
    await client.status;
    return figures;
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The relay that costs least: ours, with the native engine to verify. */
async function startFastRelay() {
  const engine = await makeEngine("native");
  return await serveRelay({ verify: (event) => verifyEvent(event, engine) });
}

const relays = [{ name: "embedded, native", start: startFastRelay }, ...testRelays()]
  .filter(({ name }) => Deno.args.length === 0 || Deno.args.includes(name));
console.log(
  `Deno ${Deno.version.deno}, median of ${ROUNDS} rounds, ratios to @contextvm/sdk 0.11.14\n`,
);
console.log(
  "| relay | mode | implementation | p50 ms | p99 ms | ratio p50 | calls/s at 64 | ratio | client CPU ms | ratio |",
);
console.log("|---|---|---|---:|---:|---:|---:|---:|---:|---:|");
for (const { name, start: startRelay } of relays) {
  const relay = await startRelay();
  for (const mode of MODES) {
    const seen = new Map<string, Figures[]>(IMPLEMENTATIONS.map((one) => [one, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const one of IMPLEMENTATIONS) seen.get(one)!.push(await measure(one, relay.url, mode));
    }
    const of = (one: string, figure: keyof Figures) => median(seen.get(one)!.map((f) => f[figure]));
    for (const one of IMPLEMENTATIONS) {
      const ratio = (figure: keyof Figures) => (of(one, figure) / of("sdk", figure)).toFixed(2);
      const cells = [
        name,
        mode,
        one,
        of(one, "p50").toFixed(1),
        of(one, "p99").toFixed(1),
        ratio("p50"),
        of(one, "callsPerSecond").toFixed(0),
        ratio("callsPerSecond"),
        of(one, "cpuMs").toFixed(2),
        ratio("cpuMs"),
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
  await relay.close();
}
