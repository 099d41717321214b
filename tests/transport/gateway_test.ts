import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { RelayError, UpstreamError } from "../../errors.ts";
import { type GatewayStatus, McpGateway, type McpGatewayOptions } from "../../transport/gateway.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import {
  connect,
  fixtureServer,
  type Log,
  makeClient,
  network,
  RawPeer,
  textOf,
  until,
} from "./_harness.ts";

/** A gateway to fixture servers in this process; `servers` has each one that was started. */
async function startGateway(relay: MemoryRelay, options: Partial<McpGatewayOptions> = {}) {
  const servers: McpServer[] = [];
  const log: Log = { echoed: [], started: 0, cancelled: 0 };
  const states: GatewayStatus["state"][] = [];
  const gateway = new McpGateway({
    signer: PrivateKeySigner.generate(),
    upstream: async () => {
      const mcp = fixtureServer(log);
      servers.push(mcp);
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      await mcp.connect(theirs);
      return ours;
    },
    restart: { initialMs: 5, maxMs: 10 },
    ...network(relay),
    ...options,
  });
  const watching = (async () => {
    for await (const { state } of gateway.status()) if (state !== states.at(-1)) states.push(state);
  })();
  try {
    await gateway.start();
  } catch (error) {
    await watching;
    throw error;
  }
  return { gateway, servers, log, states, watching, [Symbol.asyncDispose]: () => gateway.close() };
}

for (const perClient of [false, true]) {
  const mode = perClient ? "per client" : "shared";

  Deno.test(`McpGateway (${mode}) passes lists, calls, errors and progress`, async () => {
    await using relay = new MemoryRelay();
    await using running = await startGateway(relay, { perClient });
    await using one = await connect(relay, running.gateway.publicKey);
    await using two = await connect(relay, running.gateway.publicKey, { stateless: true });
    for (const { client } of [one, two]) {
      assertEquals((await client.listTools()).tools.length, 5);
      assertEquals(
        textOf(await client.callTool({ name: "echo", arguments: { message: "m" } })),
        "m",
      );
      assertEquals((await client.callTool({ name: "fail" })).isError, true);
      const seen: number[] = [];
      await client.callTool({ name: "count", arguments: { to: 3 } }, undefined, {
        onprogress: ({ progress }) => seen.push(progress),
      });
      assertEquals(seen, [1, 2, 3]);
      await client.ping();
    }
    // One more shows at the start that it can be started, and is closed then.
    assertEquals(running.servers.length, perClient ? 3 : 1);
  });

  Deno.test(`F20: cancellation passes the gateway (${mode}), and so does a client's leaving`, async () => {
    await using relay = new MemoryRelay();
    await using running = await startGateway(relay, { perClient });
    await using session = await connect(relay, running.gateway.publicKey);
    const abort = new AbortController();
    const call = session.client.callTool({ name: "slow" }, undefined, { signal: abort.signal })
      .catch(() => "aborted");
    await until("the tool runs", () => running.log.started === 1);
    abort.abort();
    assertEquals(await call, "aborted");
    await until("the tool is cancelled", () => running.log.cancelled === 1);
  });

  Deno.test(`F28: when the MCP server dies (${mode}), callers learn it at once and it is started again`, async () => {
    await using relay = new MemoryRelay();
    await using running = await startGateway(relay, { perClient });
    await using session = await connect(relay, running.gateway.publicKey);
    const call = session.client.callTool({ name: "slow" }).catch((error: Error) => error.message);
    await until("the tool runs", () => running.log.started === 1);
    const died = Date.now();
    await running.servers.at(-1)!.close();
    assertStringIncludes(String(await call), "the MCP server closed its connection");
    assert(Date.now() - died < 1_000);
    const answer = async () =>
      await session.client.callTool({ name: "echo", arguments: { message: "again" } })
        .then(textOf, (error: Error) => {
          assertStringIncludes(error.message, "it is started again in");
          return undefined;
        });
    let text = await answer();
    for (let tries = 0; text === undefined && tries < 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 5)); // lets the restart's timer fire
      text = await answer();
    }
    assertEquals(text, "again");
    assertEquals(running.servers.length, perClient ? 3 : 2);
    await running.gateway.close();
    await running.watching;
    assertEquals(
      running.states,
      perClient ? ["starting", "up", "closed"] : ["starting", "up", "down", "up", "closed"],
    );
  });

  Deno.test(`McpGateway (${mode}) announces what is behind it`, async () => {
    await using relay = new MemoryRelay();
    await using running = await startGateway(relay, { perClient, announce: true });
    const kinds = running.gateway.announcement?.published.map(({ kind }) => kind).toSorted();
    assertEquals(kinds, [10002, 11316, 11317, 11318, 11319]);
    await running.gateway.withdraw();
  });
}

Deno.test("F21: a server of its own can ask its client; a shared one learns at once that it can't", async () => {
  await using relay = new MemoryRelay();
  await using own = await startGateway(relay, { perClient: true });
  await using asked = await connect(relay, own.gateway.publicKey, {}, makeClient("yes"));
  assertEquals(textOf(await asked.client.callTool({ name: "ask" })), "yes");
  await using shared = await startGateway(relay);
  await using other = await connect(relay, shared.gateway.publicKey, {}, makeClient("no"));
  const result = await other.client.callTool({ name: "ask" }, undefined, { timeout: 2_000 });
  assertEquals(result.isError, true);
});

Deno.test("F05: a shared server's updates reach subscribers only, its log lines nobody while it has two clients, its changes all", async () => {
  await using relay = new MemoryRelay();
  await using running = await startGateway(relay);
  await using one = await connect(relay, running.gateway.publicKey);
  await using two = await connect(relay, running.gateway.publicKey);
  const heard: string[] = [];
  for (const [name, { client }] of Object.entries({ one, two })) {
    client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      () => void heard.push(`${name} update`),
    );
    client.setNotificationHandler(
      LoggingMessageNotificationSchema,
      () => void heard.push(`${name} log`),
    );
    client.setNotificationHandler(
      ToolListChangedNotificationSchema,
      () => void heard.push(`${name} change`),
    );
  }
  const mcp = running.servers[0]!;
  const { requests } = { requests: [] as string[] };
  mcp.server.fallbackRequestHandler = (request) => {
    requests.push(request.method);
    return Promise.resolve({});
  };
  await one.client.subscribeResource({ uri: "test://doc" });
  await mcp.server.sendResourceUpdated({ uri: "test://doc" });
  await mcp.server.sendLoggingMessage({ level: "info", data: "whose is it?" });
  await mcp.server.sendToolListChanged();
  await until(
    "both hear of the change",
    () => heard.filter((text) => text.endsWith("change")).length === 2,
  );
  assertEquals(heard.toSorted(), ["one change", "one update", "two change"]);
  await two.client.subscribeResource({ uri: "test://doc" });
  await one.client.unsubscribeResource({ uri: "test://doc" });
  await two.client.unsubscribeResource({ uri: "test://doc" });
  assertEquals(requests, ["resources/subscribe", "resources/subscribe", "resources/unsubscribe"]);
});

Deno.test("McpGateway.start() fails with the reason when the MCP server can't be started", async () => {
  await using relay = new MemoryRelay();
  const error = await assertRejects(
    () => startGateway(relay, { upstream: () => Promise.reject(new Error("no such command")) }),
    UpstreamError,
    "no such command",
  );
  assertEquals(error.code, "UPSTREAM_FAILED");
  const [silent] = InMemoryTransport.createLinkedPair();
  await assertRejects(
    () => startGateway(relay, { upstream: () => silent, startTimeoutMs: 30 }),
    UpstreamError,
    "did not answer initialize within 30 ms",
  );
});

Deno.test("F14: McpGateway reports that no relay can be reached while its MCP server still starts", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ neverOpen: true });
  const [silent] = InMemoryTransport.createLinkedPair(); // never answers initialize
  const error = await assertRejects(
    () =>
      startGateway(relay, {
        upstream: () => silent,
        pool: { ...network(relay).pool, connectTimeoutMs: 20 },
      }),
    RelayError,
  );
  assertEquals(error.code, "RELAY_UNREACHABLE");
});

Deno.test("McpGateway.close() waits until the MCP servers of its clients have ended", async () => {
  await using relay = new MemoryRelay();
  const open = new Set<InMemoryTransport>();
  await using running = await startGateway(relay, {
    perClient: true,
    upstream: async () => {
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      await fixtureServer().connect(theirs);
      open.add(ours);
      const close = ours.close.bind(ours);
      ours.close = async () => {
        await new Promise((resolve) => setTimeout(resolve, 100)); // as a process takes its time
        await close();
        open.delete(ours);
      };
      return ours;
    },
  });
  await using one = await connect(relay, running.gateway.publicKey);
  await using two = await connect(relay, running.gateway.publicKey);
  await Promise.all([one, two].map(({ client }) => client.ping()));
  assertEquals(open.size, 2);
  await running.gateway.close();
  assertEquals(open.size, 0);
});

Deno.test("F09: a gateway keeps a bounded number of messages of a client whose MCP server starts", async () => {
  await using relay = new MemoryRelay();
  const log: Log = { echoed: [], started: 0, cancelled: 0 };
  const gate = Promise.withResolvers<void>();
  let opened = 0;
  await using running = await startGateway(relay, {
    perClient: true,
    limits: { maxQueued: 2 },
    upstream: async () => {
      if (++opened > 1) await gate.promise; // the first one only shows that it can be started
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      await fixtureServer(log).connect(theirs);
      return ours;
    },
  });
  using _opened = { [Symbol.dispose]: () => gate.resolve() };
  await using peer = await RawPeer.open(relay);
  for (let id = 1; id <= 4; id++) {
    const params = { name: "echo", arguments: { message: String(id) } };
    const call = { jsonrpc: "2.0", id, method: "tools/call", params };
    peer.publish(await peer.message(running.gateway.publicKey, call));
  }
  await until("two are refused", () => peer.received.length === 2);
  for (const { content } of peer.received) {
    assertStringIncludes(JSON.parse(content).error.message, "2 messages already wait");
  }
  gate.resolve();
  await until("the others are answered", () => peer.received.length === 4);
  assertEquals(log.echoed, ["1", "2"]);
});
