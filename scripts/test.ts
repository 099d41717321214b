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

/** Where examples stand that are tests. */
const DOCUMENTED = [
  "README.md",
  "docs/LIBRARY.md",
  "docs/DENO_WEBSOCKET_STALL.md",
  "docs/TESTING.md",
  "mod.ts",
  "errors.ts",
  "crypto",
  "transport",
  "cli/crypto",
];

/** What the package `ws` asks for, which is all that examples need. */
const ENVIRONMENT_OF_WS = "WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE";

interface Counts {
  passed: number;
  failed: number;
  ignored: number;
}

/** Tests that mostly wait for processes of others; they run beside the rest, in a process of their own. */
const WAITING = ["tests/conformance", "tests/guides", "tests/interop"];

/** How a run of tests went. */
interface TestRun {
  readonly success: boolean;
  readonly output: string;
}

/** Runs `deno test` and returns its output, which it also shows: as it comes, or all at the end. */
async function run(args: readonly string[], show: "live" | "at the end"): Promise<TestRun> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-check", "--no-prompt", ...args],
    env: SANITIZERS,
    stdout: "piped",
  }).spawn();
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (show === "live") await writeOut(text);
    output += text;
  }
  if (show === "at the end") await writeOut(output);
  return { success: (await child.status).success, output };
}

async function writeOut(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
}

/** Every folder and file of tests that is not among those that wait. */
async function otherTests(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir("tests")) {
    if (isDirectory || name.endsWith("_test.ts")) names.push(`tests/${name}`);
  }
  return names.filter((name) => !WAITING.includes(name)).sort();
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
const options = [...PERMISSIONS, ...(coverage ? [`--coverage=${coverageFolder}`] : [])];
const runs: TestRun[] = [];
if (targets.length > 0) runs.push(await run([...options, ...targets], "live"));
else {
  const waiting = run([...options, ...WAITING], "at the end");
  runs.push(await run([...options, ...await otherTests()], "live"), await waiting);
  runs.push(await run(["--doc", `--allow-env=${ENVIRONMENT_OF_WS}`, ...DOCUMENTED], "live"));
}

const counts = runs.map(({ output }) => readCounts(output) ?? { passed: 0, failed: 1, ignored: 0 });
const total = (key: keyof Counts) => counts.reduce((sum, count) => sum + count[key], 0);
let success = runs.every((result) => result.success);
if (coverage) {
  if (!await checkCoverage(coverageFolder)) success = false;
  await Deno.remove(coverageFolder, { recursive: true });
}
const ignored = total("ignored") > 0 ? `, ${total("ignored")} skipped` : "";
console.log(`${total("passed")} passed, ${total("failed")} failed${ignored}`);
Deno.exit(success ? 0 : 1);
