import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Client } from "@modelcontextprotocol/sdk/client";
import { serveRelay } from "../../../cli/relay/mod.ts";
import {
  formatNpub,
  formatNsec,
  generateKey,
  parseServerAddress,
  PrivateKeySigner,
} from "../../../crypto/mod.ts";
import { describeServer } from "../../../transport/discovery/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { SdkPeer } from "../../interop/_sdk_peer.ts";
import { entry, startGateway, temporaryFolder, until, visit } from "./_run.ts";

/** A folder with a file of servers, and a gateway's command line for it. */
async function setUp(mcpServers: Record<string, unknown>) {
  const folder = await temporaryFolder();
  const relay = await serveRelay();
  const file = `${folder.path}/mine.json`;
  await Deno.writeTextFile(file, JSON.stringify({ mcpServers }));
  const run = (...args: string[]) =>
    startGateway(["--relay", relay.url, "--servers", file, "--one-key", ...args], {
      folder: folder.path,
    });
  return {
    relay,
    file,
    folder: folder.path,
    run,
    [Symbol.asyncDispose]: async () => {
      await relay.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The names of the tools that a client sees, by server. */
async function toolsOf(client: Client): Promise<Record<string, readonly string[]>> {
  const tools: Record<string, string[]> = {};
  for (const { name } of (await client.listTools()).tools) {
    const [server = "", tool = ""] = name.split("__");
    (tools[server] ??= []).push(tool);
  }
  return tools;
}

Deno.test("cvm gateway --one-key: the servers of a file are one, whose key stays; a bad entry stands in nobody's way", async () => {
  await using place = await setUp({
    one: entry({ env: { WORD: "first" }, cvm: { tools: ["env", "pid", "echo"] } }),
    two: entry({ env: { WORD: "second" }, disabledTools: ["die"] }),
    "no name": entry(),
    own: entry({ cvm: { allow: [] } }),
    broken: { command: "no-such-command" },
  });
  const addresses: string[] = [];
  for (const args of [["--deny-tool", "*__echo"], ["--tool", "two__e*"]]) {
    await using gateway = place.run("--crash-limit", "1", ...args);
    const address = await gateway.address("mine");
    addresses.push(address);
    await using visitor = await visit(address);
    const tools = await toolsOf(visitor.client);
    if (args[0] === "--tool") {
      assertEquals(tools, { two: ["echo", "env"] });
      continue;
    }
    assertEquals([Object.keys(tools), tools.one], [["one", "two"], ["env", "pid"]]);
    assertEquals(tools.two!.filter((name) => name === "die" || name === "echo"), []);
    for (const [server, WORD] of [["one", "first"], ["two", "second"]]) {
      const env = await visitor.call(`${server}__env`, { names: ["WORD"] });
      assertEquals(env, JSON.stringify({ WORD }));
    }
    await assertRejects(() => visitor.call("two__die"), Error, "Unknown tool: die");
    await assertRejects(() => visitor.call("two__echo"), Error, "Unknown tool: two__echo");
    const { err } = gateway.io;
    assertMatch(err, /\[no name\] \S+mine.json:1:\d+: mcpServers.no name needs another name/);
    assertMatch(err, /\[own\] \S+mine.json:1:\d+: mcpServers.own.cvm.allow is about a key of its/);
    assertStringIncludes(err, "[broken] given up:");
  }
  assertEquals(addresses[0], addresses[1]);
  const keys = [...Deno.readDirSync(`${place.folder}/cvm/keys`)].map(({ name }) => name);
  assertMatch(keys.join(" "), /^servers-mine-\w+\.key$/);
});

Deno.test("cvm gateway --one-key takes --key-file and CVM_PRIVATE_KEY, and says what does not fit", async () => {
  await using place = await setUp({ one: entry(), two: entry() });
  const secretKey = generateKey();
  const signer = new PrivateKeySigner(secretKey);
  const keyFile = `${place.folder}/own.key`;
  await Deno.writeTextFile(keyFile, formatNsec(secretKey));
  await using gateway = place.run("--key-file", keyFile, "one");
  assertEquals(parseServerAddress(await gateway.address("mine")).pubkey, signer.pubkey);
  await using visitor = await visit(await gateway.address("mine"));
  assertEquals(Object.keys(await toolsOf(visitor.client)), ["one"]);
  for (
    const [args, message] of [
      [["--env", "A=b"], "--env is about one server; with --servers it stands in the file"],
      [["--common-schema", "all"], "--common-schema is about tools with names of their own"],
      [["three"], 'has no server "three"'],
    ] as const
  ) {
    await using refused = place.run(...args);
    assertEquals(await refused.ended, 2);
    assertStringIncludes(refused.io.err, message);
  }
  await using apart = startGateway(
    ["--relay", place.relay.url, "--servers", place.file, "--key-file", keyFile],
    { folder: place.folder },
  );
  assertEquals(await apart.ended, 2);
  assertStringIncludes(apart.io.err, "or all of them are one with --one-key");
});

Deno.test("F28: cvm gateway --one-key starts each server again, shows each of them, and ends when none is left", async () => {
  await using place = await setUp({ one: entry(), two: entry(), three: { command: "false" } });
  await using gateway = place.run("--health", "0", "--crash-limit", "2");
  await using visitor = await visit(await gateway.address("mine"));
  const url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(gateway.io.err)?.[0]);
  const get = async (path: string) => {
    const response = await fetch(`${url}${path}`);
    return { status: response.status, text: await response.text() };
  };
  await until(() => gateway.io.err.includes("[three] given up:"));
  const ready = await get("/readyz");
  assertEquals(ready.status, 200);
  const [{ engine, ...unit }, ...others] = JSON.parse(ready.text).servers;
  assertEquals([typeof engine, others], ["string", []]);
  assertEquals(unit, {
    server: "mine",
    state: "up",
    relays: true,
    servers: [
      { server: "one", state: "up", restarts: 0 },
      { server: "two", state: "up", restarts: 0 },
      { server: "three", state: "failed", restarts: 0 },
    ],
  });
  const pid = await visitor.call("two__pid");
  await assertRejects(() => visitor.call("one__die"), Error, "exited with code 1");
  await until(() => gateway.io.err.includes("[one] the MCP server is up"));
  assertEquals(await visitor.call("two__pid"), pid);
  assertEquals(Object.keys(await toolsOf(visitor.client)), ["one", "two"]);
  const { text } = await get("/metrics");
  const metrics = text.split("\n");
  for (
    const line of [
      'cvm_upstream_up{server="one"} 1',
      'cvm_upstream_up{server="three"} 0',
      'cvm_upstream_restarts_total{server="one"} 1',
      'cvm_sessions{server="mine"} 1',
      'cvm_requests_total{server="mine",method="tools/call",outcome="ok"} 2',
    ]
  ) assert(metrics.includes(line), line);
  await assertRejects(() => visitor.call("one__die"), Error, "died 2 times within 300 s");
  assertEquals(Object.keys(await toolsOf(visitor.client)), ["two"]);
  await assertRejects(() => visitor.call("two__die"), Error, "exited with code 1");
  await until(() => gateway.io.err.includes("[two] the MCP server is up"));
  await assertRejects(() => visitor.call("two__die"), Error, "died 2 times within 300 s");
  assertEquals(await gateway.ended, 4);
});

Deno.test("cvm gateway --one-key is not ready while one of its servers is down, unless clients have their own", async () => {
  await using place = await setUp({ one: entry(), two: { command: "false" } });
  for (const [args, status] of [[[], 503], [["--per-client"], 200]] as const) {
    await using gateway = place.run("--health", "0", "--crash-limit", "0", ...args);
    await gateway.address("mine");
    const url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(gateway.io.err)?.[0]);
    if (status === 503) await until(() => gateway.io.err.includes("[two] "));
    const response = await fetch(`${url}/readyz`);
    await response.body?.cancel();
    assertEquals(response.status, status);
  }
});

Deno.test("cvm gateway --one-key ends with 4 when nothing can be started", async () => {
  await using place = await setUp({
    bad: { command: "no-such-command" },
    worse: { command: "false" },
  });
  await using gateway = place.run("--crash-limit", "2");
  assertEquals(await gateway.ended, 4);
  assertStringIncludes(gateway.io.err, '[bad] "no-such-command" could not be started');
  assertMatch(gateway.io.err.trim().split("\n").at(-1)!, /no-such-command|code 1/);
});

Deno.test("cvm gateway --one-key announces one server, and takes it back", async () => {
  await using place = await setUp({ one: entry(), two: entry() });
  let publicKey = "";
  {
    await using gateway = place.run("--announce", "--name", "Both", "--about", "A");
    publicKey = parseServerAddress(await gateway.address("mine")).pubkey;
  }
  await using pool = new RelayPool([place.relay.url]);
  const found = await describeServer(pool, publicKey);
  assertEquals([found.announcement?.name, found.announcement?.about], ["Both", "A"]);
  const names = found.tools!.items.map(({ name }) => name);
  assert(names.includes("one__echo") && names.includes("two__echo"), names.join());
  await using taking = place.run("--delete-announcement");
  assertEquals(await taking.ended, 0, taking.io.err);
  assertMatch(
    taking.io.out,
    new RegExp(`mine: deleted kinds .*11317.* of ${formatNpub(publicKey)}`),
  );
});

for (const perClient of [false, true]) {
  Deno.test(`cvm gateway --one-key ${perClient ? "--per-client " : ""}serves a client of @contextvm/sdk`, async () => {
    await using place = await setUp({ one: entry(), two: entry() });
    await using gateway = place.run(...(perClient ? ["--per-client"] : []));
    const server = parseServerAddress(await gateway.address("mine")).pubkey;
    await using peer = new SdkPeer();
    const client = new Client({ name: "theirs", version: "1.0.0" });
    const transport = peer.transport({
      role: "client",
      server,
      relays: [place.relay.url],
      encryption: "optional",
      giftWrap: "optional",
    });
    await client.connect(transport);
    // The MCP client drops progress that comes in one chunk with the result.
    const seen: unknown[] = [];
    const { onmessage } = transport;
    transport.onmessage = (message) => {
      if (message.method === "notifications/progress") seen.push(message.params.progress);
      onmessage?.(message);
    };
    assertEquals(Object.keys(await toolsOf(client)), ["one", "two"]);
    await client.callTool({ name: "two__progress" }, undefined, { onprogress: () => {} });
    assertEquals(seen, [1, 2, 3]);
    const { prompts } = await client.listPrompts();
    assertEquals(prompts.map(({ name }) => name), ["one__greet", "two__greet"]);
    const prompt = await client.getPrompt({ name: "two__greet", arguments: { who: "you" } });
    assertEquals(prompt.messages[0]?.content, { type: "text", text: "Hello you" });
    await client.close();
  });
}
