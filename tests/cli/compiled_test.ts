import { assertEquals, assertMatch } from "@std/assert";
import { serverCommand, temporaryFolder, until } from "./helpers.ts";

const PROJECT = new URL("../..", import.meta.url).pathname;
/** A Deno that can compile, where this one can't; its runtime base comes from `DENORT_BIN`. */
const COMPILER = Deno.env.get("CVM_COMPILE_DENO") ?? Deno.execPath();

/** Compiles the program; `undefined` where no runtime base can be had. */
async function compile(folder: string): Promise<string | undefined> {
  const program = `${folder}/cvm`;
  const permissions = ["net", "read", "write", "env", "run", "sys"].map((name) =>
    `--allow-${name}`
  );
  const { success, stderr } = await new Deno.Command(COMPILER, {
    args: [
      "compile",
      "--no-lock",
      "--no-check",
      ...permissions,
      "--include",
      "cli/app.ts",
      "--output",
      program,
      "cli/main.ts",
    ],
    cwd: PROJECT,
    env: { RUST_MIN_STACK: "134217728" }, // Deno 2.4 overflows its stack over the graph of all packages
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return program;
  const reason = new TextDecoder().decode(stderr);
  if (!/dl\.deno\.land|denort|download/i.test(reason)) throw new Error(reason);
  return undefined;
}

async function run(program: string, args: readonly string[], env: Record<string, string>) {
  const output = await new Deno.Command(program, { args: [...args], env, stdin: "null" }).output();
  const decoder = new TextDecoder();
  return {
    code: output.code,
    out: decoder.decode(output.stdout),
    err: decoder.decode(output.stderr),
  };
}

/** Starts the program and waits for a word in what it prints. */
async function startUntil(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
  word: RegExp,
) {
  const child = new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let seen = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) seen += text;
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const found = await until(() => word.exec(seen)?.[0]).catch((error) => {
    throw new Error(`cvm ${args.join(" ")} printed: ${seen}`, { cause: error });
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await child.status;
    await collected;
  };
  return { found, [Symbol.asyncDispose]: stop };
}

Deno.test("the compiled program runs --version, relay, gateway and inspect", async () => {
  await using folder = await temporaryFolder();
  const program = await compile(folder.path);
  if (program === undefined) {
    console.log(
      "SKIPPED: no runtime base for `deno compile` can be had here; set CVM_COMPILE_DENO and DENORT_BIN",
    );
    return;
  }
  const env = { XDG_CONFIG_HOME: `${folder.path}/config`, CVM_COMPLETE_CACHE: "off" };
  assertMatch((await run(program, ["--version"], env)).out, /^\d+\.\d+\.\d+\n$/);
  await using relay = await startUntil(program, ["relay", "--port", "0"], env, /ws:\S+/);
  const args = ["gateway", "--relay", relay.found, "--", ...serverCommand()];
  await using gateway = await startUntil(program, args, env, /nprofile1[a-z0-9]+/);
  const call = await run(program, ["inspect", gateway.found, "call", "echo", "text=007"], env);
  assertEquals([call.code, call.out], [0, '{"text":"007"}\n'], call.err);
  const overview = await run(program, ["inspect", gateway.found, "--format", "json"], env);
  assertEquals(JSON.parse(overview.out).engine, "wasm", overview.err);
});
