/**
 * How long `cvm --version` and `cvm COMMAND --help` take beside an empty Deno program: the ratio
 * of the medians, for each command.
 *
 *     deno run --allow-read --allow-write --allow-run --allow-env bench/help.ts [RUNS]
 */
import { knownCommands } from "../cli/known_commands.ts";

const runs = Number(Deno.args[0] ?? 15);
const main = new URL("../cli/main.ts", import.meta.url).pathname;
const folder = await Deno.makeTempDir({ prefix: "cvm-bench-" });
const empty = `${folder}/empty.ts`;
await Deno.writeTextFile(empty, "");

/** One run of a program, in milliseconds. */
async function time(args: readonly string[]): Promise<number> {
  const started = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-env", "--allow-read", ...args],
    stdout: "null",
  }).output();
  if (!success) throw new Error(`this failed: ${args.join(" ")}`);
  return performance.now() - started;
}

const programs: readonly (readonly string[])[] = [
  [empty],
  [main, "--version"],
  [main, "--help"],
  ...knownCommands().map(({ path }) => [main, ...path, "--help"]),
];
const times: number[][] = programs.map(() => []);
// In turns, so that whatever else the machine does meets all of them.
for (let run = 0; run <= runs; run++) {
  for (const [index, args] of programs.entries()) {
    const took = await time(args);
    if (run > 0) times[index]?.push(took); // the first run fills caches
  }
}
const medians = times.map((list) => list.sort((one, other) => one - other)[runs >> 1] ?? NaN);
const base = medians[0] ?? NaN;
console.log(`an empty program: ${base.toFixed(1)} ms`);
for (const [index, args] of programs.slice(1).entries()) {
  const median = medians[index + 1] ?? NaN;
  const words = ["cvm", ...args.slice(1)].join(" ");
  console.log(`${words.padEnd(30)} ${median.toFixed(1)} ms  ${(median / base).toFixed(2)}x`);
}
await Deno.remove(folder, { recursive: true });
