import { assertEquals, assertRejects } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { RelayError } from "../../errors.ts";
import { McpProxy } from "../../transport/proxy.ts";
import { serve } from "../../transport/server.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import { fixtureServer, makeClient, network, textOf, until } from "./_harness.ts";

Deno.test("McpProxy lets a host use a server on Nostr, questions of the server included", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  const [host, hostEnd] = InMemoryTransport.createLinkedPair();
  const options = {
    signer: PrivateKeySigner.generate(),
    server: server.publicKey,
    ...network(relay),
  };
  await using proxy = new McpProxy({ host: hostEnd, client: options });
  await proxy.start();
  const client = makeClient("the host answers");
  await client.connect(host);
  assertEquals((await client.listTools()).tools.length, 5);
  assertEquals(textOf(await client.callTool({ name: "ask" })), "the host answers");
  await client.close();
  await proxy.closed;
});

Deno.test("McpProxy fails the host's requests when the server's side ends or refuses", async () => {
  const [host, hostEnd] = InMemoryTransport.createLinkedPair();
  const [server] = InMemoryTransport.createLinkedPair();
  const heard: unknown[] = [];
  host.onmessage = (message) => heard.push(message);
  await host.start();
  const proxy = new McpProxy({ host: hostEnd, client: server });
  await proxy.start();
  const send = server.send.bind(server);
  server.send = () => Promise.reject(new Error("no relay took it"));
  await host.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  await until("the refusal comes", () => heard.length === 1);
  server.send = send;
  await host.send({ jsonrpc: "2.0", id: 2, method: "ping" });
  await proxy.close();
  assertEquals(heard, [
    { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "no relay took it" } },
    {
      jsonrpc: "2.0",
      id: 2,
      error: {
        code: -32603,
        message: "the connection to the server has ended",
        data: { code: "CLOSED" },
      },
    },
  ]);
  await assertRejects(() => proxy.start(), Error, "started once");
});

Deno.test("F29: McpProxy answers its host with the reason when no relay can be reached", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ neverOpen: true });
  const [host, hostEnd] = InMemoryTransport.createLinkedPair();
  const heard: { error?: unknown }[] = [];
  host.onmessage = (message) => heard.push(message as typeof heard[number]);
  await host.start();
  await host.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  const options = {
    signer: PrivateKeySigner.generate(),
    server: PrivateKeySigner.generate().pubkey,
    relays: [relay.url],
    pool: { ...network(relay).pool, connectTimeoutMs: 20 },
  };
  await using proxy = new McpProxy({ host: hostEnd, client: options });
  const error = await assertRejects(() => proxy.start(), RelayError);
  assertEquals(heard.map(({ error }) => error), [
    { code: -32603, message: error.message, data: { code: "RELAY_UNREACHABLE" } },
  ]);
});

Deno.test("F09: McpProxy keeps a bounded number of messages while the connection is made", async () => {
  const [host, hostEnd] = InMemoryTransport.createLinkedPair();
  const [server, serverEnd] = InMemoryTransport.createLinkedPair();
  const heard: unknown[] = [];
  const passed: unknown[] = [];
  host.onmessage = (message) => heard.push(message);
  serverEnd.onmessage = (message) => passed.push(message);
  await Promise.all([host.start(), serverEnd.start()]);
  const opened = Promise.withResolvers<void>();
  const start = server.start.bind(server);
  server.start = () => opened.promise.then(start);
  await using proxy = new McpProxy({ host: hostEnd, client: server, maxWaiting: 2 });
  const starting = proxy.start();
  for (let id = 1; id <= 3; id++) await host.send({ jsonrpc: "2.0", id, method: "ping" });
  await until("the third is refused", () => heard.length === 1);
  assertEquals(heard, [{
    jsonrpc: "2.0",
    id: 3,
    error: {
      code: -32603,
      message: "2 messages already wait for the connection",
      data: { code: "LIMIT_REACHED" },
    },
  }]);
  opened.resolve();
  await starting;
  await until("the others are passed on", () => passed.length === 2);
  assertEquals(passed, [1, 2].map((id) => ({ jsonrpc: "2.0", id, method: "ping" })));
});
