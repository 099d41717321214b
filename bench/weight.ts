/**
 * What the toolkit weighs, and how soon the command line is there:
 * `deno task bench:weight`. With `CVM_COMPILE_DENO` and
 * `DENORT_BIN`, or where Deno can fetch its runtime base, the executable too. Ends with 1 when the client is above its budget.
 */
import { compile } from "../scripts/compile.ts";
import { bundledKb, CLIENT_BUDGET_KB } from "./bundle.ts";

const ROUNDS = 15;
const ENTRIES = [
  "transport/client.ts",
  "bench/sdk_client.ts",
  "bench/sdk_client_index.ts",
  "transport/server.ts",
  "crypto/mod.ts",
  "mod.ts",
];
const PROJECT = new URL("..", import.meta.url);

async function run(program: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: PROJECT,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** The medians of runs in turns, in milliseconds: whatever else the machine does meets all of them. */
async function medianMs(commands: readonly (readonly string[])[]): Promise<number[]> {
  const times: number[][] = commands.map(() => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, [program = "", ...args]] of commands.entries()) {
      const started = performance.now();
      await run(program, args);
      if (round > 0) times[index]?.push(performance.now() - started); // the first run fills caches
    }
  }
  return times.map((list) => list.sort((one, other) => one - other)[ROUNDS >> 1] ?? NaN);
}

/** Prints how long programs take beside the first one, which is empty. */
async function printStartUp(
  programs: readonly (readonly [name: string, command: readonly string[]])[],
): Promise<void> {
  const times = await medianMs(programs.map(([, command]) => command));
  console.log("\n| program | ms | ratio to the empty one |\n|---|---:|---:|");
  for (const [index, [name]] of programs.entries()) {
    const ratio = times[index]! / times[0]!;
    console.log(`| ${name} | ${times[index]!.toFixed(0)} | ${ratio.toFixed(2)} |`);
  }
}

const folder = await Deno.makeTempDir({ prefix: "cvm-weight-" });
try {
  console.log("| entry | minified and gzipped, KB |\n|---|---:|");
  let client = 0;
  for (const entry of ENTRIES) {
    const kb = await bundledKb(entry);
    if (entry === "transport/client.ts") client = kb;
    console.log(`| ${entry} | ${kb.toFixed(1)} |`);
  }
  const empty = `${folder}/empty.ts`;
  await Deno.writeTextFile(empty, "");
  const deno = [Deno.execPath(), "run", "--allow-read", "--allow-env"];
  const main = [...deno, "cli/main.ts"];
  await printStartUp([
    ["empty, `deno run`", [...deno, empty]],
    ["cvm --version", [...main, "--version"]],
    ["cvm --help", [...main, "--help"]],
    ["cvm config path", [...main, "config", "path"]],
  ]);
  const compiler = Deno.env.get("CVM_COMPILE_DENO") ?? Deno.execPath();
  const { files: [cvm], failures } = await compile({ folder, compiler });
  if (cvm === undefined) console.log(`\nno executable: ${[...failures.values()]}`);
  else {
    const small = `${folder}/empty`;
    await run(compiler, ["compile", "--no-config", "--no-lock", `--output=${small}`, empty]);
    await printStartUp([
      ["empty, executable", [small]],
      ["cvm --version", [cvm, "--version"]],
      ["cvm --help", [cvm, "--help"]],
      ["cvm config path", [cvm, "config", "path"]],
    ]);
    const [all, base] = await Promise.all([Deno.stat(cvm), Deno.stat(small)]);
    const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
    console.log(
      `\nexecutable: ${mb(all.size)} MB, the program in it ${mb(all.size - base.size)} MB`,
    );
  }
  if (client > CLIENT_BUDGET_KB) {
    console.error(`the client weighs ${client.toFixed(1)} KB, above its ${CLIENT_BUDGET_KB} KB`);
    Deno.exitCode = 1;
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
