/**
 * Ours beside `@contextvm/sdk`, in the same run on the same relays:
 * `deno task bench:sdk [--quick] [--relay NAME]… [GROUP]…` measures all groups, or those that are
 * named, and writes their part of `bench/RESULTS.md`; with `--quick` it only prints.
 *
 * Each side runs in a process of its own; implementations take turns, round by round, so that a
 * machine that gets slower slows all of them.
 */
import { parseArgs } from "node:util";
import { answers } from "./groups/answers.ts";
import { calls } from "./groups/calls.ts";
import { relays } from "./groups/relays.ts";
import { sessions } from "./groups/sessions.ts";
import { start } from "./groups/start.ts";
import { streams } from "./groups/streams.ts";
import { describeMachine, ResultsFile } from "./results.ts";
import { Workbench } from "./workbench.ts";

const GROUPS = [calls, answers, streams, sessions, relays, start];

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    relay: { type: "string", multiple: true, default: [] },
  },
});
const unknown = positionals.filter((name) => !GROUPS.some((group) => group.name === name));
if (unknown.length > 0) {
  const known = GROUPS.map(({ name }) => name).join(", ");
  console.error(`there is no group ${unknown.join(", ")}; there are ${known}`);
  Deno.exit(2);
}

await using workbench = await Workbench.open({ quick: values.quick, relays: values.relay });
const file = new ResultsFile(GROUPS.map(({ name }) => name));
const machine = describeMachine(workbench);
for (const group of GROUPS) {
  if (positionals.length > 0 && !positionals.includes(group.name)) continue;
  const before = Deno.loadavg()[0] ?? 0;
  const started = new Date();
  const tables = await group.run(workbench);
  const load = `load average ${before.toFixed(1)} before, ${Deno.loadavg()[0]?.toFixed(1)} after`;
  const minutes = ((Date.now() - started.getTime()) / 60_000).toFixed(1);
  const how = `${started.toISOString().slice(0, 16)}Z, ${minutes} minutes, ${load}. ${machine}`;
  const text = `${group.about}\n\n${how}\n\n${tables}\n`;
  console.log(`## ${group.name}\n\n${text}`);
  if (!values.quick) await file.write(group.name, text);
}
