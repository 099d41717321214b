import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { request as rawRequest } from "node:http";
import { serveHttp } from "../../../cli/http/mod.ts";
import { CvmError } from "../../../errors.ts";
import { until } from "../helpers.ts";
import {
  EventReader,
  initialize,
  initializeRequest,
  request,
  send,
  startEndpoint,
} from "./_client.ts";

const page = (origin: string) => ({ origin });

/** The status of a request whose `Host` is chosen; `fetch` does not let one. */
function statusWithHost(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = rawRequest(url, { method: "POST", headers: { host } }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.on("error", reject);
    sent.end("{}");
  });
}

Deno.test("serveHttp() refuses pages and hosts that are not of this machine", async () => {
  await using server = startEndpoint();
  const { url } = server.endpoint;
  const { port } = new URL(url);
  const origins: readonly (readonly [string, number])[] = [
    ["http://127.0.0.1:5173", 200],
    ["http://localhost", 200],
    ["http://[::1]:8080", 200],
    ["https://localhost:6274", 200],
    ["https://example.com", 403],
    ["http://localhost.example.com", 403],
    ["http://127.0.0.1.example.com", 403],
    ["http://127.0.0.1@example.com", 403],
    ["null", 403],
    ["file://", 403],
    ["not a url", 403],
  ];
  for (const [origin, status] of origins) {
    const response = await send(url, initializeRequest(), page(origin));
    await response.body?.cancel();
    const shared = response.headers.get("access-control-allow-origin");
    assertEquals([origin, response.status, shared], [
      origin,
      status,
      status === 200 ? origin : null,
    ]);
  }
  const hosts: readonly (readonly [string, number])[] = [
    [`127.0.0.1:${port}`, 406],
    ["localhost:1", 406],
    ["example.com", 403],
    [`example.com:${port}`, 403],
    ["127.0.0.1.example.com", 403],
    ["a@127.0.0.1/", 403],
  ];
  for (const [host, status] of hosts) {
    assertEquals([host, await statusWithHost(url, host)], [host, status]);
  }
});

Deno.test("serveHttp() answers a page's preflight request, and only a page's of this machine", async () => {
  await using server = startEndpoint({ bearer: "secret" });
  const { url } = server.endpoint;
  const allowed = await send(url, null, page("http://localhost:1"), "OPTIONS");
  assertEquals(allowed.status, 204);
  assertStringIncludes(allowed.headers.get("access-control-allow-headers") ?? "", "mcp-session-id");
  const cases = [
    ["content-type,mcp-method,x-own", "content-type,mcp-method,x-own"],
    ["x\tbad", "authorization, content-type"],
    ["x".repeat(3_000), "authorization, content-type"],
  ] as const;
  for (const [asked, told] of cases) {
    const headers = {
      ...page("http://localhost:1"),
      "access-control-request-headers": asked,
      "access-control-request-private-network": "true",
    };
    const answer = await send(url, null, headers, "OPTIONS");
    assertStringIncludes(answer.headers.get("access-control-allow-headers") ?? "", told);
    assertEquals(answer.headers.get("access-control-allow-private-network"), "true");
  }
  const refused = await send(url, null, page("https://example.com"), "OPTIONS");
  assertEquals(refused.status, 403);
  await refused.body?.cancel();
});

Deno.test("serveHttp() lets pages of an origin that was named in, and of no other", async () => {
  await using server = startEndpoint({ origins: ["https://chat.example"] });
  const cases = [
    ["https://chat.example", 200],
    ["http://chat.example", 403],
    ["https://chat.example:444", 403],
    ["https://chat.example.net", 403],
    ["http://localhost", 200],
  ] as const;
  for (const [origin, status] of cases) {
    const response = await send(server.endpoint.url, initializeRequest(), page(origin));
    await response.body?.cancel();
    const shared = response.headers.get("access-control-allow-origin");
    assertEquals([response.status, shared], [status, status === 200 ? origin : null]);
  }
});

Deno.test("serveHttp() asks for the bearer token where there is one", async () => {
  await using server = startEndpoint({ bearer: "secret" });
  const cases: readonly (readonly [Record<string, string>, number])[] = [
    [{}, 401],
    [{ authorization: "secret" }, 401],
    [{ authorization: "Basic secret" }, 401],
    [{ authorization: "Bearer secret2" }, 401],
    [{ authorization: "Bearer " }, 401],
    [{ authorization: "Bearer secret" }, 200],
    [{ authorization: "bearer secret" }, 200],
  ];
  for (const [headers, status] of cases) {
    const response = await send(server.endpoint.url, initializeRequest(), headers);
    await response.body?.cancel();
    assertEquals([headers, response.status], [headers, status]);
    assertEquals(response.headers.get("www-authenticate"), status === 401 ? "Bearer" : null);
  }
});

Deno.test("serveHttp() says with the status what is wrong with a request", async () => {
  await using server = startEndpoint({ maxRequestBytes: 2_000 });
  const { url } = server.endpoint;
  const session = await initialize(url);
  const large = request(1, "echo", { text: "x".repeat(2_000) });
  const cases: readonly (readonly [string, Promise<Response>, number])[] = [
    ["another path", send(new URL("/", url).href, initializeRequest()), 404],
    ["another method", send(url, null, {}, "PUT"), 405],
    ["no session", send(url, request(1)), 400],
    ["no session to listen to", send(url, null, {}, "GET"), 400],
    ["an unknown session", send(url, request(1), { "mcp-session-id": "x" }), 404],
    ["initialize again", send(url, initializeRequest(), session), 400],
    ["no message", send(url, { hello: 1 }, session), 400],
    ["no JSON", send(url, null, { ...session, "content-type": "text/plain" }), 415],
    ["not to be read", send(url, request(1), { ...session, accept: "text/html" }), 406],
    ["an unknown version", send(url, request(1), { ...session, "mcp-protocol-version": "1" }), 400],
    ["too large", send(url, large, session), 413],
    ["a notification", send(url, { jsonrpc: "2.0", method: "notifications/x" }, session), 202],
  ];
  for (const [what, sent, status] of cases) {
    const response = await sent;
    await response.body?.cancel();
    assertEquals([what, response.status], [what, status]);
  }
  assertEquals(server.endpoint.sessions.length, 1);
});

Deno.test("serveHttp() speaks with clients of MCP 2025-03-26 and 2025-06-18 too, and takes batches", async () => {
  await using server = startEndpoint();
  const { url } = server.endpoint;
  for (const version of ["2025-03-26", "2025-06-18"]) {
    const opened = await send(url, initializeRequest(version));
    const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
    await using first = new EventReader(opened);
    assertEquals((await first.next())?.id, "first");
    assertEquals(first.lastEventId === "", false);
    await using batch = new EventReader(await send(url, [request(1), request("1")], session));
    assertEquals([(await batch.next())?.id, (await batch.next())?.id], [1, "1"]);
    assertEquals(await batch.next(), undefined);
  }
});

Deno.test("serveHttp() ends a session on DELETE, and does not know it any more", async () => {
  await using server = startEndpoint();
  const { url } = server.endpoint;
  const session = await initialize(url);
  const [opened] = server.sessions;
  let closed = 0;
  if (opened !== undefined) opened.onclose = () => void closed++;
  await using listening = new EventReader(await send(url, null, session, "GET"));
  await using held = new EventReader(await send(url, request(1, "hold"), session));
  const response = await send(url, null, session, "DELETE");
  await response.body?.cancel();
  assertEquals([response.status, closed, server.endpoint.sessions.length], [200, 1, 0]);
  assertEquals([await listening.next(), await held.next()], [undefined, undefined]);
  const after = await send(url, request(2), session);
  await after.body?.cancel();
  assertEquals(after.status, 404);
});

Deno.test("serveHttp() has room for so many clients; one without a connection makes room", async () => {
  await using server = startEndpoint({ maxSessions: 2 });
  const { url } = server.endpoint;
  const first = await initialize(url);
  const second = await initialize(url);
  const [one, other] = server.sessions;
  await using _listening = new EventReader(await send(url, null, first, "GET"));
  await until(() => one?.isOpen && other?.isOpen === false);
  await initialize(url); // in the place of the second, which has no connection
  const forgotten = await send(url, request(1), second);
  await forgotten.body?.cancel();
  assertEquals(forgotten.status, 404);
  const [, , third] = server.sessions;
  assert(third !== undefined);
  const thirdSession = { ...first, "mcp-session-id": third.sessionId ?? "" };
  await using _third = new EventReader(await send(url, null, thirdSession, "GET"));
  const refused = await send(url, initializeRequest());
  await refused.body?.cancel();
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "10"]);
  assertEquals(server.endpoint.sessions, [one, third]);
});

Deno.test("serveHttp() forgets a client that is not heard of again, and no other", async () => {
  const clock = { now: 0 };
  await using server = startEndpoint({ idleTimeoutMs: 20, now: () => clock.now });
  const { url } = server.endpoint;
  const session = await initialize(url);
  await initialize(url);
  const [connected, gone] = server.sessions;
  await until(() => gone?.isOpen === false);
  {
    await using _listening = new EventReader(await send(url, null, session, "GET"));
    clock.now = 21;
    await until(() => server.endpoint.sessions.length === 1);
    assertEquals(server.endpoint.sessions, [connected]);
    assertEquals(connected?.hasHungUp, false);
  }
  await until(() => connected?.hasHungUp);
  clock.now = 42;
  await until(() => server.endpoint.sessions.length === 0);
});

Deno.test("serveHttp() ends a stream whose client does not read", async () => {
  await using server = startEndpoint({ maxBufferedBytes: 100_000 });
  const { url } = server.endpoint;
  const session = await initialize(url);
  const [opened] = server.sessions;
  await until(() => opened?.isOpen === false);
  const response = await send(url, null, session, "GET");
  const data = "x".repeat(90_000);
  // What the sockets' buffers hold comes on top.
  for (let sent = 0; opened?.isOpen; sent++) {
    await opened.send({ jsonrpc: "2.0", method: "notifications/message", params: { data } });
    if (sent % 20 === 19) await new Promise((resolve) => setTimeout(resolve));
    assert(sent < 2_000);
  }
  await response.body?.cancel();
});

Deno.test("serveHttp() says what to do about a port that is taken", async () => {
  await using server = startEndpoint();
  const port = Number(new URL(server.endpoint.url).port);
  const error = assertThrows(() => serveHttp({ port, onSession: () => {} }), CvmError);
  assertEquals(error.code, "CONFIG_INVALID");
  assertStringIncludes(error.message, `127.0.0.1:${port}: another program uses the port`);
});
