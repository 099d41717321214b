import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { Client } from "@modelcontextprotocol/sdk/client";
import { Server } from "@modelcontextprotocol/sdk/server";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { InputError } from "../../../errors.ts";
import { type CombineOptions, combineServers } from "../../../transport/proxy.ts";
import type { Transport } from "../../../transport/types.ts";
import { fixtureServer, type Log, makeClient, textOf, until } from "../_harness.ts";

/** Two fixture servers, combined, and a host that uses them. */
async function combine(host: Client = makeClient("the host answers")) {
  const servers: McpServer[] = [];
  const logs: Log[] = [];
  const connections: Record<string, Transport> = {};
  for (const name of ["one", "two"]) {
    const log: Log = { echoed: [], started: 0, cancelled: 0 };
    const mcp = fixtureServer(log);
    mcp.registerPrompt("greet", {}, () => ({
      messages: [{ role: "user", content: { type: "text", text: name } }],
    }));
    mcp.registerResource("own", `test://${name}`, {}, () => ({
      contents: [{ uri: `test://${name}`, text: name }],
    }));
    const [near, far] = InMemoryTransport.createLinkedPair();
    await mcp.connect(far);
    connections[name] = near;
    servers.push(mcp);
    logs.push(log);
  }
  await host.connect(combineServers(connections));
  return { host, servers, logs, [Symbol.asyncDispose]: () => host.close() };
}

Deno.test("combineServers() offers all of each server, under its name, and calls the right one", async () => {
  await using combined = await combine();
  const { host, logs } = combined;
  assertEquals(host.getServerVersion()?.name, "one+two");
  const names = (await host.listTools()).tools.map(({ name }) => name);
  assertEquals(names.filter((name) => name.endsWith("__echo")), ["one__echo", "two__echo"]);
  assertEquals(names.length, 10);
  const echo = { name: "two__echo", arguments: { message: "m" } };
  assertEquals(textOf(await host.callTool(echo)), "m");
  assertEquals(logs.map(({ echoed }) => echoed), [[], ["m"]]);
  for (const name of ["echo", "three__echo", "__echo"]) {
    await assertRejects(() => host.callTool({ name }), Error, "is of no server here");
  }
  const { prompts } = await host.listPrompts();
  assertEquals(prompts.map(({ name }) => name), ["one__greet", "two__greet"]);
  const { messages } = await host.getPrompt({ name: "two__greet" });
  assertEquals(messages[0]!.content, { type: "text", text: "two" });
  // A resource is found before it was listed, and after.
  for (const _ of [1, 2]) {
    const { contents } = await host.readResource({ uri: "test://two" });
    assertEquals(contents, [{ uri: "test://two", text: "two" }]);
    await host.listResources();
  }
  await assertRejects(() => host.readResource({ uri: "test://none" }), Error, "not found");
  await host.ping();
});

Deno.test("combineServers() brings progress, cancellation, questions and changes where they belong", async () => {
  await using combined = await combine();
  const { host, logs, servers } = combined;
  const seen: number[] = [];
  await host.callTool({ name: "one__count", arguments: { to: 3 } }, undefined, {
    onprogress: ({ progress }) => seen.push(progress),
  });
  assertEquals(seen, [1, 2, 3]);
  assertEquals(textOf(await host.callTool({ name: "two__ask" })), "the host answers");
  const abort = new AbortController();
  const slow = host.callTool({ name: "two__slow" }, undefined, { signal: abort.signal })
    .catch(() => "aborted");
  await until("the tool runs", () => logs[1]!.started === 1);
  abort.abort();
  assertEquals(await slow, "aborted");
  await until("the tool is cancelled", () => logs[1]!.cancelled === 1);
  const waiting = host.callTool({ name: "one__slow" }).catch((error: Error) => error.message);
  await until("the tool runs", () => logs[0]!.started === 1);
  await servers[0]!.close();
  assertEquals(await waiting, 'MCP error -32603: the connection to "one" has ended');
  // The other one goes on.
  assertEquals((await host.listTools()).tools.every(({ name }) => name.startsWith("two__")), true);
  const closed = new Promise<void>((resolve) => host.onclose = resolve);
  await servers[1]!.close();
  await closed;
});

Deno.test("combineServers() leaves out who can't be reached, and fails when nobody can", async () => {
  const dead = (): Transport => ({
    start: () => Promise.reject(new Error("no relay could be reached")),
    send: () => Promise.reject(new Error("not started")),
    close: () => Promise.resolve(),
  });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await fixtureServer().connect(far);
  const host = makeClient();
  await host.connect(combineServers({ dead: dead(), living: near }));
  const { tools } = await host.listTools();
  assert(tools.length > 0 && tools.every(({ name }) => name.startsWith("living__")));
  await assertRejects(
    () => host.callTool({ name: "dead__echo" }),
    Error,
    "no relay could be reached",
  );
  await host.close();
  // Nor does one that is silent keep the others waiting.
  const [silent] = InMemoryTransport.createLinkedPair();
  const [other, end] = InMemoryTransport.createLinkedPair();
  await fixtureServer().connect(end);
  const patient = makeClient();
  await patient.connect(combineServers({ silent, other }, { answerTimeoutMs: 20 }));
  assertEquals((await patient.listTools()).tools.length, 5);
  await patient.close();
  await assertRejects(
    () => combineServers({ dead: dead(), gone: dead() }).start(),
    Error,
    "no relay could be reached",
  );
});

Deno.test("combineServers() bounds lists, and refuses names that can't begin a tool's", async () => {
  const [near, far] = InMemoryTransport.createLinkedPair();
  const server = new Server({ name: "s", version: "1" }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => ({
    tools: [{ name: `t${params?.cursor ?? 0}`, inputSchema: { type: "object" } }],
    nextCursor: String(Number(params?.cursor ?? 0) + 1),
  }));
  await server.connect(far);
  const host = makeClient();
  await host.connect(combineServers({ endless: near }, { maxItems: 20 }));
  await assertRejects(() => host.listTools(), Error, 'tools/list of "endless" is too long');
  await host.close();
  for (const name of ["", "a b", "a__b", "_a", "ä", "x".repeat(33)]) {
    assertThrows(() => combineServers({ [name]: near }), InputError, "can't begin the name");
  }
  assertThrows(() => combineServers({}), InputError, "at least one");
});

/** A server whose messages the test writes by hand, and what it is told. */
function scripted() {
  const [near, far] = InMemoryTransport.createLinkedPair();
  const heard: Record<string, unknown>[] = [];
  const capabilities = { tools: {}, resources: {} };
  const result = { protocolVersion: "2025-11-25", capabilities, serverInfo: { name: "s" } };
  far.onmessage = (message) => {
    heard.push({ ...message });
    if ("method" in message && "id" in message) {
      if (message.method === "initialize") tell({ id: message.id, result });
      if (message.method === "resources/list") tell({ id: message.id, result: { resources: [] } });
      if (message.method === "resources/read") {
        tell({ id: message.id, error: { code: -32602, message: "Resource not found" } });
      }
    }
  };
  const tell = (message: Record<string, unknown>) =>
    void far.send({ jsonrpc: "2.0", ...message } as Parameters<typeof far.send>[0]);
  const methods = () => heard.map(({ method }) => method);
  return { near, far, tell, heard, methods };
}

/** Two servers that are written by hand, and all that the host hears. */
async function scriptedPair(options: CombineOptions = {}) {
  const [one, two] = [scripted(), scripted()];
  await Promise.all([one.far.start(), two.far.start()]);
  const combined = combineServers({ one: one.near, two: two.near }, options);
  const heard: Record<string, unknown>[] = [];
  combined.onmessage = (message) => void heard.push(message);
  await combined.start();
  const ask = (id: number, method: string, params: Record<string, unknown> = {}) =>
    combined.send({ jsonrpc: "2.0", id, method, params });
  await ask(1, "initialize");
  await until("it is initialized", () => heard.length === 1);
  heard.length = 0;
  return { one, two, ask, heard, combined };
}

Deno.test("combineServers() lets no server speak about the calls and questions of another", async () => {
  const { one, two, ask, heard, combined } = await scriptedPair();
  await ask(2, "tools/call", { name: "one__t", _meta: { progressToken: "p" } });
  const progress = { progressToken: "p", progress: 1 };
  two.tell({ method: "notifications/progress", params: progress });
  two.tell({ id: 2, result: { content: [] } });
  one.tell({ id: "q", method: "roots/list" });
  await until("the question comes", () => heard.length === 1);
  two.tell({ method: "notifications/cancelled", params: { requestId: "q" } });
  one.tell({ method: "notifications/progress", params: progress });
  await until("the progress comes", () => heard.length === 2);
  assertEquals(heard.map(({ method }) => method), ["roots/list", "notifications/progress"]);
  // With its server the question goes, the call fails, and what it offered has changed.
  await one.far.close();
  await until("the host is told", () => heard.length === 6);
  assertEquals(heard.slice(2).map(({ id, method }) => id ?? method), [
    2,
    "notifications/cancelled",
    "notifications/tools/list_changed",
    "notifications/resources/list_changed",
  ]);
  assertEquals(heard[3]!.params, {
    requestId: heard[0]!.id,
    reason: "The server that asked has gone",
  });
  await combined.close();
});

Deno.test("combineServers() reads lists for an owner once, until they change", async () => {
  const { one, two, ask, heard, combined } = await scriptedPair();
  const lists = () => one.methods().filter((method) => method === "resources/list").length;
  for (let id = 2; id < 5; id++) await ask(id, "resources/read", { uri: `test://${id}` });
  await until("all are answered", () => heard.length === 3);
  assertEquals(heard.every(({ error }) => error !== undefined), true);
  const before = lists();
  await ask(5, "resources/read", { uri: "test://5" });
  await until("it is answered", () => heard.length === 4);
  assertEquals(lists(), before);
  two.tell({ method: "notifications/resources/list_changed" });
  await until("the host is told", () => heard.length === 5);
  await ask(6, "resources/read", { uri: "test://6" });
  await until("it is answered", () => heard.length === 6);
  assertEquals(lists(), before + 1);
  await combined.close();
});

Deno.test("combineServers() waits once for a list that does not come, and tells when it does", async () => {
  const { one, two, ask, heard, combined } = await scriptedPair({ answerTimeoutMs: 30 });
  const asked = (server: typeof one) =>
    server.heard.filter(({ method }) => method === "tools/list");
  const list = async (id: number) => {
    await ask(id, "tools/list");
    await until("one is asked", () => asked(one).length === id - 1);
    one.tell({ id: asked(one).at(-1)!.id, result: { tools: [{ name: "t" }] } });
    await until("the host has the list", () => heard.length === 1);
    return (heard.pop()!.result as { tools: { name: string }[] }).tools.map(({ name }) => name);
  };
  assertEquals([await list(2), await list(3), await list(4)], [["one__t"], ["one__t"], ["one__t"]]);
  assertEquals(asked(two).length, 1);
  two.tell({ id: asked(two)[0]!.id, result: { tools: [{ name: "late" }] } });
  await until("the host is told", () => heard.length === 1);
  assertEquals(heard.pop()!.method, "notifications/tools/list_changed");
  // What is no list it is told not to work on any longer.
  await ask(5, "logging/setLevel", { level: "info" });
  await until("that is withdrawn", () => two.methods().includes("notifications/cancelled"));
  const [level, cancelled] = two.heard.slice(-2);
  assertEquals((cancelled!.params as { requestId: string }).requestId, level!.id);
  // It is asked again.
  await ask(6, "tools/list");
  await until("both are asked", () => asked(two).length === 2);
  await combined.close();
});

Deno.test("combineServers() tells the others what one of them does not take", async () => {
  const { one, two, combined } = await scriptedPair();
  const errors: Error[] = [];
  combined.onerror = (error) => void errors.push(error);
  one.near.send = () => Promise.reject(new Error("broken pipe"));
  await combined.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  assertEquals(two.methods().at(-1), "notifications/initialized");
  assertEquals(errors.map(({ message }) => message), ["broken pipe"]);
  await combined.close();
});
