/**
 * What the toolkit weighs, and how soon the command line is there:
 * `deno task bench:weight`. Ends with 1 when the client is above its budget.
 */
const ROUNDS = 15;
/** The client with all that it imports, the MCP SDK kept outside: it imports none of it. */
const CLIENT_BUDGET_KB = 60;
const ENTRIES = ["transport/client.ts", "transport/server.ts", "crypto/mod.ts", "mod.ts"];
const PROJECT = new URL("..", import.meta.url);

async function deno(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: PROJECT,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function gzippedKb(path: string): Promise<number> {
  using file = await Deno.open(path);
  let bytes = 0;
  const gzip = new CompressionStream("gzip");
  for await (const chunk of file.readable.pipeThrough(gzip)) bytes += chunk.length;
  return bytes / 1_000;
}

/** The shortest of several runs: what the machine does beside makes runs longer, never shorter. */
async function shortestMs(commands: readonly (readonly string[])[]): Promise<number[]> {
  const shortest = commands.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, args] of commands.entries()) {
      const started = performance.now();
      await deno("run", "--allow-read", "--allow-env", ...args);
      shortest[index] = Math.min(shortest[index]!, performance.now() - started);
    }
  }
  return shortest;
}

const folder = await Deno.makeTempDir({ prefix: "cvm-weight-" });
try {
  console.log("| entry | minified and gzipped, KB |\n|---|---:|");
  let client = 0;
  for (const entry of ENTRIES) {
    const output = `${folder}/bundle.js`;
    await deno("bundle", "--minify", "--platform", "browser", "--output", output, entry);
    const kb = await gzippedKb(output);
    if (entry === "transport/client.ts") client = kb;
    console.log(`| ${entry} | ${kb.toFixed(1)} |`);
  }
  const empty = `${folder}/empty.ts`;
  await Deno.writeTextFile(empty, "");
  const programs = [[empty], ["cli/main.ts", "--version"], ["cli/main.ts", "--help"]];
  const [base, ...times] = await shortestMs(programs);
  console.log("\n| program | ms | ratio to an empty one |\n|---|---:|---:|");
  console.log(`| empty | ${base!.toFixed(0)} | 1.0 |`);
  for (const [index, ms] of times.entries()) {
    const name = programs[index + 1]!.slice(1).join(" ");
    console.log(`| cvm ${name} | ${ms.toFixed(0)} | ${(ms / base!).toFixed(1)} |`);
  }
  if (client > CLIENT_BUDGET_KB) {
    console.error(`the client weighs ${client.toFixed(1)} KB, above its ${CLIENT_BUDGET_KB} KB`);
    Deno.exitCode = 1;
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
