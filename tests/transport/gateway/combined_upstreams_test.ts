import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { InputError, UpstreamError } from "../../../errors.ts";
import { combineUpstreams, type MemberStatus } from "../../../transport/gateway.ts";
import type { Transport } from "../../../transport/types.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { startGateway } from "../_gateway.ts";
import { connect, makeClient, textOf, until } from "../_harness.ts";
import { Member, twoMembers } from "./_members.ts";

/** The servers that a client sees tools of. */
async function seen(client: Client): Promise<string> {
  const { tools } = await client.listTools();
  return [...new Set(tools.map(({ name }) => name.split("__")[0]))].join(" ");
}

/** Counts how often a client is told that tools have changed. */
function countChanges(client: Client): { count: number } {
  const changes = { count: 0 };
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes.count++);
  return changes;
}

for (const perClient of [false, true]) {
  const mode = perClient ? "per client" : "shared";

  Deno.test(`combineUpstreams() (${mode}) puts each server's tools and resources under one key`, async () => {
    await using relay = new MemoryRelay();
    const { upstream, one, two } = twoMembers();
    await using running = await startGateway(relay, { perClient, upstream });
    await using session = await connect(relay, running.gateway.publicKey);
    const { client } = session;
    assertEquals(await seen(client), "one two");
    const call = { name: "two__echo", arguments: { message: "m" } };
    assertEquals(textOf(await client.callTool(call)), "m");
    assertEquals([one.log.echoed, two.log.echoed], [[], ["m"]]);
    const { resources } = await client.listResources();
    // Both have test://doc: it is the first one's.
    assertEquals(resources.map(({ uri }) => uri), ["test://doc", "test://one", "test://two"]);
    const { contents } = await client.readResource({ uri: "test://two" });
    assertEquals(contents, [{ uri: "test://two", text: "two" }]);
    const progress: number[] = [];
    const count = { name: "one__count", arguments: { to: 3 } };
    await client.callTool(count, undefined, {
      onprogress: ({ progress: value }) => progress.push(value),
    });
    assertEquals(progress, [1, 2, 3]);
  });

  Deno.test(`combineUpstreams() (${mode}) brings cancellation to the tool that runs (F20)`, async () => {
    await using relay = new MemoryRelay();
    const { upstream, one, two } = twoMembers();
    await using running = await startGateway(relay, { perClient, upstream });
    await using session = await connect(relay, running.gateway.publicKey);
    const abort = new AbortController();
    const slow = session.client.callTool({ name: "two__slow" }, undefined, {
      signal: abort.signal,
    }).catch(() => "aborted");
    await until("the tool runs", () => two.log.started === 1);
    abort.abort();
    assertEquals(await slow, "aborted");
    await until("the tool is cancelled", () => two.log.cancelled === 1);
    assertEquals(one.log.cancelled, 0);
  });

  Deno.test(`F28: combineUpstreams() (${mode}): one that dies takes its tools along, tells its callers, and comes back`, async () => {
    await using relay = new MemoryRelay();
    const { upstream, one, two } = twoMembers();
    await using running = await startGateway(relay, { perClient, upstream });
    await using session = await connect(relay, running.gateway.publicKey);
    const { client } = session;
    const changes = countChanges(client);
    const lines: unknown[] = [];
    client.setNotificationHandler(
      LoggingMessageNotificationSchema,
      ({ params }) => void lines.push(params.data),
    );
    assertEquals(await seen(client), "one two");
    await client.setLoggingLevel("error");
    await client.subscribeResource({ uri: "test://one" });
    const call = client.callTool({ name: "one__slow" }).catch((error: Error) => error.message);
    await until("the tool runs", () => one.log.started === 1);
    const gate = Promise.withResolvers<void>();
    using _open = { [Symbol.dispose]: () => gate.resolve() };
    one.gate = gate.promise;
    await one.die();
    assertStringIncludes(String(await call), "the MCP server closed its connection");
    await until("the client is told", () => changes.count === 1);
    assertEquals(await seen(client), "two");
    await assertRejects(() => client.callTool({ name: "one__echo" }), Error, "closed its conn");
    const echo = { name: "two__echo", arguments: { message: "still here" } };
    assertEquals(textOf(await client.callTool(echo)), "still here");
    gate.resolve();
    await until("the client is told again", () => changes.count === 2);
    assertEquals(await seen(client), "one two");
    // What the dead one had been told, the new one is told, too.
    await until("it subscribes", () => one.requests.length === 2);
    assertEquals(one.requests, [
      "resources/subscribe test://one",
      "resources/subscribe test://one",
    ]);
    const { server } = one.servers.at(-1)!;
    await server.sendLoggingMessage({ level: "info", data: "too much" });
    await server.sendLoggingMessage({ level: "error", data: "what was asked for" });
    await until("the line arrives", () => lines.length > 0);
    assertEquals(lines, ["what was asked for"]);
    assertEquals(running.states.filter((state) => state === "down"), []);
    assertEquals(two.servers.length, perClient ? 2 : 1);
  });
}

Deno.test("combineUpstreams() lets a server of its client's own ask it, by either name (F21)", async () => {
  await using relay = new MemoryRelay();
  const { upstream } = twoMembers();
  await using own = await startGateway(relay, { perClient: true, upstream });
  await using asked = await connect(relay, own.gateway.publicKey, {}, makeClient("yes"));
  for (const name of ["one__ask", "two__ask"]) {
    assertEquals(textOf(await asked.client.callTool({ name })), "yes");
  }
  await using shared = await startGateway(relay, { upstream });
  await using other = await connect(relay, shared.gateway.publicKey, {}, makeClient("no"));
  const refused = await other.client.callTool({ name: "one__ask" }, undefined, { timeout: 2_000 });
  assertEquals(refused.isError, true);
});

Deno.test("combineUpstreams() subscribes at the server that has the resource, and brings updates and log lines", async () => {
  await using relay = new MemoryRelay();
  const { upstream, one, two } = twoMembers();
  await using running = await startGateway(relay, { upstream });
  await using session = await connect(relay, running.gateway.publicKey);
  const heard: string[] = [];
  session.client.setNotificationHandler(
    ResourceUpdatedNotificationSchema,
    ({ params }) => void heard.push(params.uri),
  );
  session.client.setNotificationHandler(
    LoggingMessageNotificationSchema,
    ({ params }) => void heard.push(String(params.data)),
  );
  // Both would take any subscription: the lists say whose it is.
  await session.client.subscribeResource({ uri: "test://two" });
  assertEquals([one.requests, two.requests], [[], ["resources/subscribe test://two"]]);
  await two.servers[0]!.server.sendResourceUpdated({ uri: "test://two" });
  await one.servers[0]!.server.sendLoggingMessage({ level: "info", data: "a line" });
  await until("both are heard", () => heard.length === 2);
  assertEquals(heard, ["test://two", "a line"]);
  await session.client.unsubscribeResource({ uri: "test://two" });
  assertEquals(two.requests[1], "resources/unsubscribe test://two");
});

Deno.test("combineUpstreams() starts with those that can be started, and takes the others in when they come", async () => {
  await using relay = new MemoryRelay();
  const { upstream, one, states } = twoMembers();
  one.broken = "not yet";
  await using running = await startGateway(relay, { upstream });
  await using session = await connect(relay, running.gateway.publicKey);
  const { client } = session;
  const changes = countChanges(client);
  assertEquals(client.getServerVersion()?.name, "one+two");
  assertEquals(await seen(client), "two");
  await assertRejects(() => client.callTool({ name: "one__echo" }), Error, "not yet");
  one.broken = undefined;
  await until("the client is told", () => changes.count === 1);
  assertEquals(await seen(client), "one two");
  assertEquals(states.slice(0, 2), ["one starting", "two starting"]);
  assert(states.includes("one down") && states.at(-1) === "one up", states.join());
});

Deno.test("combineUpstreams() waits for a slow server for so long after the first one, and no longer", async () => {
  await using relay = new MemoryRelay();
  const { upstream, one } = twoMembers({ graceMs: 20 });
  const gate = Promise.withResolvers<void>();
  one.gate = gate.promise;
  await using running = await startGateway(relay, { upstream });
  await using session = await connect(relay, running.gateway.publicKey);
  const changes = countChanges(session.client);
  assertEquals(await seen(session.client), "two");
  gate.resolve();
  await until("the client is told", () => changes.count === 1);
  assertEquals(await seen(session.client), "one two");
});

Deno.test("combineUpstreams() waits longer than that for the first one", async () => {
  await using relay = new MemoryRelay();
  const { upstream, one, two, states } = twoMembers({ graceMs: 100 });
  const gate = Promise.withResolvers<void>();
  one.gate = two.gate = gate.promise;
  const timer = setTimeout(gate.resolve, 250);
  await using _running = await startGateway(relay, { upstream });
  clearTimeout(timer);
  assert(states.includes("one up") || states.includes("two up"));
});

Deno.test("combineUpstreams() subscribes again to so many resources, and no more", async () => {
  await using relay = new MemoryRelay();
  const { upstream, one, states } = twoMembers({ maxSubscriptions: 1 });
  await using running = await startGateway(relay, { perClient: true, upstream });
  await using session = await connect(relay, running.gateway.publicKey);
  await session.client.listResources();
  for (const uri of ["test://one", "test://doc"]) await session.client.subscribeResource({ uri });
  assertEquals(one.requests.length, 2);
  one.requests.length = 0;
  await one.die();
  await until("it is up again", () => states.at(-1) === "one up");
  await session.client.readResource({ uri: "test://one" });
  assertEquals(one.requests, ["resources/subscribe test://one"]);
});

Deno.test("combineUpstreams() gives up who dies too often, and ends the gateway with the last one", async () => {
  await using relay = new MemoryRelay();
  const { upstream, one, two, states } = twoMembers({
    restart: { initialMs: 1, maxMs: 2, maxDeaths: 2 },
  });
  await using running = await startGateway(relay, { upstream, restart: { maxDeaths: 1 } });
  await using session = await connect(relay, running.gateway.publicKey);
  one.broken = two.broken = "no more";
  await one.die();
  await until("it is given up", () => states.includes("one failed"));
  await assertRejects(
    () => session.client.callTool({ name: "one__echo" }),
    Error,
    "has died 2 times within 300 s and is not started again; the last time:",
  );
  assertEquals(await seen(session.client), "two");
  assertEquals(running.states.at(-1), "up");
  await two.die();
  await until("the gateway fails", () => running.states.at(-1) === "failed");
  await assertRejects(() => session.client.listTools(), Error, "no more");
  assertEquals([one.servers.length, two.servers.length], [1, 1]);
});

Deno.test("combineUpstreams() fails when nothing can be started, and refuses names", async () => {
  await using relay = new MemoryRelay();
  const { upstream, one, two } = twoMembers();
  one.broken = two.broken = "no such command";
  const error = await assertRejects(() => startGateway(relay, { upstream }), UpstreamError);
  assertStringIncludes(error.message, "no such command");
  await assertRejects(
    async () => await combineUpstreams({ "a b": new Member("a").open })(),
    InputError,
    "can't begin the name",
  );
});

Deno.test("F28: combineUpstreams() tells once that tools have vanished, however often the server can't be started", async () => {
  await using relay = new MemoryRelay();
  const { upstream, one, states } = twoMembers();
  await using running = await startGateway(relay, { upstream });
  await using session = await connect(relay, running.gateway.publicKey);
  const changes = countChanges(session.client);
  one.broken = "not now";
  await one.die();
  await until(
    "it has failed often",
    () => states.filter((state) => state === "one down").length > 4,
  );
  await session.client.ping();
  assertEquals(changes.count, 1);
  one.broken = undefined;
  await until("the client is told", () => changes.count === 2);
  assertEquals(await seen(session.client), "one two");
});

Deno.test("F28: combineUpstreams() never tells of a server as up that has died in the moment of its start", async () => {
  for (let turns = 0; turns < 40; turns++) {
    const states: string[] = [];
    const open = (): Promise<Transport> => {
      const transport: Transport = {
        start: () => Promise.resolve(),
        close: () => Promise.resolve(),
        send: async (message) => {
          if (!("id" in message)) return;
          const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: {} };
          transport.onmessage?.({ jsonrpc: "2.0", id: message.id, result });
          for (let turn = 0; turn < turns; turn++) await undefined;
          transport.onclose?.();
        },
      };
      return Promise.resolve(transport);
    };
    const onStatus = (_: string, { state }: MemberStatus) => void states.push(state);
    const combined = await combineUpstreams({ one: open }, {
      restart: { maxDeaths: 1 },
      onStatus,
    })();
    const ended = Promise.withResolvers<void>();
    combined.onclose = ended.resolve;
    await combined.start();
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: {} };
    await combined.send({ jsonrpc: "2.0", id: 1, method: "initialize", params });
    await ended.promise;
    const known = states.filter((state) => state !== "up");
    assertEquals(known, ["starting", "failed", "closed"], `after ${turns} turns`);
    assert(states.lastIndexOf("up") < states.indexOf("failed"), `${states} after ${turns} turns`);
  }
});
