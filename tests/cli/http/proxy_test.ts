import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { runCli } from "../../../cli/app.ts";
import { Interrupt } from "../../../cli/io.ts";
import { serveRelay } from "../../../cli/relay/mod.ts";
import { getPublicKey, parsePrivateKey, PrivateKeySigner } from "../../../crypto/mod.ts";
import { serve } from "../../../transport/server.ts";
import { temporaryFolder, TestIo, until } from "../helpers.ts";
import { EventReader, initialize, send } from "./_client.ts";

const STRANGER = PrivateKeySigner.generate().pubkey;

/** Starts `cvm proxy --http 0` and waits until it listens. */
async function startProxy(args: readonly string[], folder: string, env = {}) {
  const io = new TestIo({ env: { XDG_CONFIG_HOME: folder, ...env } });
  const ended = runCli(["proxy", "--http", "0", ...args], io);
  const url = await until(() => /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(io.err)?.[0]);
  const stop = async (by = "SIGTERM") => {
    io.controller.abort(new Interrupt(by));
    return await ended;
  };
  return { url, io, stop, [Symbol.asyncDispose]: async () => void await stop() };
}

/** Connects the official client. */
async function connect(url: string, headers = {}) {
  const client = new Client({ name: "t", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  try {
    await client.connect(transport);
  } catch (error) {
    await client.close();
    throw error;
  }
  return {
    client,
    /** The key by which the server knows the client. */
    whoami: async () => {
      const { content } = await client.callTool({ name: "whoami" });
      return content;
    },
    leave: () => transport.terminateSession(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

Deno.test("cvm proxy --http gives each client a session of its own, and none disturbs another", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const peers: string[] = [];
  await using server = await serve((session) => {
    peers.push(session.peer);
    const mcp = new McpServer({ name: "whoami", version: "1" });
    let calls = 0;
    mcp.registerTool("whoami", {}, () => ({
      content: [{ type: "text", text: `${peers.indexOf(session.peer)} ${++calls}` }],
    }));
    return mcp;
  }, { signer: PrivateKeySigner.generate(), relays: [relay.url] });
  await using proxy = await startProxy([server.publicKey, "--relay", relay.url], folder.path);
  const said = (text: string) => [{ type: "text", text }];
  {
    await using first = await connect(proxy.url);
    assertEquals(await first.whoami(), said("0 1"));
    await using second = await connect(proxy.url);
    assertEquals(await second.whoami(), said("1 1"));
    assertEquals(await first.whoami(), said("0 2"));
    assertEquals(await second.whoami(), said("1 2"));
    const kept = parsePrivateKey(await Deno.readTextFile(`${folder.path}/cvm/keys/client.key`));
    assertEquals(peers[0], getPublicKey(kept));
    assertEquals(peers[1] === peers[0], false);
    assertStringIncludes(proxy.io.err, "one more client, with a key of its own");
    await first.leave();
  }
  // The first one has left, so the kept key is free again.
  await using third = await connect(proxy.url);
  assertEquals(await third.whoami(), said("0 1"));
  assertEquals(peers.length, 3);
  assertEquals(proxy.io.out, "");
});

Deno.test("F34: cvm proxy --http takes an alias and skips the handshake where it is told to", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const handshakes: unknown[] = [];
  await using server = await serve((session) => {
    handshakes.push(session.initializeParams);
    const mcp = new McpServer({ name: "t", version: "1" });
    mcp.registerTool("whoami", {}, () => ({ content: [{ type: "text", text: "you" }] }));
    return mcp;
  }, { signer: PrivateKeySigner.generate(), relays: [relay.url] });
  const config = { aliases: { friend: server.publicKey }, relays: [relay.url] };
  await Deno.mkdir(`${folder.path}/cvm`);
  await Deno.writeTextFile(`${folder.path}/cvm/config.json`, JSON.stringify(config));
  await using proxy = await startProxy(["friend", "--stateless"], folder.path);
  await using client = await connect(proxy.url);
  assertEquals(await client.whoami(), [{ type: "text", text: "you" }]);
  assertEquals(handshakes, [undefined]);
});

Deno.test("cvm proxy --http tells each client why the server can't be reached, and goes on", async () => {
  await using folder = await temporaryFolder();
  const args = [STRANGER, "--relay", "ws://127.0.0.1:1", "--connect-timeout", "1"];
  await using proxy = await startProxy(args, folder.path);
  for (let client = 0; client < 2; client++) {
    const error = await assertRejects(() => connect(proxy.url));
    assertStringIncludes(error.message, "ws://127.0.0.1:1");
  }
  assertEquals(await proxy.stop("SIGINT"), 130);
});

Deno.test("cvm proxy --http lets nobody in without the token, which stays secret (F07)", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const options = { signer: PrivateKeySigner.generate(), relays: [relay.url] };
  await using server = await serve(() => new McpServer({ name: "t", version: "1" }), options);
  const file = `${folder.path}/token`;
  await Deno.writeTextFile(file, "token-of-the-file\n");
  const args = [server.publicKey, "--relay", relay.url];
  const env = { CVM_HTTP_BEARER: "token-of-the-environment" };
  for (
    const [more, token] of [[[], "token-of-the-environment"], [
      ["--http-bearer-file", file],
      "token-of-the-file",
    ]] as const
  ) {
    await using proxy = await startProxy([...args, ...more], folder.path, env);
    const error = await assertRejects(() => connect(proxy.url, { authorization: "Bearer other" }));
    assertStringIncludes(error.message, "bearer token is missing or wrong");
    await using _client = await connect(proxy.url, { authorization: `Bearer ${token}` });
    assert(!proxy.io.err.includes("token-of"));
    assertEquals(await proxy.stop(), 0);
  }
});

Deno.test("F30: cvm proxy --http ends with the right exit code for what it can't do", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/empty`, "\n");
  await using taken = await startProxy([STRANGER, "--relay", "ws://127.0.0.1:1"], folder.path);
  const port = new URL(taken.url).port;
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["--http", port], `127.0.0.1:${port}: another program uses the port`],
    [["--http", "70000"], "65"],
    [["--http", "x"], "x"],
    [["--http", "0", "--http-bearer-file", `${folder.path}/none`], "none"],
    [["--http", "0", "--http-bearer-file", `${folder.path}/empty`], "no bearer token"],
    [["--http", "0", "--relay", "http://relay.test"], "http://relay.test"],
    [["--http", "0", "--http-max-sessions", "0"], "1"],
  ];
  for (const [args, message] of cases) {
    const io = new TestIo({ env: { XDG_CONFIG_HOME: folder.path } });
    const code = await runCli(["proxy", STRANGER, ...args], io);
    assertEquals([args, code, io.out], [args, 2, ""]);
    assertStringIncludes(io.err, message);
  }
});

Deno.test("cvm proxy --http has room for as many clients as it is told, and forgets them when it is told", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using server = await serve(() => new McpServer({ name: "t", version: "1" }), {
    signer: PrivateKeySigner.generate(),
    relays: [relay.url],
  });
  const args = [server.publicKey, "--relay", relay.url, "--http-max-sessions", "1"];
  await using proxy = await startProxy([...args, "--http-idle", "0.5"], folder.path);
  const first = await initialize(proxy.url);
  {
    await using _listening = new EventReader(await send(proxy.url, null, first, "GET"));
    const error = await assertRejects(() => connect(proxy.url));
    assertStringIncludes(error.message, "Too many clients");
  }
  const forgotten = await until(async () => {
    // Asking counts as a sign of life, so it is not asked too often.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const response = await send(proxy.url, { jsonrpc: "2.0", id: 1, method: "ping" }, first);
    await response.body?.cancel();
    return response.status === 404;
  });
  assert(forgotten);
});
