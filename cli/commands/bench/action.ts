/**
 * `cvm bench`: measures relays by a server and a client of its own, or a server by pings.
 *
 * @module
 */
import { poolOptions } from "../../connection.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { Output } from "../../output.ts";
import { connectTarget, prepareTarget, warnOfKey } from "../inspect/target.ts";
import type { BenchArguments } from "./command.ts";
import { measureRelay } from "./echo.ts";
import { type BenchFigures, type Draft, emptyFigures, figuresTable } from "./figures.ts";
import { measureCalls } from "./measure.ts";

/** One measurement: what it fills in, and how. */
interface Step {
  readonly draft: Draft;
  readonly run: () => Promise<void>;
}

/** Measures, and prints the figures; what fails does not keep the rest from being measured. */
export async function runBench(args: BenchArguments, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  const steps = args.server === undefined
    ? relaySteps(args, io)
    : [serverStep({ ...args, server: args.server }, output, io)];
  const done: BenchFigures[] = [];
  const failures: unknown[] = [];
  for (const { draft, run } of steps) {
    if (args.format === "text") await output.note(`measuring ${draft.target}, ${draft.mode}`);
    try {
      await run();
    } catch (error) {
      failures.push(error);
      draft.error = error instanceof Error ? error.message : String(error);
    }
    if (io.signal.aborted) draft.error = "interrupted";
    done.push(draft);
    if (args.format === "jsonl") await output.list([draft], () => "");
    if (io.signal.aborted) break;
  }
  if (args.format !== "jsonl") await output.list(done, () => figuresTable(done));
  io.signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}

/** Each relay in each mode. */
function relaySteps(args: BenchArguments, io: CliIo): readonly Step[] {
  const { relay: relays, encryption, inFlight } = args;
  if (relays.length === 0) {
    throw new UsageError("name a relay with --relay, or a server; no relay is measured unasked");
  }
  const modes = ["plain", "encrypted"] as const;
  const wanted = modes.filter((mode) =>
    encryption === "optional" || (encryption === "required") === (mode === "encrypted")
  );
  const giftWrap = args.giftWrap === "persistent" ? "persistent" : "ephemeral";
  return [...new Set(relays)].flatMap((relay) =>
    wanted.map((mode) => {
      const draft = emptyFigures({ target: relay, mode, inFlight });
      const options = { ...args, relay, giftWrap, pool: poolOptions(args) } as const;
      return { draft, run: () => measureRelay(draft, options, io) };
    })
  );
}

/** A server that somebody else runs: it is only pinged. */
function serverStep(
  args: BenchArguments & { readonly server: string },
  output: Output,
  io: CliIo,
): Step {
  const { server, encryption, inFlight, timeoutMs } = args;
  const modes = { optional: "as negotiated", required: "encrypted", disabled: "plain" } as const;
  const draft = emptyFigures({ target: server, mode: modes[encryption], inFlight });
  const run = async () => {
    const options = { ...args, stateless: false, stdio: false, env: [], childCommand: [] };
    const target = await prepareTarget(options, server, io);
    await warnOfKey(target, output);
    await using connected = await connectTarget(target, { io, timeoutMs });
    draft.connectMs = Math.round(connected.handshakeMs * 10) / 10;
    const call = async () => {
      await connected.session.request("ping", undefined);
    };
    await measureCalls(draft, { call }, args);
  };
  return { draft, run };
}
