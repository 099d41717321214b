import { assert, assertEquals } from "@std/assert";
import { RelatedRequests } from "../../../cli/http/_related_requests.ts";
import { EventMemory } from "../../../cli/http/event_memory.ts";
import type { JsonRpcMessage, JsonRpcRequest, RequestId } from "../../../transport/types.ts";
import { until } from "../helpers.ts";
import { EventReader, initialize, request, send, startEndpoint } from "./_client.ts";

const notification = (method: string, params = {}): JsonRpcMessage => ({
  jsonrpc: "2.0",
  method,
  params,
});
const question = (id: RequestId): JsonRpcMessage => ({
  jsonrpc: "2.0",
  id,
  method: "sampling/createMessage",
});
const asked = (id: RequestId, method: string, progressToken?: RequestId): JsonRpcRequest => ({
  jsonrpc: "2.0",
  id,
  method,
  params: { _meta: { progressToken } },
});

Deno.test("RelatedRequests finds the request that a message of the server belongs to", () => {
  const call = asked(1, "tools/call", "t");
  const other = asked("1", "tools/call", 7);
  const list = asked(2, "tools/list");
  const progress = (progressToken: RequestId) =>
    notification("notifications/progress", { progressToken });
  const changed = notification("notifications/tools/list_changed");
  const log = notification("notifications/message");
  const cases: readonly (readonly [
    string,
    readonly JsonRpcMessage[],
    JsonRpcMessage,
    boolean,
    RequestId | undefined,
  ])[] = [
    ["nothing under way", [], log, false, undefined],
    ["one request", [list], log, true, 2],
    ["one call among others", [call, list], question("q"), true, 1],
    ["two calls, and a stream for the rest", [call, other], question("q"), true, undefined],
    ["two calls, and no other stream", [call, other], question("q"), false, "1"],
    ["progress by its token", [call, other], progress("t"), true, 1],
    ["progress by another token", [call, other], progress(7), true, "1"],
    ["a token of another type", [call, other], progress("7"), true, undefined],
    ["a changed list", [call], changed, true, undefined],
    ["a changed list, and no other stream", [call], changed, false, 1],
    [
      "an updated resource",
      [call],
      notification("notifications/resources/updated"),
      true,
      undefined,
    ],
  ];
  for (const [what, before, message, listening, expected] of cases) {
    const related = new RelatedRequests();
    for (const earlier of before) related.fromClient(earlier);
    assertEquals([what, related.of(message, { listening })], [what, expected]);
  }
});

Deno.test("RelatedRequests sends a withdrawal where the question was asked", () => {
  const related = new RelatedRequests();
  const withdrawal = (requestId: RequestId) =>
    notification("notifications/cancelled", { requestId });
  related.fromClient(asked(1, "tools/call"));
  assertEquals(related.of(question("a"), { listening: false }), 1);
  assertEquals(related.of(question("b"), { listening: false }), 1);
  related.fromClient(asked(2, "tools/call"));
  assertEquals(related.of(withdrawal("a"), { listening: false }), 1);
  related.answered(1);
  assertEquals(related.of(withdrawal("b"), { listening: false }), undefined);
  assertEquals(related.of(question("c"), { listening: false }), 2);
});

Deno.test("EventMemory keeps the youngest events, bounded by number and by size", async () => {
  const message = (text: string) => ({ jsonrpc: "2.0" as const, method: "m", params: { text } });
  const replay = async (memory: EventMemory, after: string) => {
    const texts: unknown[] = [];
    const stream = await memory.replayEventsAfter(after, {
      send: (_id, event) => {
        if ("params" in event) texts.push(event.params?.text);
        return Promise.resolve();
      },
    });
    return [stream, ...texts];
  };
  const few = new EventMemory({ maxEvents: 3 });
  const ids: string[] = [];
  for (const [stream, text] of [["a", "1"], ["b", "2"], ["a", "3"], ["b", "4"]] as const) {
    ids.push(await few.storeEvent(stream, message(text)));
  }
  assertEquals(ids.map((id) => few.streamOf(id)), [undefined, "b", "a", "b"]);
  assertEquals(await replay(few, ids[1] ?? ""), ["b", "4"]);
  const small = new EventMemory({ maxSize: 200 });
  const first = await small.storeEvent("a", message("x".repeat(100)));
  const second = await small.storeEvent("a", message("y".repeat(1_000)));
  assertEquals([small.streamOf(first), small.streamOf(second)], [undefined, "a"]);
  assertEquals([few.takeAll().length, few.takeAll().length], [3, 0]);
});

Deno.test("HttpSession answers, tells progress and asks in the stream of the request", async () => {
  await using server = startEndpoint();
  const { url } = server.endpoint;
  const session = await initialize(url);
  const [opened] = server.sessions;
  assert(opened !== undefined);
  await using listening = new EventReader(await send(url, null, session, "GET"));
  const open = async (id: RequestId) => {
    const held = request(id, "hold", { _meta: { progressToken: id } });
    return new EventReader(await send(url, held, session));
  };
  await using one = await open(1);
  await using other = await open("1");
  const progress = (progressToken: RequestId) =>
    notification("notifications/progress", { progressToken, progress: 1 });
  await opened.send(progress("1"));
  await opened.send(progress(1));
  await opened.send(question("whose?"));
  await opened.send({ jsonrpc: "2.0", id: 1, result: { one: true } });
  await opened.send(question("yours")); // only one is under way
  await opened.send({ jsonrpc: "2.0", id: 1, result: { again: true } }); // dropped
  await opened.send({ jsonrpc: "2.0", id: "1", result: {} });
  assertEquals(await one.next(), { ...progress(1) });
  assertEquals((await one.next())?.result, { one: true });
  assertEquals(await one.next(), undefined);
  assertEquals(await other.next(), { ...progress("1") });
  assertEquals((await other.next())?.id, "yours");
  assertEquals((await other.next())?.id, "1");
  assertEquals(await other.next(), undefined);
  assertEquals((await listening.next())?.id, "whose?");
  const answer = await send(url, { jsonrpc: "2.0", id: "yours", result: { role: "x" } }, session);
  await answer.body?.cancel();
  assertEquals(answer.status, 202);
  await until(() => server.received.some((message) => "id" in message && message.id === "yours"));
});

Deno.test("HttpSession keeps what belongs to no request until the client listens", async () => {
  await using server = startEndpoint();
  const { url } = server.endpoint;
  const session = await initialize(url);
  const [opened] = server.sessions;
  await opened?.send(notification("notifications/tools/list_changed"));
  await opened?.send(question("early"));
  await using listening = new EventReader(await send(url, null, session, "GET"));
  await opened?.send(question("later"));
  assertEquals((await listening.next())?.method, "notifications/tools/list_changed");
  assertEquals((await listening.next())?.id, "early");
  assertEquals((await listening.next())?.id, "later");
});

Deno.test("HttpSession ends the stream of a request that its client cancels", async () => {
  await using server = startEndpoint();
  const { url } = server.endpoint;
  const session = await initialize(url);
  await using held = new EventReader(await send(url, request(1, "hold"), session));
  const cancelled = notification("notifications/cancelled", { requestId: 1 });
  await (await send(url, cancelled, session)).body?.cancel();
  assertEquals((await held.next())?.id, 1);
  assertEquals(await held.next(), undefined);
  assertEquals(server.received.at(-1), cancelled);
});

Deno.test("HttpSession refuses requests beyond its bound, and nothing else", async () => {
  await using server = startEndpoint({ maxInFlight: 2 });
  const { url } = server.endpoint;
  const session = await initialize(url);
  await using first = new EventReader(await send(url, request(1, "hold"), session));
  await using _second = new EventReader(await send(url, request(2, "hold"), session));
  await using refused = new EventReader(await send(url, request(3), session));
  const message = "Refused: more than 2 requests at the same time";
  assertEquals((await refused.next())?.error, { code: -32000, message });
  const cancelled = notification("notifications/cancelled", { requestId: 1 });
  await (await send(url, cancelled, session)).body?.cancel();
  assertEquals((await first.next())?.id, 1);
  await using third = new EventReader(await send(url, request(3), session));
  assertEquals((await third.next())?.id, 3);
});

Deno.test("HttpSession lets a client take up a stream that broke off", async () => {
  await using server = startEndpoint();
  const { url } = server.endpoint;
  const session = await initialize(url);
  const [opened] = server.sessions;
  assert(opened !== undefined);
  const held = new EventReader(await send(url, request(1, "hold"), session));
  await opened.send(notification("notifications/message", { data: "before" }));
  assertEquals((await held.next())?.params, { data: "before" });
  await held[Symbol.asyncDispose]();
  await until(() => !opened.isOpen);
  await opened.send(notification("notifications/message", { data: "meanwhile" }));
  const resumed = { ...session, "last-event-id": held.lastEventId };
  await using rest = new EventReader(await send(url, null, resumed, "GET"));
  await opened.send({ jsonrpc: "2.0", id: 1, result: { late: true } });
  assertEquals((await rest.next())?.params, { data: "meanwhile" });
  assertEquals((await rest.next())?.result, { late: true });
  assertEquals(await rest.next(), undefined);
  const unknown = { ...session, "last-event-id": "none" };
  const refused = await send(url, null, unknown, "GET");
  await refused.body?.cancel();
  assertEquals(refused.status, 400);
});
