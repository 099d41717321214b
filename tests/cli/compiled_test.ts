/**
 * Each command on the executable. It has to be made first, for which Deno needs its runtime base:
 * `CVM_COMPILE_DENO` and `DENORT_BIN` name a Deno that can compile, where the running one can't.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ChildProcessTransport } from "../../cli/child_process.ts";
import { openNativeEngine } from "../../cli/crypto/mod.ts";
import { helpPage } from "../../cli/help_pages.ts";
import { knownCommands } from "../../cli/known_commands.ts";
import { VERSION } from "../../cli/version.ts";
import { compile, UNFETCHED } from "../../scripts/compile.ts";
import { SUBCOMMANDS } from "../../cli/commands/inspect/words.ts";
import { serverCommand, temporaryFolder, until } from "./helpers.ts";

const MAX_MEGABYTES_OF_PROGRAM = 15;

/** Makes the executable; without a runtime base says why there is none. */
async function makeProgram(folder: string): Promise<{ program?: string; reason?: string }> {
  const compiler = Deno.env.get("CVM_COMPILE_DENO");
  try {
    const { files: [program], failures } = await compile({ folder, compiler });
    const [reason] = failures.values();
    if (reason !== undefined && !reason.startsWith(UNFETCHED)) throw new Error(reason);
    return { program, reason };
  } catch (error) {
    // An older Deno, or one that can't fetch esbuild.
    const cannotBundle = error instanceof Error && /2\.5 or newer|esbuild/.test(error.message);
    if (!cannotBundle) throw error;
    return { reason: error.message };
  }
}

/** The executable with a configuration folder of its own. */
class Program {
  readonly #file: string;
  readonly #env: Record<string, string>;
  readonly #cwd: string;

  constructor(file: string, folder: string) {
    this.#file = file;
    this.#env = { XDG_CONFIG_HOME: `${folder}/config` };
    this.#cwd = folder;
  }

  /** From now on the only relay that it knows: no test speaks to public ones. */
  useRelay(url: string): void {
    this.#env.CVM_RELAYS = url;
  }

  /** Runs it to its end; fails when it ends with another exit code than 0. */
  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command(this.#file, {
      args: [...args],
      env: { ...this.#env, ...env },
      cwd: this.#cwd,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    assertEquals(code, 0, `cvm ${args.join(" ")}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  /** Runs it until the scope ends; `seen()` is what it has printed so far. */
  start(...args: readonly string[]) {
    const child = new Deno.Command(this.#file, {
      args: [...args],
      env: this.#env,
      cwd: this.#cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let seen = "";
    const collect = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) seen += text;
    };
    const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
    return {
      word: async (pattern: RegExp): Promise<string> => {
        const failed = () => new Error(`cvm ${args.join(" ")} printed: ${seen}`);
        const poll = () => pattern.exec(seen)?.[0];
        return await until(poll, 20_000).catch(() => Promise.reject(failed()));
      },
      [Symbol.asyncDispose]: async () => {
        child.kill("SIGTERM");
        await child.status;
        await collected;
      },
    };
  }

  /** A connection to it as an MCP host has one. */
  asServer(...args: readonly string[]): ChildProcessTransport {
    const env = { ...Deno.env.toObject(), ...this.#env };
    return new ChildProcessTransport({ command: this.#file, args: [...args], env });
  }
}

/** A command line, and what it prints. */
type Case = readonly [args: readonly string[], expected: RegExp];

async function checkEach(program: Program, cases: readonly Case[]): Promise<void> {
  for (const [args, expected] of cases) {
    assertMatch(await program.run(args), expected, `cvm ${args.join(" ")}`);
  }
}

/** Calls a tool by a transport, as an MCP host does. */
async function callEcho(transport: Parameters<Client["connect"]>[0]): Promise<string> {
  const host = new Client({ name: "host", version: "1.0.0" });
  await host.connect(transport);
  const { content } = await host.callTool({ name: "echo", arguments: { text: "007" } });
  await host.close();
  return JSON.stringify(content);
}

Deno.test("the executable runs each command", async (t) => {
  await using folder = await temporaryFolder();
  const { program: file, reason } = await makeProgram(folder.path);
  if (file === undefined) {
    console.log(`SKIPPED, see the head of this file: ${reason}`);
    return;
  }
  const program = new Program(file, folder.path);
  const untested = new Set(knownCommands().map(({ path }) => path.join(" ")));
  /** One command or several, with their cases. */
  const step = async (names: string, test: () => Promise<void>) => {
    await t.step(names, test);
    for (const name of names.split(", ")) untested.delete(name);
  };

  await step("its size", async () => {
    const base = Deno.env.get("DENORT_BIN");
    if (base === undefined) return; // nothing to compare with
    const bytes = (await Deno.stat(file)).size - (await Deno.stat(base)).size;
    assert(bytes < MAX_MEGABYTES_OF_PROGRAM * 1e6, `${bytes} bytes above the runtime`);
  });

  await step("--version, --help, help, completion", () =>
    checkEach(program, [
      [["--version"], new RegExp(`^${RegExp.escape(VERSION)}\n$`)],
      [["--help"], /^cvm, ContextVM/],
      [["completion", "bash"], /complete -F _cvm/],
      [["completion", "fish", "key"], /keys/],
    ]));
  assertEquals(await program.run(["help", "keys"]), helpPage(["help", "keys"], false));

  await step("config path, config set, config show, config unset", () =>
    checkEach(program, [
      [["config", "path"], /user file, not there/],
      [["config", "set", "aliases.me", `${"0".repeat(63)}2`], /has been changed/],
      [["config", "show"], /aliases\.me/],
      [["config", "unset", "aliases.me"], /has been changed/],
    ]));

  await Deno.writeTextFile(`${folder.path}/password`, "a password");
  const locked = ["--key-file", "a.key", "--password-file", "password"];
  await step(
    "keys generate, keys show, keys encrypt, keys decrypt, keys import",
    () =>
      checkEach(program, [
        [["keys", "generate", "--key-file", "a.key"], /^npub1/],
        [["keys", "encrypt", ...locked], /^npub1/],
        [["keys", "show", ...locked], /nprofile1/],
        [["keys", "decrypt", ...locked], /^npub1/],
        [["keys", "import", "--from", "a.key", "--key-file", "b.key"], /^npub1/],
      ]),
  );

  await using relay = program.start("relay", "--port", "0", "--db", "relay.db");
  let relayUrl = "";
  await step("relay", async () => {
    relayUrl = await relay.word(/ws:\/\/[\d.:]+/);
    program.useRelay(relayUrl);
  });

  const [command = "", ...args] = serverCommand();
  const entry = { command, args, cvm: { name: "Echo", announce: true } };
  const servers = { mcpServers: { one: entry, two: entry } };
  await Deno.writeTextFile(`${folder.path}/servers.json`, JSON.stringify(servers));
  const options = ["--servers", "servers.json", "--health", "0"];
  await using gateway = program.start("gateway", ...options);
  let [one, two] = ["", ""];
  await step("gateway", async () => {
    const address = "[^]*?(?<=nprofile +)nprofile1\\w+";
    for (const name of ["one", "two"]) {
      const text = await gateway.word(new RegExp(`the server ${name} is on Nostr${address}`));
      if (name === "one") one = text.slice(text.lastIndexOf("nprofile1"));
      else two = text.slice(text.lastIndexOf("nprofile1"));
    }
    const health = await gateway.word(/http:\/\/[\d.:]+/);
    const ready = await (await fetch(`${health}/readyz`)).json();
    assertEquals([ready.ready, ready.servers.length], [true, 2]);
    assertStringIncludes(await (await fetch(`${health}/metrics`)).text(), "cvm_sessions");
  });

  const inspected: readonly (readonly [words: readonly string[], expected: RegExp])[] = [
    [["doctor"], /ok +server/],
    [["tools"], /^echo\(text: string/],
    [["resources"], /^test:\/\/one/],
    [["templates"], /^test:\/\/\{id\}/],
    [["prompts"], /^greet\(who\)/],
    [["schema", "echo"], /"inputSchema"/],
    [["call", "echo", "text=007"], /^\{"text":"007"\}\n$/],
    [["read", "test://one"], /^content of/],
    [["get", "greet", "who=you"], /Hello you/],
    [["ping", "--pings", "2"], /^2 of 2 answered/],
    [["raw", "tools/list", "{}"], /"tools"/],
    [["diff", two], /./],
  ];
  const watched = async () => {
    await using watch = program.start("inspect", "watch", "--record", "traffic");
    await watch.word(/watching/i);
    await program.run(["call", one, "echo", "text=007"]);
    await watch.word(/result #cvm-call/);
  };
  await step("inspect", async () => {
    await checkEach(
      program,
      inspected.map(([words, expected]) => [["inspect", one, ...words], expected]),
    );
    await watched();
    assertMatch(await program.run(["inspect", "replay", "traffic"]), /result #cvm-call/);
    const stdio = ["inspect", "--stdio", "tools", "--", ...serverCommand()];
    assertMatch(await program.run(stdio), /^echo\(/);
    const done = new Set([...inspected.map(([[word]]) => word), "watch", "replay"]);
    const left = [...SUBCOMMANDS.keys()].filter((name) => !done.has(name));
    assertEquals(left, ["complete"], "which the server does not have");
  });

  await step("the engines", async () => {
    const overview = ["inspect", one, "--format", "json"];
    const chosen = await program.run(overview, { CVM_ENGINE: "wasm" });
    assertEquals(JSON.parse(chosen).engine, "wasm");
    using native = openNativeEngine();
    const { engine } = JSON.parse(await program.run(overview));
    assertEquals(engine, native === undefined ? "wasm" : "native");
  });

  await step("bench", () =>
    checkEach(program, [
      [["bench", "--relay", relayUrl, "--calls", "2", "--answer", "0"], /encrypted/],
      [["bench", one, "--calls", "2"], /as negotiated/],
    ]));

  await step("call, discover, review, codegen", () =>
    checkEach(program, [
      [["call", one, "echo", "text=007"], /^\{"text":"007"\}\n$/],
      [["discover"], /^npub1\w+ {2}Echo/],
      [["review", one, "write", "does what it says"], /^[0-9a-f]{64}\n/],
      [["review", one], /does what it says/],
      [["codegen", one], /^\/\/ Made by `cvm codegen`/],
    ]));

  const announced = ["--", ...serverCommand()];
  await step(
    "announce preview, announce publish, announce show, announce delete",
    () =>
      checkEach(program, [
        [["announce", "preview", "--name", "Two", ...announced], /"Two"/],
        [["announce", "publish", "--name", "Two", ...announced], /published: server/],
        [["announce", "show", ...announced], /"Two"/],
        [["announce", "delete", ...announced], /./],
      ]),
  );

  await step("proxy", async () => {
    assertStringIncludes(await callEcho(program.asServer("proxy", one)), "007");
    await using proxy = program.start("proxy", "--http", "0", one);
    const mcp = await proxy.word(/http:\/\/[\d.:]+\/mcp/);
    assertStringIncludes(await callEcho(new StreamableHTTPClientTransport(new URL(mcp))), "007");
    const install = ["proxy", "--install", "cursor", "--dry-run", one];
    assertMatch(await program.run(install), /"mcpServers"/);
  });

  assertEquals([...untested], [], "each command has a case");
});
