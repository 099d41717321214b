import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { runCli } from "../../../cli/app.ts";
import { Interrupt } from "../../../cli/io.ts";
import { parseJson } from "../../../cli/json_document.ts";
import { serveRelay } from "../../../cli/relay/mod.ts";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { serve } from "../../../transport/server.ts";
import { temporaryFolder, TestIo, until } from "../helpers.ts";

const STRANGER = PrivateKeySigner.generate().pubkey;

/** A server whose tools say its name. */
async function startServer(relay: string, name: string, tools: readonly string[]) {
  return await serve(() => {
    const mcp = new McpServer({ name, version: "1" });
    for (const tool of tools) {
      mcp.registerTool(tool, {}, () => ({ content: [{ type: "text", text: `${name} ${tool}` }] }));
    }
    return mcp;
  }, { signer: PrivateKeySigner.generate(), relays: [relay] });
}

/** Runs a command to its end. */
async function cvm(args: readonly string[], folder: string, env: Record<string, string> = {}) {
  const io = new TestIo({ env: { XDG_CONFIG_HOME: folder, ...env } });
  const code = await runCli(args, io);
  return { code, out: io.out, err: io.err };
}

Deno.test("cvm proxy puts the name of its server before each tool when there are several, and leaves tools out", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using one = await startServer(relay.url, "One", ["read", "write"]);
  await using two = await startServer(relay.url, "Two", ["read", "delete"]);
  await Deno.mkdir(`${folder.path}/cvm`);
  await Deno.writeTextFile(
    `${folder.path}/cvm/config.json`,
    JSON.stringify({ aliases: { second: two.publicKey } }),
  );
  const io = new TestIo({ env: { XDG_CONFIG_HOME: folder.path } });
  const ended = runCli([
    ...["proxy", "--http", "0", "--relay", relay.url, "--deny-tool", "*__delete"],
    ...[`first=${one.publicKey}`, "second", `gone=${STRANGER}`, "--timeout", "5"],
  ], io);
  const url = await until(() => /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(io.err)?.[0]);
  const client = new Client({ name: "host", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const { tools } = await client.listTools();
  assertEquals(tools.map(({ name }) => name), ["first__read", "first__write", "second__read"]);
  const { content } = await client.callTool({ name: "second__read" });
  assertEquals(content, [{ type: "text", text: "Two read" }]);
  await assertRejects(() => client.callTool({ name: "second__delete" }), Error, "Unknown tool");
  await client.close();
  io.controller.abort(new Interrupt("SIGTERM"));
  assertEquals(await ended, 0);
});

Deno.test("F30: cvm proxy says what does not fit together", async () => {
  await using folder = await temporaryFolder();
  const cases: readonly [readonly string[], string][] = [
    [["--http-idle", "5", STRANGER], "--http-idle does nothing without --http"],
    [["--http-max-sessions", "5", STRANGER], "--http-max-sessions does nothing without --http"],
    [["--http-bearer-file", "x", STRANGER], "--http-bearer-file does nothing without --http"],
    [["--dry-run", STRANGER], "--dry-run does nothing without --install"],
    [["--name", "x", STRANGER], "--name does nothing without --install"],
    [["--http-origin", "https://a.example", STRANGER], "--http-origin does nothing without --http"],
    [["--http", "0", "--http-origin", "https://a.example/x", STRANGER], "is no origin"],
    [["--http", "0", "--http-origin", "*", STRANGER], "is no origin"],
    [["--install-file", "x", STRANGER], "--install-file does nothing without --install"],
    [["--install", "cursor", "--http", "1", STRANGER], "--install is for stdio"],
    [[STRANGER, STRANGER], "of several servers each needs a name"],
    [[`a=${STRANGER}`, `a=${STRANGER}`], 'two servers are called "a"'],
    [[`a__b=${STRANGER}`, `a=${STRANGER}`], "can't begin the name of a tool"],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await cvm(["proxy", ...args], folder.path);
    assertEquals(code, 2, err);
    assertStringIncludes(err, message);
  }
});

Deno.test("cvm proxy --quiet writes nothing to standard error, also when it fails", async () => {
  await using folder = await temporaryFolder();
  const args = ["proxy", "--relay", "http://no.relay", STRANGER, "--http", "0"];
  const loud = await cvm(args, folder.path);
  const quiet = await cvm([...args, "--quiet"], folder.path);
  assertEquals([loud.code, loud.err === ""], [2, false]);
  assertEquals([quiet.code, quiet.err], [2, ""]);
});

Deno.test("cvm proxy --install enters the proxy in a host's configuration, and keeps what is there", async () => {
  await using folder = await temporaryFolder();
  const env = { HOME: folder.path };
  const file = `${folder.path}/.cursor/mcp.json`;
  const install = (...args: string[]) =>
    cvm(["proxy", "--install", "cursor", STRANGER, ...args], folder.path, env);

  const dry = await install("--dry-run", "--name", "friend");
  assertEquals(dry.code, 0, dry.err);
  assertStringIncludes(dry.out, file);
  await assertRejects(() => Deno.stat(file), Deno.errors.NotFound);

  assertEquals((await install("--name", "friend", "--tool", "a*")).code, 0);
  const made = JSON.parse(await Deno.readTextFile(file));
  assertEquals(made.mcpServers.friend.args.slice(-4), ["proxy", STRANGER, "--tool", "a*"]);
  assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);

  // Comments and other servers stay, and the file before is kept.
  const before = '{\n  // mine\n  "mcpServers": {\n    "other": {"command": "x"},\n  },\n}\n';
  await Deno.writeTextFile(file, before);
  const done = await install("--name", "friend", "--format", "json");
  const { backup } = JSON.parse(done.out);
  assertEquals(await Deno.readTextFile(backup), before);
  const after = await Deno.readTextFile(file);
  assertStringIncludes(after, "// mine");
  const entries = parseJson(after, file).fields().get("mcpServers")!.fields();
  assertEquals(entries.get("other")!.plain(), { command: "x" });
  assertEquals(entries.get("friend")!.fields().has("command"), true);

  // Once more changes nothing; another server of that name is not replaced.
  assertStringIncludes((await install("--name", "friend")).out, "already");
  const clash = await install("--name", "other");
  assertEquals(clash.code, 2);
  assertStringIncludes(clash.err, 'has another server "other"');
  assertEquals(await Deno.readTextFile(file), after);

  // A file that is broken is told of, and not touched.
  for (const broken of ['{"mcpServers": {', "[]", '{"mcpServers": []}']) {
    await Deno.writeTextFile(file, broken);
    const { code, err } = await install("--name", "friend");
    assertEquals(code, 2);
    assertStringIncludes(err, "mcp.json:1:");
    assertEquals(await Deno.readTextFile(file), broken);
  }
  assertEquals((await cvm(["proxy", "--install", "cursor", "nonsense"], folder.path, env)).code, 2);

  const hosts = [
    ["vscode", "User/mcp.json", '"servers"'],
    ["vscode", "User/mcp.json", '"type": "stdio"'],
    ["claude", "claude_desktop_config.json", '"mcpServers"'],
    ["claude-code", " .mcp.json", '"type": "stdio"'],
    ["gemini", ".gemini/settings.json", '"mcpServers"'],
    ["windsurf", ".codeium/windsurf/mcp_config.json", '"mcpServers"'],
  ] as const;
  for (const [host, where, what] of hosts) {
    const args = ["proxy", "--install", host, STRANGER, "--dry-run"];
    const { out } = await cvm(args, folder.path, env);
    assertStringIncludes(out, where);
    assertStringIncludes(out, what);
  }
});

Deno.test("cvm proxy --install writes what an alias stands for: a project's are known in its folder alone", async () => {
  await using folder = await temporaryFolder();
  const config = `${folder.path}/project.json`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({ aliases: { friend: STRANGER, foe: STRANGER } }),
  );
  const env = { HOME: folder.path, CVM_CONFIG: config };
  const serversOf = async (...servers: readonly string[]) => {
    const args = ["proxy", "--install", "cursor", "--dry-run", "--format", "json", ...servers];
    const { args: written } = JSON.parse((await cvm(args, folder.path, env)).out).entry;
    return written.slice(written.indexOf("proxy") + 1);
  };
  assertEquals(await serversOf("friend"), [STRANGER]);
  assertEquals(await serversOf("friend", "x=foe"), [`friend=${STRANGER}`, `x=${STRANGER}`]);
});

Deno.test("cvm proxy --install-file enters the proxy in a file that is not in its usual place", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/new/host.json`;
  const args = ["proxy", "--install", "vscode", "--install-file", file, "--name", "x", STRANGER];
  const { code, err } = await cvm([...args, "--key-file", "my.key"], folder.path, {});
  assertEquals(code, 0, err);
  const { servers } = JSON.parse(await Deno.readTextFile(file));
  assertEquals(servers.x.type, "stdio");
  // A host starts it in a folder of its own choice.
  const own = [STRANGER, "--key-file", `${Deno.cwd()}/my.key`];
  assertEquals(servers.x.args.slice(-3), own);
});
