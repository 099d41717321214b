import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCli } from "../../cli/app.ts";
import { formatNpub, PrivateKeySigner } from "../../crypto/mod.ts";
import { temporaryFolder, TestIo } from "./helpers.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const FRIEND = formatNpub(PrivateKeySigner.generate().pubkey);

/** A folder with an alias in the configuration, and a program `cvm` in `bin`. */
async function setUp() {
  const folder = await temporaryFolder();
  await Deno.mkdir(`${folder.path}/cvm`);
  await Deno.mkdir(`${folder.path}/bin`);
  const config = JSON.stringify({ aliases: { friend: FRIEND, foe: FRIEND } });
  await Deno.writeTextFile(`${folder.path}/cvm/config.json`, config);
  await Deno.writeTextFile(
    `${folder.path}/bin/cvm`,
    `#!/bin/sh\nexec "${Deno.execPath()}" run --quiet --no-prompt --config "${CONFIG}" --allow-read --allow-env "${MAIN}" "$@"\n`,
    { mode: 0o755 },
  );
  const env = {
    XDG_CONFIG_HOME: folder.path,
    HOME: folder.path,
    PATH: `${folder.path}/bin:${Deno.env.get("PATH")}`,
    // The program's own modules are cached where they always are.
    DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
  };
  return { env, path: folder.path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** Runs a script in a shell; `undefined`, and a word about it, where the shell is missing. */
async function inShell(
  shell: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<string | undefined> {
  try {
    const command = new Deno.Command(shell, {
      args: [...args],
      env,
      stderr: "piped",
      signal: AbortSignal.timeout(60_000),
    });
    const { stdout, stderr } = await command.output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log(`SKIPPED: ${shell} is not installed`);
    return undefined;
  }
}

Deno.test("cvm completion completes commands, options, values, aliases, settings and files", async () => {
  await using place = await setUp();
  const complete = async (...words: string[]) => {
    const io = Object.assign(new TestIo({ env: place.env }), { cwd: place.path });
    assertEquals(await runCli(["completion", "fish", ...words], io), 0, io.err);
    return io.out.split("\n").map((line) => line.split("\t")[0]).filter((line) => line !== "");
  };
  assertEquals(await complete("inspect", "fr"), ["friend"]);
  assertEquals(await complete("proxy", "--timeout", "3", "--stateless", "f"), ["friend", "foe"]);
  assertEquals((await complete("inspect", "friend", "f")).includes("friend"), false);
  assertEquals((await complete("gateway", "--", "f")).includes("friend"), false);
  assert((await complete("insp")).includes("inspect"));
  assert((await complete("inspect", "--enc")).includes("--encryption"));
  assert((await complete("inspect", "--encryption", "")).includes("required"));
  assert((await complete("config", "set", "proxy.h")).includes("proxy.http"));
  assert((await complete("config", "unset", "aliases.f")).includes("aliases.friend"));
  assert((await complete("config", "show", "ga")).includes("gateway"));
  assert((await complete("inspect", "--key-file", "x"))[0]?.startsWith("__FILE__"));
  // A configuration that can't be used is no reason to complete nothing.
  await Deno.writeTextFile(`${place.path}/cvm/config.json`, "{");
  assert((await complete("insp")).includes("inspect"));
  assertEquals((await complete("inspect", "fr")).includes("friend"), false);
});

Deno.test("cvm completion prints a script for each shell", async () => {
  for (const shell of ["bash", "zsh", "fish", "pwsh", "nu"]) {
    const io = new TestIo();
    assertEquals(await runCli(["completion", shell], io), 0);
    assertStringIncludes(io.out, "cvm");
  }
  const io = new TestIo();
  assertEquals(await runCli(["completion", "tcsh"], io), 2);
  assertStringIncludes(io.err, "bash");
});

Deno.test("bash completes an alias of cvm", async () => {
  await using place = await setUp();
  const script =
    'eval "$(cvm completion bash)"; COMP_WORDS=(cvm inspect fr); COMP_CWORD=2; COMP_LINE="cvm inspect fr"; COMP_POINT=14; _cvm; printf "<%s>" "${COMPREPLY[@]}"';
  const output = await inShell("bash", ["--norc", "-c", script], place.env);
  if (output !== undefined) assertEquals(output, "<friend>");
});

Deno.test("fish completes an alias of cvm", async () => {
  await using place = await setUp();
  const script = 'cvm completion fish | source; complete -C "cvm inspect fr"';
  const output = await inShell("fish", ["--no-config", "-c", script], place.env);
  if (output !== undefined) assertEquals(output, `friend\t${FRIEND}\n`);
});

Deno.test("zsh completes an alias of cvm", async () => {
  await using place = await setUp();
  // An interactive shell in a terminal of its own, into which the line is typed.
  const script = `
    zmodload zsh/zpty
    zpty inner zsh -f -i
    zpty -w inner 'PS1=; autoload -U compinit; compinit -u -D; eval "$(cvm completion zsh)"; echo re''ady'
    zpty -r inner first '*ready*'
    zpty -w -n inner $'cvm inspect fr\\t'
    zpty -r inner second '*friend*' && print -r -- "<$second>"
    zpty -d inner
  `;
  const output = await inShell("zsh", ["-f", "-c", script], place.env);
  if (output !== undefined) assertStringIncludes(output, "friend");
});
