/**
 * `cvm inspect`: what a server is, what it offers, and what it answers.
 *
 * @module
 */
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { Output } from "../../output.ts";
import type { InspectArguments } from "./command.ts";
import { showOverview } from "./overview.ts";
import { inspectTarget } from "./findings.ts";
import { runRequest } from "./requests.ts";
import { connectTarget, hasLocalTarget, prepareTarget, warnOfKey } from "./target.ts";
import { type InspectTask, readWords } from "./words.ts";

/** Pings of the overview, over each relay. */
const OVERVIEW_PINGS = 5;

/** Connects, does what was asked for, and leaves. */
export async function runInspect(args: InspectArguments, io: CliIo): Promise<void> {
  const given = args.server === undefined ? [] : [args.server, ...args.what];
  const task = readWords(given, { hasTarget: hasLocalTarget(args) });
  checkOptions(args, task);
  switch (task.what) {
    case undefined:
      return await overview(args, task, io);
    case "doctor":
      return await (await import("./doctor.ts")).runDoctor(args, task.server, io);
    case "diff": {
      const { runDiff } = await import("./diff.ts");
      return await runDiff([task.server, task.words[0] ?? ""], args, io);
    }
    case "watch":
      return await (await import("./watch.ts")).runWatch(args, io);
    case "replay":
      return await (await import("./watch.ts")).runReplay(task.words[0] ?? "", args, io);
    default:
      return await request(args, task, task.what, io);
  }
}

async function overview(
  args: InspectArguments,
  { server }: InspectTask,
  io: CliIo,
): Promise<void> {
  const output = new Output(io, args.format);
  const target = await prepareTarget(args, server, io);
  await warnOfKey(target, output);
  const findings = await inspectTarget(target, { args, io, pings: args.pings ?? OVERVIEW_PINGS });
  await showOverview(findings, output);
  if (findings.failure !== undefined) throw findings.failure;
}

async function request(
  args: InspectArguments,
  { server, words }: InspectTask,
  what: string,
  io: CliIo,
): Promise<void> {
  const output = new Output(io, args.format);
  const target = await prepareTarget(args, server, io);
  await warnOfKey(target, output);
  await using connected = await connectTarget(target, { io, timeoutMs: args.timeoutMs });
  await runRequest(what, words, {
    session: connected.session,
    output,
    io,
    args,
    pings: Math.max(1, args.pings ?? 1),
  });
}

/** Options that mean nothing for what is to be done are mistakes. */
function checkOptions(args: InspectArguments, { what }: InspectTask): void {
  if (args.json !== undefined && what !== "call" && what !== "get") {
    throw new UsageError("--json holds the arguments of a call: use it with call or get");
  }
  if ((args.record !== undefined || args.withKey.length > 0) && what !== "watch") {
    throw new UsageError("--record and --with-key are for watch");
  }
  if (args.check && what !== "diff") throw new UsageError("--check is for diff");
  if (args.stream !== undefined && what !== "call") {
    throw new UsageError("--stream is for call");
  }
  if (args.output !== undefined && what !== "call" && what !== "read") {
    throw new UsageError("--output is for call and read");
  }
}
