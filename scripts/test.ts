/**
 * Runs the tests and closes with one line that says how many passed and how
 * many failed: `deno task test [--coverage] [FILE|DIR]…`.
 *
 * With `--coverage`, the run also fails when too few lines were executed.
 */
const MIN_LINE_COVERAGE_PERCENT = 88;

/** What the suite may do: sockets on loopback, files in the temporary folder, child processes of its own, libsecp256k1. */
const PERMISSIONS = [
  "--allow-net=127.0.0.1,localhost,[::1]",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
  "--allow-run",
  "--allow-ffi",
];

/** What a test starts it has to end; off by default since Deno 2.8. */
const SANITIZERS = { DENO_TEST_SANITIZE_OPS: "1", DENO_TEST_SANITIZE_RESOURCES: "1" };

interface Counts {
  passed: number;
  failed: number;
  ignored: number;
}

/** Runs a command, shows its output as it comes, and returns it. */
async function run(args: string[]): Promise<{ success: boolean; output: string }> {
  const child = new Deno.Command(Deno.execPath(), { args, env: SANITIZERS, stdout: "piped" })
    .spawn();
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    await Deno.stdout.write(chunk);
    output += decoder.decode(chunk, { stream: true });
  }
  return { success: (await child.status).success, output };
}

/** Reads Deno's closing line, such as `ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)`. */
function readCounts(output: string): Counts | undefined {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\u001b\[[0-9;]*m/g, "");
  const closing = plain.split("\n").filter((line) => /^(ok|FAILED) \| /.test(line)).at(-1);
  if (closing === undefined) return undefined;
  const count = (word: string) => Number(closing.match(`(\\d+) ${word}`)?.[1] ?? 0);
  return { passed: count("passed"), failed: count("failed"), ignored: count("ignored") };
}

/** The share of executed lines in an LCOV report, in percent. */
function lineCoverage(lcov: string): number {
  const sum = (key: string) =>
    [...lcov.matchAll(new RegExp(`^${key}:(\\d+)$`, "gm"))]
      .reduce((total, match) => total + Number(match[1]), 0);
  return 100 * sum("LH") / Math.max(1, sum("LF"));
}

async function checkCoverage(folder: string): Promise<boolean> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["coverage", "--lcov", "--exclude=(tests|bench|scripts|examples)/", folder],
    stdout: "piped",
  }).output();
  const percent = lineCoverage(new TextDecoder().decode(stdout));
  console.log(
    `${percent.toFixed(1)} % of the lines were executed, ${MIN_LINE_COVERAGE_PERCENT} % must be`,
  );
  return percent >= MIN_LINE_COVERAGE_PERCENT;
}

const coverage = Deno.args.includes("--coverage");
const targets = Deno.args.filter((arg) => arg !== "--coverage");
const coverageFolder = coverage ? await Deno.makeTempDir({ prefix: "cvm-coverage-" }) : "";
// Types are `deno task check`; Deno 2.4 would want packages for them that the lock file does not have.
const tests = await run([
  "test",
  "--no-check",
  "--no-prompt",
  ...PERMISSIONS,
  ...(coverage ? [`--coverage=${coverageFolder}`] : []),
  ...(targets.length > 0 ? targets : ["tests"]),
]);
const doctests = targets.length > 0 ? undefined : await run([
  "test",
  "--no-check",
  "--no-prompt",
  "--doc",
  "README.md",
  "docs/LIBRARY.md",
  "docs/TESTING.md",
  "mod.ts",
  "errors.ts",
  "crypto",
  "transport",
  "cli/crypto",
]);

const counts = [tests, doctests].flatMap((result) => {
  if (result === undefined) return [];
  return [readCounts(result.output) ?? { passed: 0, failed: 1, ignored: 0 }];
});
const total = (key: keyof Counts) => counts.reduce((sum, count) => sum + count[key], 0);
let success = tests.success && (doctests?.success ?? true);
if (coverage) {
  if (!await checkCoverage(coverageFolder)) success = false;
  await Deno.remove(coverageFolder, { recursive: true });
}
const ignored = total("ignored") > 0 ? `, ${total("ignored")} skipped` : "";
console.log(`${total("passed")} passed, ${total("failed")} failed${ignored}`);
Deno.exit(success ? 0 : 1);
