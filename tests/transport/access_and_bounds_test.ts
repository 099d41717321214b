import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { NostrServerTransport, serve } from "../../transport/server.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import { connect, fixtureServer, type Log, network, RawPeer, until } from "./_harness.ts";

const echo = (id: number, message: string) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: "echo", arguments: { message } },
});
const emptyLog = (): Log => ({ echoed: [], started: 0, cancelled: 0 });

Deno.test("F03: strangers are refused where that is answered, and nothing of theirs runs", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  await using stranger = await RawPeer.open(relay);
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    access: { allow: [peer.pubkey.toUpperCase()], answerRefused: true },
    ...network(relay),
  });
  const request = await stranger.message(server.publicKey, echo(7, "stranger"));
  stranger.publish(request);
  peer.publish(await peer.message(server.publicKey, echo(8, "friend")));
  await until("both are answered", () => stranger.received.length + peer.received.length === 2);
  assertEquals(log.echoed, ["friend"]);
  assertEquals(stranger.received[0]!.tags, [["p", stranger.pubkey], ["e", request.id]]);
  assertEquals(JSON.parse(stranger.received[0]!.content), {
    jsonrpc: "2.0",
    id: 7,
    error: { code: -32000, message: "Unauthorized" },
  });
});

Deno.test("F03: a slow authorization holds up nobody else, and keeps its client's order", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using slow = await RawPeer.open(relay);
  await using quick = await RawPeer.open(relay);
  const gate = Promise.withResolvers<void>();
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    access: {
      authorize: async ({ peer }) => {
        if (peer === slow.pubkey) await gate.promise;
        return true;
      },
    },
    ...network(relay),
  });
  for (const text of ["slow 1", "slow 2"]) {
    slow.publish(await slow.message(server.publicKey, echo(1, text)));
  }
  quick.publish(await quick.message(server.publicKey, echo(1, "quick")));
  await until("the quick one is answered", () => quick.received.length === 1);
  assertEquals(log.echoed, ["quick"]);
  gate.resolve();
  await until("the slow ones are answered", () => slow.received.length === 2);
  assertEquals(log.echoed, ["quick", "slow 1", "slow 2"]);
});

Deno.test("a client may ask again as soon as it has an answer, until too many answers are on their way", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    limits: { maxInFlight: 1 },
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  relay.faults.set({ holdOk: true });
  const say = (message: string) =>
    session.client.callTool({ name: "echo", arguments: { message } });
  await say("first");
  await say("second");
  await assertRejects(() => say("third"), Error, "more than 1 requests at the same time");
  relay.faults.clear();
  relay.faults.release();
});

Deno.test("F09: the bounds hold: requests in flight, sessions, and the size of an answer", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using first = await RawPeer.open(relay);
  await using second = await RawPeer.open(relay);
  await using server = await serve(() => {
    const mcp = fixtureServer(log);
    mcp.registerTool("large", {}, () => ({
      content: [{ type: "text", text: "x".repeat(70_000) }],
    }));
    return mcp;
  }, {
    signer: PrivateKeySigner.generate(),
    limits: { maxInFlight: 1, maxSessions: 1 },
    ...network(relay),
  });
  const call = (id: number, name: string) => ({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name },
  });
  const errorIn = (content: string) => JSON.parse(content).error.message as string;
  first.publish(await first.message(server.publicKey, call(1, "large")));
  await until("the large answer fails", () => first.received.length === 1);
  assertStringIncludes(errorIn(first.received[0]!.content), "does not fit an event");
  first.publish(await first.message(server.publicKey, call(2, "slow")));
  await until("a request is in flight", () => log.started === 1);
  first.publish(await first.message(server.publicKey, call(3, "slow")));
  await until("the second request is refused", () => first.received.length === 2);
  assertStringIncludes(errorIn(first.received[1]!.content), "more than 1 requests");
  second.publish(await second.message(server.publicKey, call(1, "slow")));
  await until("the second client is refused", () => second.received.length === 1);
  assertStringIncludes(errorIn(second.received[0]!.content), "Server is full");
});

Deno.test("F09: initialize over and over does not open more sessions than a server has room for", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    limits: { maxSessions: 3 },
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  const rounds = 6;
  for (let round = 0; round < rounds; round++) {
    const params = {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "greedy", version: "1" },
    };
    const initialize = { jsonrpc: "2.0", id: `i${round}`, method: "initialize", params };
    peer.publish(await peer.message(server.publicKey, initialize));
    const slow = {
      jsonrpc: "2.0",
      id: `s${round}`,
      method: "tools/call",
      params: { name: "slow" },
    };
    peer.publish(await peer.message(server.publicKey, slow));
  }
  await until("every call runs", () => log.started === rounds);
  const answers = peer.received.map(({ content }) => JSON.parse(content));
  assertEquals(answers.filter(({ result }) => result !== undefined).length, 3);
  const refused = answers.filter(({ error }) => error !== undefined);
  assertEquals(refused.map(({ id }) => id), ["i3", "i4", "i5"]);
  assertStringIncludes(refused[0].error.message, "earlier sessions");
});

Deno.test("F09: what waits for authorization is bounded, for each client", async () => {
  await using relay = new MemoryRelay();
  let asked = 0;
  const verdict = Promise.withResolvers<boolean>();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    limits: { maxQueued: 4 },
    access: {
      authorize: () => {
        asked += 1;
        return verdict.promise;
      },
      answerRefused: true,
    },
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  for (let id = 0; id < 10; id++) {
    peer.publish(await peer.message(server.publicKey, { jsonrpc: "2.0", id, method: "ping" }));
  }
  await until("what is too much is refused", () => peer.received.length === 6);
  assertEquals(asked, 1);
  verdict.resolve(true);
  await until("what waited is answered", () => peer.received.length === 10);
  assertEquals(asked, 4);
});

Deno.test("F09: NostrServerTransport takes no more subscriptions of a client than its bound", async () => {
  await using relay = new MemoryRelay();
  const transport = new NostrServerTransport({
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  const subscribed: string[] = [];
  transport.onmessage = (message) => {
    if (message.method !== "resources/subscribe") return;
    subscribed.push(message.params.uri);
    void transport.send({ jsonrpc: "2.0", id: message.id, result: {} });
  };
  await transport.start();
  const { publicKey } = transport.server!;
  await using peer = await RawPeer.open(relay);
  const subscribe = async (id: number, uri: string) =>
    peer.publish(
      await peer.message(publicKey, {
        jsonrpc: "2.0",
        id,
        method: "resources/subscribe",
        params: { uri },
      }),
    );
  for (let id = 0; id < 258; id++) await subscribe(id, `test://${id}`);
  await subscribe(258, "test://0"); // which it has
  await subscribe(259, `test://${"x".repeat(5_000)}`);
  await until("all are answered", () => peer.received.length === 260, 10_000);
  const refused = peer.received.map(({ content }) => JSON.parse(content)).filter(({ error }) =>
    error
  );
  assertEquals(refused.map(({ id }) => id).sort(), [256, 257, 259]);
  assertEquals(subscribed.length, 257);
  await transport.close();
});
