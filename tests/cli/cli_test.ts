import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Server } from "@modelcontextprotocol/sdk/server";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { runCli } from "../../cli/app.ts";
import { Interrupt } from "../../cli/io.ts";
import { printError } from "../../cli/output.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { RelayFaults } from "../../transport/testing/mod.ts";
import { ReplayFile } from "../../cli/replay_file.ts";
import { formatNsec, generateKey, parseServerAddress, PrivateKeySigner } from "../../crypto/mod.ts";
import { COMMON_SCHEMA, toolSchemaHash } from "../../transport/discovery/mod.ts";
import { serve } from "../../transport/server.ts";
import { isAlive, serverCommand, temporaryFolder, TestIo, until } from "./helpers.ts";

const STRANGER = PrivateKeySigner.generate().pubkey;
/** Nobody listens on port 1 of this machine. */
const NO_RELAY = "ws://127.0.0.1:1";

/** Runs a command to its end. */
async function cvm(
  args: readonly string[],
  folder: string,
  { stdin, env }: { stdin?: string; env?: Record<string, string> } = {},
) {
  const io = new TestIo({
    env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder, ...env },
    stdin,
  });
  const code = await runCli(args, io);
  return { code, out: io.out, err: io.err };
}

/** Starts `cvm gateway` on a relay and waits until it is reachable. */
async function startGateway(relay: string, folder: string, options: readonly string[] = []) {
  const io = new TestIo({
    env: {
      ...Deno.env.toObject(),
      XDG_CONFIG_HOME: folder,
      FROM_OUTSIDE: "1",
      CVM_UPSTREAM_BEARER: "ours alone",
    },
  });
  const args = ["gateway", "--relay", relay, ...options, "--", ...serverCommand()];
  const ended = runCli(args, io);
  const nprofile = await until(() => /nprofile1[a-z0-9]+/.exec(io.err)?.[0]);
  return {
    io,
    nprofile,
    stop: async () => {
      io.controller.abort(new Interrupt("SIGTERM"));
      return await ended;
    },
    [Symbol.asyncDispose]: async () => {
      io.controller.abort(new Interrupt("SIGTERM"));
      await ended;
    },
  };
}

Deno.test("F30: bad input ends with the right exit code and a message that names the cause", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/broken.key`, "nsec1nothing\n");
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [[], 2, "Say what to do"],
    [["nonsense"], 2, "nonsense"],
    [["gateway", "--announce-relay", NO_RELAY, "--", "true"], 2, "without --announce"],
    [["gateway", "--servers", `${folder.path}/none.json`], 2, "none.json"],
    [["gateway", "--servers", "x.json", "--name", "x"], 2, "in the file"],
    [["gateway", "--header", "Authorization=Bearer x", "http://x.test"], 2, "command line"],
    [["gateway", "--header", "X=y", "--", "true"], 2, "at a URL"],
    [["gateway", "--allow-file", `${folder.path}/broken.key`, "--", "true"], 2, "broken.key:1:1"],
    [["gateway"], 2, "which command"],
    [["gateway", "--relai", NO_RELAY, "--", "cat"], 2, "`--relay`"],
    [["inspect", STRANGER, "--frmat", "json"], 2, "`--format`"],
    [["keys", "shwo"], 2, "`show`"],
    [["inspect", "not a key"], 2, "Not a server"],
    [["inspect", "some-alias"], 2, "some-alias"],
    [["proxy", "nsec1qqq"], 2, "private key"],
    [["inspect", STRANGER, "dance"], 2, "dance"],
    [["inspect", STRANGER, "call"], 2, "name"],
    [["inspect", STRANGER, "--relay", "http://relay.test"], 2, "http://relay.test"],
    [["inspect", STRANGER, "--key-file", `${folder.path}/broken.key`], 2, "broken.key"],
    [["inspect", STRANGER, "--encryption", "maybe"], 2, "maybe"],
    [["inspect", STRANGER, "--relay", NO_RELAY], 4, NO_RELAY],
    [["gateway", "--relay", NO_RELAY, "--", ...serverCommand()], 4, NO_RELAY],
    [["gateway", "--relay", NO_RELAY, "--", "no-such-command"], 4, "no-such-command"],
    [["gateway", "--relay", NO_RELAY, "--", "false"], 4, "exited with code 1"],
    // It never answers: the relay is to blame all the same, and at once.
    [["gateway", "--relay", NO_RELAY, "--", "sleep", "60"], 4, NO_RELAY],
    [["gateway", "--relay", NO_RELAY, "--allow", "npub1x", "--", ...serverCommand()], 2, "npub1x"],
    [["gateway", "--relay", NO_RELAY, "--env", "=x", "--", "true"], 2, "NAME=VALUE"],
    [["gateway", "--relay", NO_RELAY, "http://127.0.0.1:1/mcp"], 4, "can't be reached"],
    [["gateway", "--relay", NO_RELAY, "http://127.0.0.1:1/mcp", "more"], 2, "more"],
    [["gateway", "--relay", NO_RELAY, "ftp://127.0.0.1/mcp"], 2, "http://"],
    [["relay", "--port", "70000"], 2, "65"],
    [["relay", "--db", `${folder.path}/none/at/all.db`], 2, "all.db"],
    [["keys", "show", "nsec1secret"], 2, "command line"],
    [["keys", "show", "--key-file", `${folder.path}/none.key`], 2, "none.key"],
    [["keys", "show", "--key-file", `${folder.path}/broken.key`], 2, "broken.key"],
    [["keys", "show", "--key-file", folder.path], 2, "it is not a file"],
    [["keys", "show", "npub1x"], 2, "npub"],
  ];
  const wrong: string[] = [];
  for (const [args, code, message] of cases) {
    const started = Date.now();
    const result = await cvm(args, folder.path);
    const tookMs = Date.now() - started;
    const right = result.code === code && result.err.includes(message) && result.out === "";
    if (right && tookMs < 8_000) continue;
    wrong.push(
      `cvm ${args.join(" ")}: exit ${result.code} after ${tookMs} ms: ${result.err}${result.out}`,
    );
  }
  assertEquals(wrong, []);
});

Deno.test("F30: with --quiet nothing goes to standard error, and the exit code tells", async () => {
  await using folder = await temporaryFolder();
  for (
    const [args, code] of [
      [["inspect", STRANGER, "--relay", NO_RELAY, "--quiet"], 4],
      [["gateway", "--relay", NO_RELAY, "--quiet", "--", ...serverCommand()], 4],
      [["review", STRANGER, "--relay", NO_RELAY, "--quiet"], 4],
      [["keys", "show", "--key-file", folder.path, "--quiet"], 2],
      [["relay", "--bad", "--quiet"], 2],
      [["relay", "--quiet", "--config", NO_RELAY], 2],
    ] as const
  ) {
    const result = await cvm(args, folder.path);
    assertEquals([result.code, result.out, result.err], [code, "", ""], args.join(" "));
  }
});

Deno.test("--timeout bounds what relays take to answer, of what is read and what is published", async () => {
  await using folder = await temporaryFolder();
  const setup: { faults?: RelayFaults } = {};
  await using relay = await serveRelay({
    wrap: (engine) => setup.faults = new RelayFaults(engine),
  });
  for (
    const [args, fault, message] of [
      [["review", STRANGER], { withholdEose: true }, "no EOSE came"],
      [["announce", "show", STRANGER], { withholdEose: true }, "no EOSE came"],
      [["announce", "publish", "--", ...serverCommand()], { withholdOk: true }, "no OK came"],
    ] as const
  ) {
    setup.faults?.clear();
    setup.faults?.set(fault);
    const at = args.length - args.slice(2).length;
    const options = ["--relay", relay.url, "--timeout", "0.1"];
    const started = Date.now();
    const result = await cvm([...args.slice(0, at), ...options, ...args.slice(at)], folder.path);
    assert(result.code !== 0 && result.out === "", `${args.join(" ")}: ${result.code}`);
    assertStringIncludes(result.err, message);
    assert(Date.now() - started < 4_500, `${args.join(" ")} waited as long as by default`);
  }
});

Deno.test("F30: with --format json an error is one JSON line on standard error", async () => {
  await using folder = await temporaryFolder();
  for (
    const args of [["inspect", "x y"], ["inspect", STRANGER, "--relay", NO_RELAY], [
      "relay",
      "--bad",
    ]]
  ) {
    const { code, err } = await cvm([...args, "--format", "json"], folder.path);
    const lines = err.trim().split("\n");
    assertEquals(lines.length, 1);
    assertEquals(JSON.parse(lines[0]!).error.exitCode, code);
    assertEquals((await cvm([...args, "--format=json"], folder.path)).err, err);
    assertEquals((await cvm(args, folder.path, { env: { CVM_FORMAT: "json" } })).err, err);
  }
});

Deno.test("F30: each error is a line that begins alike, also one about the command line", async () => {
  await using folder = await temporaryFolder();
  for (
    const [args, line] of [
      [["relay", "--bda"], "cvm: Unexpected option: `--bda`. Did you mean `--db`?\n"],
      [["--quite", "relay"], "cvm: Unexpected option"],
      [["--db", "x", "relay"], "cvm: "],
      [["relay", "--config", "nowhere"], "cvm: the configuration file nowhere"],
    ] as const
  ) {
    const { code, err } = await cvm(args, folder.path);
    assertEquals([code, err.split("\n").length], [2, 2], err);
    assertEquals(err.startsWith(line), true, err);
  }
});

Deno.test("F14: who asks for a server that nobody runs learns it within the connect timeout", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const waits = ["--relay", relay.url, "--connect-timeout", "0.5"];
  for (const args of [["ping"], ["ping", "--stateless"], ["ping", "--timeout", "0.4"]]) {
    const started = Date.now();
    const { code, err } = await cvm(["inspect", STRANGER, ...args, ...waits], folder.path);
    assertEquals(code, 4);
    assertStringIncludes(err, "the server did not answer");
    assertStringIncludes(err, relay.url);
    assert(Date.now() - started < 5_000);
  }
});

Deno.test("cvm needs no home folder when the key comes from elsewhere", async () => {
  const nsec = formatNsec(generateKey());
  const io = new TestIo({ env: { CVM_PRIVATE_KEY: nsec } });
  const code = await runCli(["inspect", STRANGER, "--relay", NO_RELAY], io);
  assertEquals(code, 4, io.err);
  assert(!io.err.includes(nsec));
  const homeless = new TestIo({ env: {} });
  assertEquals(await runCli(["inspect", STRANGER, "--relay", NO_RELAY], homeless), 2);
  assertStringIncludes(homeless.err, "--key-file");
});

Deno.test("F30: a name that does not exist gets the one that was probably meant", async () => {
  await using folder = await temporaryFolder();
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["gatway"], "gateway"],
    [["inspect", "--relya", "x"], "--relay"],
    [["inspect", "x", "--formt=json"], "--format"],
    [["proxy", "x", "--htp", "1"], "--http"],
    [["relay", "--prot", "1"], "--port"],
    [["keys", "generat"], "generate"],
    [["keys", "nonsense"], "nonsense"],
    [["keys"], "generate"],
    [["config", "shwo"], "show"],
    [["config", "show", "gatway"], "gateway"],
    [[], "gateway"],
  ];
  for (const [args, meant] of cases) {
    for (const format of ["text", "json"]) {
      const words = args.length < 2 ? args : [...args, "--format", format];
      const { code, out, err } = await cvm(words, folder.path);
      assertEquals([code, out], [2, ""], args.join(" "));
      const text = format === "json" && args.length > 1 ? JSON.parse(err).error.message : err;
      assert(text.includes(meant), `cvm ${args.join(" ")}: ${text}`);
    }
  }
});

Deno.test("cvm --version and --help print to standard output and end with 0", async () => {
  await using folder = await temporaryFolder();
  const version = await cvm(["--version"], folder.path);
  assertMatch(version.out, /^\d+\.\d+\.\d+\n$/);
  for (
    const args of [["--help"], ["help", "gateway"], ["inspect", "--help"], ["keys", "--help"], [
      "config",
      "set",
      "--help",
    ]]
  ) {
    const help = await cvm(args, folder.path);
    assertEquals([help.code, help.err], [0, ""]);
    assertStringIncludes(help.out, "Usage:");
  }
});

Deno.test("cvm gateway and cvm inspect: the whole path, with types by the schema (F31) and an address with hints (F34)", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using gateway = await startGateway(relay.url, folder.path, [
    "--announce",
    "--name",
    "Test",
  ]);
  const inspect = (...args: string[]) => cvm(["inspect", gateway.nprofile, ...args], folder.path);

  const overview = await inspect("--format", "json");
  assertEquals(overview.code, 0, overview.err);
  const report = JSON.parse(overview.out);
  assertEquals(report.name, "Test");
  assertEquals(report.relays[0].url, relay.url);
  assert(report.tools.length > 5);
  assert(["native", "wasm"].includes(report.engine), report.engine);

  // F31: what looks like a number stays text where the schema says text.
  const words = ["text=007", "count=007", "loud=true", 'tags=["a"]', "more:=[1]"];
  const call = await inspect("call", "echo", ...words);
  assertEquals(call.code, 0, call.err);
  assertEquals(JSON.parse(call.out), { text: "007", count: 7, loud: true, tags: ["a"], more: [1] });
  const wrong = await inspect("call", "echo", "text=x", "count=seven");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, '"count" must be integer');

  // F30: a tool that reports an error is not exit 0; what it said is printed.
  const failed = await inspect("call", "fail");
  assertEquals([failed.code, failed.out], [5, "this tool always fails\n"]);
  assertEquals((await inspect("call", "nope")).code, 2);
  assertEquals((await inspect("ping", "--stateless")).code, 0);
  assertEquals(
    (await inspect("tools", "--format", "jsonl")).out.trim().split("\n").length,
    report.tools.length,
  );

  // F34: the same through an alias.
  await Deno.writeTextFile(
    `${folder.path}/cvm/config.json`,
    JSON.stringify({ aliases: { friend: gateway.nprofile } }),
  );
  assertEquals((await cvm(["inspect", "friend", "ping", "--stateless"], folder.path)).code, 0);
  assertEquals(await gateway.stop(), 0);
});

Deno.test("F34: a broken configuration is an error and stays as it is", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(`${folder.path}/cvm`);
  await Deno.writeTextFile(`${folder.path}/cvm/config.json`, "{ aliases: 1");
  const { code, err } = await cvm(["inspect", STRANGER], folder.path);
  assertEquals(code, 2);
  assertStringIncludes(err, "config.json");
  assertEquals(await Deno.readTextFile(`${folder.path}/cvm/config.json`), "{ aliases: 1");
});

Deno.test("F33: the child gets the environment that the user expects", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await Deno.writeTextFile(`${folder.path}/vars`, "FROM_FILE='a b'\nBOTH=file\n");
  const environment = async (options: readonly string[]) => {
    await using gateway = await startGateway(relay.url, folder.path, options);
    const names = '["FROM_OUTSIDE","FROM_FILE","BOTH","CVM_UPSTREAM_BEARER"]';
    const { out, err } = await cvm(
      ["inspect", gateway.nprofile, "call", "env", `names:=${names}`],
      folder.path,
    );
    assertEquals(err, "");
    return JSON.parse(out);
  };
  assertEquals(await environment([]), { FROM_OUTSIDE: "1" });
  const files = ["--env-file", `${folder.path}/vars`, "--env", "BOTH=flag"];
  assertEquals(await environment(files), { FROM_OUTSIDE: "1", FROM_FILE: "a b", BOTH: "flag" });
  assertEquals(await environment(["--clean-env", ...files]), { FROM_FILE: "a b", BOTH: "flag" });
  await using gateway = await startGateway(relay.url, folder.path, ["--cwd", folder.path]);
  const { out } = await cvm(["inspect", gateway.nprofile, "call", "cwd"], folder.path);
  assertEquals(out.trim(), await Deno.realPath(folder.path));
});

Deno.test("F01: cvm gateway keeps what it has run, for its next life", async () => {
  await using relay = await serveRelay();
  await using folder = await temporaryFolder();
  const gateway = await startGateway(relay.url, folder.path);
  const { pubkey } = parseServerAddress(gateway.nprofile);
  await cvm(["inspect", gateway.nprofile, "call", "echo", "message=x"], folder.path);
  assertEquals(await gateway.stop(), 0);
  using kept = await ReplayFile.open(`${folder.path}/cvm/replay/${pubkey}.db`);
  const events = [...kept.load().events];
  assert(events.length >= 3, `${events.length} events are kept`);
  const now = Date.now() / 1000;
  for (const [, createdAt] of events) assert(Math.abs(now - createdAt) < 60);
});

Deno.test("F28: cvm gateway restarts its child, and ends with it and all that it started", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using gateway = await startGateway(relay.url, folder.path);
  const call = async (...words: string[]) =>
    await cvm(["inspect", gateway.nprofile, "call", ...words], folder.path);
  const pid = Number((await call("pid")).out);
  const grandchild = Number((await call("spawn")).out);
  assert(isAlive(pid) && isAlive(grandchild));
  const started = Date.now();
  const died = await call("die", "code:=3");
  assertEquals(died.code, 5);
  assertStringIncludes(died.err, "exited with code 3");
  assert(Date.now() - started < 3_000);
  await until(() => !isAlive(grandchild));
  const again = await until(async () => {
    const { code, out } = await call("pid");
    return code === 0 ? Number(out) : undefined;
  });
  assert(again !== pid && isAlive(again));
  await gateway.stop();
  await until(() => !isAlive(again));
});

Deno.test("F07: key files are for their owner only, and no key is printed", async () => {
  await using folder = await temporaryFolder();
  const made = await cvm(["keys", "generate"], folder.path);
  assertEquals(made.code, 0, made.err);
  const file = `${folder.path}/cvm/keys/client.key`;
  assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);
  const nsec = (await Deno.readTextFile(file)).trim();
  assert(!`${made.out}${made.err}`.includes(nsec));
  const again = await cvm(["keys", "generate"], folder.path);
  assertEquals(again.code, 2);
  assertStringIncludes(again.err, "never overwritten");
  const shown = await cvm(["keys", "show"], folder.path);
  assertStringIncludes(shown.out, made.out.trim());
  assert(!shown.out.includes(nsec));
  const secret = await cvm(["keys", "show", "--secret", "--key-file", "-"], folder.path, {
    stdin: nsec,
  });
  assertStringIncludes(secret.out, nsec);

  // A file that others can read is used, with a warning.
  await Deno.chmod(file, 0o644);
  for (const args of [["keys", "show"], ["inspect", STRANGER, "--relay", NO_RELAY]]) {
    assertStringIncludes((await cvm(args, folder.path)).err, `chmod 600 ${file}`);
  }
  // Nor does a gateway tell what stands in the script that starts its server.
  const script = "TOKEN=tk-secret exec cat";
  const started = await cvm(
    ["gateway", "--relay", NO_RELAY, "--", "sh", "-c", script],
    folder.path,
  );
  const names = [...Deno.readDirSync(`${folder.path}/cvm/keys`)].map(({ name }) => name);
  assertEquals(names.filter((name) => name.startsWith("gateway-sh-")).length, 1);
  assert(!`${started.err}${names}`.includes("secret"));
});

Deno.test("CEP15-11: cvm inspect warns of a tool that does not have the common schema that it claims", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const honest = { name: "honest", inputSchema: { type: "object" as const } };
  const schemaHash = toolSchemaHash(honest);
  const _meta = { [COMMON_SCHEMA]: { schemaHash } };
  await using server = await serve(() => {
    const mcp = new Server({ name: "s", version: "1" }, { capabilities: { tools: {} } });
    mcp.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: [{ ...honest, _meta }, { ...honest, name: "liar\u001b[2J", _meta }],
    }));
    return mcp;
  }, { signer: PrivateKeySigner.generate(), relays: [relay.url] });
  const args = ["inspect", server.publicKey, "--relay", relay.url];
  const { out, code, err } = await cvm([...args, "--format", "text"], folder.path);
  assertEquals(code, 0, err);
  assertMatch(out, new RegExp(`common schema +honest +matches ${schemaHash}`));
  assertMatch(out, /warning +liar.* does not have the common schema/);
  assertEquals(out.includes("\u001b"), false);
});

Deno.test("runCli() ends with 130 when SIGTERM stops what has not done what it was to do", async () => {
  await using folder = await temporaryFolder();
  for (const by of ["SIGTERM", "SIGINT"]) {
    const io = new TestIo({ env: { XDG_CONFIG_HOME: folder.path } });
    const ended = runCli(["call", STRANGER, "x", "--relay", NO_RELAY], io);
    io.controller.abort(new Interrupt(by));
    assertEquals([await ended, io.err], [130, ""]);
  }
});

Deno.test("printError() says nothing when nobody reads on", async () => {
  const io = new TestIo();
  assertEquals(await printError(new Deno.errors.BrokenPipe("Broken pipe"), io, "json"), 1);
  assertEquals(io.err, "");
});
