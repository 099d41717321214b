import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import * as z from "zod";
import { type NostrEvent, PrivateKeySigner, type Signer } from "../../../crypto/mod.ts";
import { CallError, SessionError } from "../../../errors.ts";
import { NostrClientTransport, type StreamCall } from "../../../transport/client.ts";
import {
  NostrServerTransport,
  serve,
  type ServeOptions,
  type Session,
} from "../../../transport/server.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { resolveLimits } from "../../../transport/session/limits.ts";
import { frameOf } from "../../../transport/wire/frames.ts";
import { connect, network, RawPeer, until } from "../_harness.ts";

/** A server whose tools stream; `sessionOf` finds the session of a request. */
function streamingServer(
  sessionOf: (requestId: string | number) => Session | undefined,
): McpServer {
  const mcp = new McpServer({ name: "streams", version: "1.0.0" });
  const open = (id: string | number) => {
    const session = sessionOf(id);
    if (session === undefined) throw new Error("no session");
    return session.openStream(id);
  };
  const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });
  mcp.registerTool(
    "spell",
    { inputSchema: { word: z.string(), rest: z.number().optional() } },
    async (
      { word, rest = 0 },
      { requestId },
    ) => {
      const stream = open(requestId);
      for (const letter of word) await stream.write(letter);
      return text("x".repeat(rest));
    },
  );
  mcp.registerTool("fail", {}, async ({ requestId }) => {
    await open(requestId).write("a beginning");
    throw new Error("no end");
  });
  mcp.registerTool("none", {}, () => text("no stream"));
  mcp.registerTool("upper", {}, async ({ requestId }) => {
    const stream = open(requestId);
    for await (const piece of stream) await stream.write(piece.toUpperCase());
    return text("all of it");
  });
  mcp.registerTool("forever", {}, async ({ requestId, signal }) => {
    const stream = open(requestId);
    await stream.write("first");
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return text("never");
  });
  return mcp;
}

function serveStreams(relay: MemoryRelay, options: Partial<ServeOptions> = {}) {
  const signer = PrivateKeySigner.generate();
  return serve((session) => streamingServer(() => session), {
    signer,
    ...network(relay),
    ...options,
  });
}

async function wordsOf(call: StreamCall): Promise<string[]> {
  const words: string[] = [];
  for await (const word of call.stream) words.push(word);
  return words;
}

const spell = (word: string, rest?: number) => ({ name: "spell", arguments: { word, rest } });

function framesIn(events: readonly NostrEvent[]) {
  return events.filter(({ kind }) => kind === 25910)
    .map(({ content }) => frameOf(JSON.parse(content))?.frameType)
    .filter((type) => type !== undefined);
}

function record(relay: MemoryRelay): NostrEvent[] {
  const events: NostrEvent[] = [];
  relay.faults.set({
    onDelivery: ({ event }) => {
      events.push(event);
      return "pass";
    },
  });
  return events;
}

for (const encryption of ["required", "disabled"] as const) {
  Deno.test(`CEP41-16: streamCall() gives the stream and the result, encryption ${encryption}`, async () => {
    await using relay = new MemoryRelay();
    await using server = await serveStreams(relay, { encryption });
    await using session = await connect(relay, server.publicKey, { encryption });
    const call = session.transport.streamCall("tools/call", spell("word"));
    assertEquals(await wordsOf(call), ["w", "o", "r", "d"]);
    assertEquals((await call.result).content, [{ type: "text", text: "" }]);
  });
}

Deno.test("an endless wait is one, and not none; a bound that is undefined is the default", async () => {
  await using relay = new MemoryRelay();
  const limits = {
    maxStreamMs: Infinity,
    streamIdleMs: Infinity,
    transferTimeoutMs: Infinity,
    transferIdleMs: 3e9,
    maxSessions: undefined,
  };
  await using server = await serveStreams(relay, {
    limits,
    access: { authorize: () => Promise.resolve(true), authorizeTimeoutMs: Infinity },
  });
  const options = { limits, handshakeTimeoutMs: Infinity };
  await using session = await connect(relay, server.publicKey, options);
  relay.faults.set({ latencyMs: 5 });
  const call = session.transport.streamCall("tools/call", spell("word", 200_000), {
    timeoutMs: Infinity,
  });
  assertEquals(await wordsOf(call), ["w", "o", "r", "d"]);
  await call.result;
  assertEquals(resolveLimits(limits).maxSessions, 1000);
});

Deno.test("CEP41-21: a streamed call whose result is too large for one event gives both", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  await using session = await connect(relay, server.publicKey);
  const call = session.transport.streamCall("tools/call", spell("abc", 200_000));
  assertEquals(await wordsOf(call), ["a", "b", "c"]);
  const [{ text }] = (await call.result).content as [{ text: string }];
  assertEquals(text.length, 200_000);
});

Deno.test("a piece that is larger than an event is written in several chunks, and reads as it was", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  await using session = await connect(relay, server.publicKey);
  const call = session.transport.streamCall("tools/call", { name: "upper" });
  const text = 'ä"😀'.repeat(30_000);
  const read = wordsOf(call);
  await call.stream.write(text);
  await call.stream.close();
  assertEquals((await read).join(""), text.toUpperCase());
});

Deno.test("streams go from the client to the server, too", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  await using session = await connect(relay, server.publicKey);
  const call = session.transport.streamCall("tools/call", { name: "upper" });
  const words = wordsOf(call);
  for (const word of ["one", "two"]) await call.stream.write(word);
  await call.stream.close();
  assertEquals([await words, (await call.result).content], [
    ["ONE", "TWO"],
    [{ type: "text", text: "all of it" }],
  ]);
});

Deno.test("F05, CEP41-5: streams of several clients, and of several calls of one, do not mix", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  const clients = [await connect(relay, server.publicKey), await connect(relay, server.publicKey)];
  const words = ["alpha", "beta"];
  const calls = clients.flatMap(({ transport }) =>
    words.map((word) => transport.streamCall("tools/call", spell(word)))
  );
  const read = await Promise.all(calls.map(wordsOf));
  assertEquals(read.map((letters) => letters.join("")), [...words, ...words]);
  for (const { client } of clients) await client.close();
});

Deno.test("F05: a stream reaches its request, although another program with the same key has begun a session since", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  const signer = PrivateKeySigner.generate();
  await using first = await connect(relay, server.publicKey, { signer });
  const call = first.transport.streamCall("tools/call", { name: "upper" });
  await first.client.ping();
  await using _second = await connect(relay, server.publicKey, { signer });
  await call.stream.write("word");
  await call.stream.close();
  assertEquals(await wordsOf(call), ["WORD"]);
});

Deno.test("F20: a call that is cancelled while its stream is closing is not answered", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay, { encryption: "disabled" });
  await using session = await connect(relay, server.publicKey, { encryption: "disabled" });
  const closing = Promise.withResolvers<void>();
  const results: string[] = [];
  relay.faults.set({
    onDelivery: ({ event }) => {
      const message = JSON.parse(event.content);
      if (frameOf(message)?.frameType === "chunk") relay.faults.set({ holdOk: true });
      if (frameOf(message)?.frameType === "close") closing.resolve();
      if (message.result?.content !== undefined) results.push(message.result.content);
      return "pass";
    },
  });
  const call = session.transport.streamCall("tools/call", spell("a"));
  await closing.promise;
  call.cancel();
  await assertRejects(() => call.result);
  await session.client.ping(); // the cancellation was read before it
  relay.faults.set({ holdOk: false });
  relay.faults.release();
  await session.client.ping();
  assertEquals(results, []);
});

Deno.test("F25: a streamed call settles when the tool fails, when there is no stream, and when there is no such tool", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  await using session = await connect(relay, server.publicKey);
  const failing = session.transport.streamCall("tools/call", { name: "fail" });
  await assertRejects(() => wordsOf(failing), SessionError, "the call has failed");
  assertEquals((await failing.result).isError, true);
  const without = session.transport.streamCall("tools/call", { name: "none" });
  assertEquals(await wordsOf(without), []);
  assertEquals((await without.result).content, [{ type: "text", text: "no stream" }]);
  const unknown = session.transport.streamCall("no/such/method");
  const error = await assertRejects(() => unknown.result, CallError);
  assertEquals([error.code, error.rpcCode], ["CALL_FAILED", -32601]);
  assertEquals(await wordsOf(unknown), []);
});

Deno.test("F25: a streamed call settles when the transport is closed, when the server has gone, and when it is cancelled", async () => {
  await using relay = new MemoryRelay();
  const limits = { streamIdleMs: 10, streamProbeMs: 100 };
  const server = await serveStreams(relay);
  const start = async () => {
    const session = await connect(relay, server.publicKey, { limits });
    const call = session.transport.streamCall("tools/call", { name: "forever" });
    const reader = call.stream.readable.getReader();
    assertEquals((await reader.read()).value, "first");
    return { ...session, call, reader };
  };
  const closed = await start();
  await closed.client.close();
  await assertRejects(() => closed.reader.read(), SessionError, "transport was closed");
  await assertRejects(() => closed.call.result, SessionError, "transport was closed");

  const cancelled = await start();
  cancelled.call.cancel("enough");
  await assertRejects(() => cancelled.reader.read(), SessionError, "enough");
  await assertRejects(() => cancelled.call.result, SessionError, "enough");
  await cancelled.client.close();

  const abandoned = await start();
  await server.close();
  await assertRejects(() => abandoned.reader.read(), SessionError, "sign of life");
  abandoned.call.cancel();
  await assertRejects(() => abandoned.call.result);
  await abandoned.client.close();
});

Deno.test("F25: a server that never answers fails a streamed call in time", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  await using transport = await (async () => {
    const session = await connect(relay, peer.pubkey, { stateless: true });
    return Object.assign(session, { [Symbol.asyncDispose]: () => session.client.close() });
  })();
  const call = transport.transport.streamCall("tools/call", { name: "x" }, { timeoutMs: 20 });
  const error = await assertRejects(() => call.result, SessionError);
  assertEquals(error.code, "SERVER_NOT_ANSWERING");
  await assertRejects(() => wordsOf(call), SessionError);
  const stop = AbortSignal.abort(new Error("changed my mind"));
  const aborted = transport.transport.streamCall("tools/call", { name: "x" }, { signal: stop });
  await assertRejects(() => aborted.result, Error, "changed my mind");
});

Deno.test("F20: a streamed call that is cancelled before it is signed does not leave", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  const key = PrivateKeySigner.generate();
  let gate = Promise.resolve();
  const signer: Signer = {
    getPublicKey: () => key.getPublicKey(),
    signEvent: async (template) => {
      await gate;
      return key.signEvent(template);
    },
    nip44: key.nip44,
  };
  await using session = await connect(relay, server.publicKey, { signer });
  const events = record(relay);
  const early = session.transport.streamCall("tools/call", spell("word"), {
    signal: AbortSignal.abort(new Error("changed my mind")),
  });
  await assertRejects(() => early.result, Error, "changed my mind");
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  const late = session.transport.streamCall("tools/call", spell("word"));
  late.cancel();
  const ping = session.client.ping();
  resolve();
  await ping;
  assertEquals(events.length, 2, "the ping and its answer");
});

Deno.test("a request that is being signed when the transport closes does not leave, nor is it waited for", async () => {
  await using relay = new MemoryRelay();
  const key = PrivateKeySigner.generate();
  const gate = Promise.withResolvers<void>();
  const signer: Signer = {
    getPublicKey: () => key.getPublicKey(),
    signEvent: async (template) => {
      await gate.promise;
      return key.signEvent(template);
    },
    nip44: key.nip44,
  };
  const server = PrivateKeySigner.generate().pubkey;
  const transport = new NostrClientTransport({ signer, server, ...network(relay) });
  await transport.start();
  const sent = transport.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  const refused = assertRejects(() => sent, SessionError, "closed");
  await new Promise((resolve) => setTimeout(resolve)); // it is at the signer now
  await transport.close();
  gate.resolve();
  await refused; // no timer is left, or the test would fail
});

Deno.test("a streamed call in parts, both ways, says nothing of it to the MCP client above", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  await using session = await connect(relay, server.publicKey);
  const seen: unknown[] = [];
  session.transport.onmessage = (message) => void seen.push(message);
  const call = session.transport.streamCall("tools/call", {
    ...spell("a", 200_000),
    more: "x".repeat(200_000),
  });
  assertEquals(await wordsOf(call), ["a"]);
  await call.result;
  assertEquals(seen, []);
});

Deno.test("F25: an MCP client that knows nothing of streams gets its result, and the stream as messages of progress", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  await using session = await connect(relay, server.publicKey);
  const messages: (string | undefined)[] = [];
  const result = await session.client.callTool(spell("abc"), undefined, {
    onprogress: ({ message }) => void messages.push(message),
  });
  assertEquals([result.content, messages], [[{ type: "text", text: "" }], ["a", "b", "c"]]);
});

Deno.test("F25: what its answer has overtaken of a stream is read all the same", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay, { encryption: "disabled" });
  await using session = await connect(relay, server.publicKey, { encryption: "disabled" });
  for (const held of ["start", "chunk", "close"]) {
    relay.faults.set({
      onDelivery: ({ event }) =>
        frameOf(JSON.parse(event.content))?.frameType === held ? "hold" : "pass",
    });
    const call = session.transport.streamCall("tools/call", spell("word"));
    const words = wordsOf(call);
    await call.result;
    relay.faults.release();
    assertEquals(await words, ["w", "o", "r", "d"], `${held} comes late`);
  }
});

Deno.test("F25: an MCP client hears of no progress after its answer, and of all before it", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay, { encryption: "disabled" });
  await using session = await connect(relay, server.publicKey, { encryption: "disabled" });
  const seen: (string | undefined)[] = [];
  const { onmessage } = session.transport;
  session.transport.onmessage = (message) => {
    seen.push(message.params?.message ?? "the answer");
    onmessage?.(message);
  };
  relay.faults.set({
    onDelivery: ({ event }) => {
      const message = JSON.parse(event.content);
      if (message.result !== undefined) relay.faults.release();
      return frameOf(message)?.fields.chunkIndex === 0 ? "hold" : "pass";
    },
  });
  const letters = "abcdefghijklmnopqrstuvwxyz";
  await session.client.callTool(spell(letters), undefined, { onprogress: () => {} });
  assertEquals(seen, [...letters, "the answer"]);
});

Deno.test("CEP41-1, CEP41-19, CEP41-31: no stream without a progress token, or to a client that has not said that it takes streams", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  await using session = await connect(relay, server.publicKey);
  const plain = await session.client.callTool(spell("abc"));
  assertStringIncludes(JSON.stringify(plain.content), "has no progress token");
  await using unable = await connect(relay, server.publicKey, { openStream: false });
  const call = unable.transport.streamCall("tools/call", spell("abc"));
  const { isError, content } = await call.result;
  assertStringIncludes(JSON.stringify(content), "has not said that it takes streams");
  assertEquals([isError, await wordsOf(call)], [true, []]);
  await using closed = await serveStreams(relay, { openStream: false });
  await using refused = await connect(relay, closed.publicKey);
  const never = refused.transport.streamCall("tools/call", spell("abc"));
  assertStringIncludes(JSON.stringify((await never.result).content), "does not open streams");
});

Deno.test("CEP41-3: a server that has lost a client's session waits for the client's accept before it streams", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  const events = record(relay);
  const first = await serveStreams(relay, { signer, encryption: "disabled" });
  await using session = await connect(relay, first.publicKey, { encryption: "disabled" });
  await session.client.listTools();
  await first.close();
  await using _second = await serveStreams(relay, { signer, encryption: "disabled" });
  events.length = 0;
  const call = session.transport.streamCall("tools/call", spell("ab"));
  assertEquals(await wordsOf(call), ["a", "b"]);
  assertEquals(framesIn(events), ["start", "accept", "chunk", "chunk", "close"]);
});

Deno.test("NostrServerTransport.sessionOf() finds the session of a request: its stream, and who asked (CEP16-3)", async () => {
  await using relay = new MemoryRelay();
  const transport = new NostrServerTransport({
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  const asked: (string | undefined)[] = [];
  const mcp = streamingServer((id) => {
    asked.push(transport.sessionOf(id)?.contextOf(id)?.clientPubkey);
    return transport.sessionOf(id);
  });
  await mcp.connect(transport);
  const signer = PrivateKeySigner.generate();
  await using session = await connect(relay, transport.server!.publicKey, { signer });
  const call = session.transport.streamCall("tools/call", spell("ab"));
  assertEquals(await wordsOf(call), ["a", "b"]);
  await call.result;
  assertEquals(asked, [signer.pubkey]);
  assert(transport.sessionOf("nothing") === undefined);
  await mcp.close();
});

Deno.test("Session.openStream() throws for a request that is not in flight", async () => {
  await using relay = new MemoryRelay();
  const sessions: Session[] = [];
  await using server = await serve((session) => {
    sessions.push(session);
    return streamingServer(() => session);
  }, { signer: PrivateKeySigner.generate(), ...network(relay) });
  await using _session = await connect(relay, server.publicKey);
  await until("there is a session", () => sessions.length === 1);
  const error = assertThrows(() => sessions[0]!.openStream("nothing"), SessionError, "in flight");
  assertEquals(error.code, "STREAM_UNAVAILABLE");
  assertEquals(sessions[0]!.contextOf("nothing"), undefined);
});

/** A frame of a stream, as a peer writes it by hand. */
const streamFrame = (token: string, progress: number, frameType: string, fields = {}) => ({
  jsonrpc: "2.0",
  method: "notifications/progress",
  params: { progressToken: token, progress, cvm: { type: "open-stream", frameType, ...fields } },
});

Deno.test("CEP41-3, CEP41-30: a stateless client that introduces itself with nothing streams after the accept, without a session before it", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  await using peer = await RawPeer.open(relay);
  const send = async (message: unknown) =>
    peer.publish(await peer.message(server.publicKey, message));
  const params = { name: "upper", arguments: {}, _meta: { progressToken: "t" } };
  await send({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  await send(streamFrame("t", 1, "start"));
  await until("it is accepted", () => framesIn(peer.received).includes("accept"));
  await send(streamFrame("t", 2, "chunk", { chunkIndex: 0, data: "abc" }));
  // The server does not know whether we take streams: it waits for an accept, too.
  await until("its stream begins", () => framesIn(peer.received).includes("start"));
  await send(streamFrame("t", 3, "accept"));
  await until("it answers", () => framesIn(peer.received).includes("chunk"));
  await send(streamFrame("t", 4, "close", { lastChunkIndex: 0 }));
  const answered = () => peer.received.filter(({ tags }) => tags.some(([name]) => name === "e"));
  await until("the call is answered", () => answered().length === 1);
  assertEquals(framesIn(peer.received), ["accept", "start", "chunk", "close"]);
  assertEquals(JSON.parse(answered()[0]!.content).id, 1);
});

Deno.test("CEP41-16: a close is no answer: a call waits for the one that its server sends, and takes one only", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  const signer = PrivateKeySigner.generate();
  const options = { signer, stateless: true, encryption: "disabled" as const };
  await using session = await connect(relay, peer.pubkey, options);
  const call = session.transport.streamCall("tools/call", { name: "x" });
  let settled = 0;
  void call.result.finally(() => settled += 1);
  await until("the request comes", () => peer.received.length === 1);
  const request = peer.received[0]!;
  const token = JSON.parse(request.content).params._meta.progressToken;
  const send = async (message: unknown) =>
    peer.publish(
      await peer.message(signer.pubkey, message, {
        tags: [["p", signer.pubkey], ["e", request.id], ["support_open_stream"]],
      }),
    );
  await send(streamFrame(token, 1, "start"));
  await send(streamFrame(token, 2, "chunk", { chunkIndex: 0, data: "a" }));
  await send(streamFrame(token, 3, "close", { lastChunkIndex: 0 }));
  assertEquals(await wordsOf(call), ["a"]);
  assertEquals(settled, 0);
  for (const text of ["first", "second"]) {
    await send({ jsonrpc: "2.0", id: JSON.parse(request.content).id, result: { text } });
  }
  assertEquals(await call.result, { text: "first" });
  assertEquals(settled, 1);
});

/** A server written by hand, which has said that it streams, and a client of it. */
async function handWritten(relay: MemoryRelay) {
  const peer = await RawPeer.open(relay);
  const signer = PrivateKeySigner.generate();
  const options = { signer, stateless: true, encryption: "disabled" as const };
  const { client, transport } = await connect(relay, peer.pubkey, options);
  const send = async (message: unknown, tags: string[][] = []) =>
    peer.publish(
      await peer.message(signer.pubkey, message, { tags: [["p", signer.pubkey], ...tags] }),
    );
  const sent = () => peer.received.map(({ content }) => JSON.parse(content));
  const greeting = client.ping();
  await until("the ping comes", () => peer.received.length === 1);
  const pong = { jsonrpc: "2.0", id: sent()[0].id, result: {} };
  await send(pong, [["e", peer.received[0]!.id], ["support_open_stream"]]);
  await greeting;
  peer.received.length = 0;
  return {
    client,
    transport,
    send,
    sent,
    /** The token of the call, once it has come. */
    token: async () => {
      await until("the call comes", () => peer.received.length === 1);
      return String(sent()[0].params._meta.progressToken);
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await peer[Symbol.asyncDispose]();
    },
  };
}

for (
  const { way, begun } of [
    { way: "streamCall()", begun: true },
    { way: "streamCall()", begun: false },
    { way: "callTool()", begun: true },
  ]
) {
  Deno.test(`CEP41-4, CEP41-22: ${way} that is cancelled aborts its stream, which ${begun ? "has begun" : "may yet begin"}`, async () => {
    await using relay = new MemoryRelay();
    await using server = await handWritten(relay);
    const stop = new AbortController();
    const { signal } = stop;
    const heard = Promise.withResolvers<void>();
    const streamed = () => {
      const call = server.transport.streamCall("tools/call", { name: "x" }, { signal });
      call.stream.readable.getReader().read().then(() => heard.resolve(), () => {});
      return call.result;
    };
    const onprogress = () => heard.resolve();
    const result = way === "streamCall()"
      ? streamed()
      : server.client.callTool({ name: "x" }, undefined, { signal, onprogress });
    const token = await server.token();
    if (begun) {
      await server.send(streamFrame(token, 1, "start"));
      await server.send(streamFrame(token, 2, "chunk", { chunkIndex: 0, data: "a" }));
      await heard.promise;
    }
    stop.abort(new Error("enough"));
    await assertRejects(() => result, Error, "enough");
    await until("it is told", () => server.sent().length === 3);
    // Servers of @contextvm/sdk don't know which call is cancelled.
    const [, cancelled, aborted] = server.sent();
    assertEquals(cancelled.method, "notifications/cancelled");
    const { progressToken, cvm } = aborted.params;
    assertEquals([progressToken, cvm.frameType], [token, "abort"]);
  });
}

Deno.test("CEP41-4: a client whose call is cancelled is told that its stream is over", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay, { encryption: "disabled" });
  await using peer = await RawPeer.open(relay);
  const send = async (message: unknown) =>
    peer.publish(
      await peer.message(server.publicKey, message, {
        tags: [["p", server.publicKey], ["support_open_stream"]],
      }),
    );
  const params = { name: "forever", arguments: {}, _meta: { progressToken: 7 } };
  await send({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  await until("it streams", () => framesIn(peer.received).includes("chunk"));
  await send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
  await until("it ends", () => framesIn(peer.received).at(-1) === "abort");
});

Deno.test("F24: a stream that nobody reads slows no other, of the same client or of another", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveStreams(relay);
  await using one = await connect(relay, server.publicKey);
  await using two = await connect(relay, server.publicKey);
  const unread = one.transport.streamCall("tools/call", spell("unread"));
  await unread.result;
  for (const { transport } of [one, two]) {
    const call = transport.streamCall("tools/call", spell("read"));
    assertEquals((await wordsOf(call)).join(""), "read");
    await call.result;
  }
  assertEquals((await wordsOf(unread)).join(""), "unread", "what waited is still there");
});
