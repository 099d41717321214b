import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { SessionError } from "../../errors.ts";
import { NostrServerTransport, serve } from "../../transport/server.ts";
import type { Session } from "../../transport/session/session.ts";
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

const echo = (id: number, message: string) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: "echo", arguments: { message } },
});
const emptyLog = (): Log => ({ echoed: [], started: 0, cancelled: 0 });
const now = () => Math.floor(Date.now() / 1000);

Deno.test("serve() answers a whole MCP session, encrypted by default (SPEC-1, SPEC-2, SPEC-4, SPEC-10, CEP4-1)", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  const { client } = session;
  assertEquals(client.getServerVersion()?.name, "fixture");
  assertEquals((await client.listTools()).tools.length, 5);
  assertEquals(textOf(await client.callTool({ name: "echo", arguments: { message: "hé" } })), "hé");
  const failed = await client.callTool({ name: "fail" });
  assertEquals([failed.isError, textOf(failed)], [true, "this tool always fails"]);
  const read = await client.readResource({ uri: "test://doc" });
  assertEquals(read.contents, [{ uri: "test://doc", text: "a document" }]);
  // CEP4-2, CEP19-2: only ephemeral wraps were used, each with its recipient in the only tag.
  for (const event of relay.events) {
    assertEquals([event.kind, event.tags.length, event.tags[0]?.[0]], [21059, 1, "p"]);
  }
});

Deno.test("F01: a message that is old, forged, misaddressed or of another kind does not run", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  const to = server.publicKey;
  const someoneElse = PrivateKeySigner.generate().pubkey;
  const wrapped = [
    await peer.message(to, echo(1, "old"), { created_at: now() - 400 }),
    await peer.message(to, echo(1, "early"), { created_at: now() + 400 }),
    await peer.message(to, echo(1, "for someone else"), { tags: [["p", someoneElse]] }),
    await peer.message(to, echo(1, "for nobody"), { tags: [] }),
    await peer.message(to, echo(1, "other kind"), { kind: 1 }),
    { ...await peer.message(to, echo(1, "forged")), pubkey: someoneElse },
    { ...await peer.message(to, echo(1, "edited")), content: JSON.stringify(echo(1, "edited!")) },
  ];
  for (const inner of wrapped) peer.publish(peer.wrap(inner, to));
  const forged = await peer.message(to, echo(1, "bad signature"));
  relay.deliver({ ...forged, sig: forged.sig.replace(/^./, (c) => c === "0" ? "1" : "0") });
  relay.deliver(await peer.message(to, echo(1, "plain and old"), { created_at: now() - 400 }));
  peer.publish(peer.wrap(await peer.message(to, echo(1, "good")), to));
  await until("the good message runs", () => log.echoed.length > 0);
  assertEquals(log.echoed, ["good"]);
});

Deno.test("F01: a message runs once, in however many wraps and deliveries it comes", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  const inner = await peer.message(server.publicKey, echo(1, "once"));
  for (const kind of [1059, 21059, 1059] as const) {
    const wrap = peer.wrap(inner, server.publicKey, kind);
    peer.publish(wrap);
    relay.deliver(wrap);
  }
  const plain = await peer.message(server.publicKey, echo(2, "once plain"));
  peer.publish(plain);
  relay.deliver(plain);
  peer.publish(peer.wrap(await peer.message(server.publicKey, echo(3, "last")), server.publicKey));
  await until("all three have run", () => log.echoed.length >= 3);
  assertEquals(log.echoed.toSorted(), ["last", "once", "once plain"]);
});

Deno.test("F01: stored wraps that a relay replays after a restart do not run again", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  await using peer = await RawPeer.open(relay);
  const start = () => serve(() => fixtureServer(log), { signer, ...network(relay) });
  {
    await using server = await start();
    const inner = await peer.message(server.publicKey, echo(1, "before"));
    peer.publish(peer.wrap(inner, server.publicKey, 1059));
    await until("the first life runs it", () => log.echoed.length === 1);
  }
  await using server = await start();
  const inner = await peer.message(server.publicKey, echo(2, "after"));
  peer.publish(peer.wrap(inner, server.publicKey, 1059));
  await until("the second life works", () => log.echoed.includes("after"));
  assertEquals(log.echoed, ["before", "after"]);
});

Deno.test("F01: what a relay has from before a restart does not run when the connection comes back either", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  await using peer = await RawPeer.open(relay);
  const start = () => serve(() => fixtureServer(log), { signer, ...network(relay) });
  const wrapped = async (id: number, text: string, created_at: number) =>
    peer.wrap(
      await peer.message(signer.pubkey, echo(id, text), { created_at }),
      signer.pubkey,
      1059,
    );
  const [ran, early] = [await wrapped(1, "ran", now()), await wrapped(2, "early", now() + 60)];
  {
    await using _first = await start();
    for (const wrap of [ran, early]) peer.publish(wrap);
    await until("the first life runs both", () => log.echoed.length === 2);
  }
  // The start misses one of them, as where the relay has more than it sends at once.
  relay.faults.set({ onDelivery: ({ event }) => event.id === ran.id ? "drop" : "pass" });
  await using _second = await start();
  relay.faults.clear();
  const before = relay.connectionCount;
  relay.faults.closeConnections();
  await until("the server is back", () => {
    return relay.connectionCount > before && relay.subscriptions.length === 2;
  });
  await using again = await RawPeer.open(relay, peer.signer);
  again.publish(await wrapped(3, "later", now()));
  await until("a later one runs", () => log.echoed.length > 2);
  assertEquals(log.echoed, ["ran", "early", "later"]);
});

Deno.test("F15: a relay that passes new messages off as stored ones suppresses nothing that another delivers", async () => {
  const log = emptyLog();
  await using honest = new MemoryRelay({ url: "wss://honest.test" });
  await using hostile = new MemoryRelay({ url: "wss://hostile.test" });
  hostile.faults.set({ withholdEose: true });
  const webSocket = (url: string) => (url === honest.url ? honest : hostile).webSocket(url);
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    relays: [hostile.url, honest.url],
    pool: { ...network(honest).pool, webSocket },
  });
  await using peer = await RawPeer.open(honest);
  await until("both are subscribed", () => hostile.subscriptions.length > 0);
  const wrap = peer.wrap(await peer.message(server.publicKey, echo(1, "x")), server.publicKey);
  hostile.deliver(wrap);
  hostile.faults.notice("delivered");
  await until("it has arrived", () => {
    return server.pool.snapshot().some(({ lastNotice }) => lastNotice === "delivered");
  });
  peer.publish(wrap);
  await until("it runs", () => log.echoed.length === 1);
});

Deno.test("F01: with a memory, what ran before a restart does not run again by any way, and slow clocks are heard at once", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  await using peer = await RawPeer.open(relay);
  const kept = new Map<string, number>();
  const replayMemory = {
    load: () => ({ events: [...kept] }),
    add: (id: string, createdAt: number) => void kept.set(id, createdAt),
    forget: () => {},
  };
  const start = () => serve(() => fixtureServer(log), { signer, replayMemory, ...network(relay) });
  const minutesAgo = { created_at: now() - 240 };
  const ran = await peer.message(signer.pubkey, echo(1, "before"), minutesAgo);
  {
    await using _first = await start();
    peer.publish(peer.wrap(ran, signer.pubkey));
    await until("the first life runs it", () => log.echoed.length === 1);
  }
  await using _second = await start();
  // Whoever has seen it may publish it once more: live, and in any wrap.
  for (const kind of [1059, 21059] as const) peer.publish(peer.wrap(ran, signer.pubkey, kind));
  peer.publish(ran);
  const slow = await peer.message(signer.pubkey, echo(2, "slow clock"), minutesAgo);
  peer.publish(peer.wrap(slow, signer.pubkey));
  await until("the other message runs", () => log.echoed.length > 1);
  assertEquals(log.echoed, ["before", "slow clock"]);
});

Deno.test("F04: who spoke encrypted is answered encrypted, also when the same key speaks plain meanwhile (SPEC-3, CEP4-3)", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  const secret = await peer.message(server.publicKey, echo(1, "secret"));
  const open = await peer.message(server.publicKey, echo(1, "open"));
  peer.publish(peer.wrap(secret, server.publicKey));
  peer.publish(open);
  await until("both are answered", () => peer.received.length === 2);
  const plain = peer.received.filter(({ kind }) => kind === 25910);
  assertEquals(plain.length, 1);
  assertEquals(plain[0]?.tags.slice(0, 2), [["p", peer.pubkey], ["e", open.id]]);
  assert(!plain[0]?.content.includes("secret"));
  const [answer] = await peer.opened();
  assertEquals(answer?.tags.slice(0, 2), [["p", peer.pubkey], ["e", secret.id]]);
  assertEquals(JSON.parse(answer!.content).id, 1);
});

Deno.test("F04: a server that requires encryption neither hears nor speaks plain text (CEP4-5)", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    encryption: "required",
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  peer.publish(await peer.message(server.publicKey, echo(1, "plain")));
  relay.deliver(await peer.message(server.publicKey, echo(2, "plain, pushed")));
  peer.publish(
    peer.wrap(await peer.message(server.publicKey, echo(3, "secret")), server.publicKey),
  );
  await until("the encrypted one is answered", () => peer.received.length === 1);
  assertEquals(log.echoed, ["secret"]);
  assertEquals(relay.events.filter((event) => event.pubkey === server.publicKey), []);
});

Deno.test("F05: two clients with the same ids and tokens see their own progress only (W7: token 0 too)", async () => {
  await using relay = new MemoryRelay();
  for (const shared of [false, true]) {
    const options = { signer: PrivateKeySigner.generate(), ...network(relay) };
    const mcp = fixtureServer();
    const transport = new NostrServerTransport(options);
    const server = shared ? undefined : await serve(() => fixtureServer(), options);
    if (shared) await mcp.connect(transport);
    const publicKey = options.signer.pubkey;
    const count = async (to: number) => {
      await using session = await connect(relay, publicKey);
      const seen: unknown[] = [];
      const result = await session.client.callTool(
        { name: "count", arguments: { to } },
        undefined,
        { onprogress: ({ total }) => seen.push(total) },
      );
      return { text: textOf(result), seen };
    };
    const counts = await Promise.all([count(3), count(4), count(5)]);
    assertEquals<unknown>(
      counts,
      [3, 4, 5].map((to) => ({
        text: String(to),
        seen: Array.from({ length: to }, () => to),
      })),
    );
    await server?.close();
    await mcp.close();
  }
});

Deno.test("F05: progress under token 0 carries the client's own token and request", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  const request = await peer.message(server.publicKey, {
    jsonrpc: "2.0",
    id: 9,
    method: "tools/call",
    params: { name: "count", arguments: { to: 1 }, _meta: { progressToken: 0 } },
  });
  peer.publish(request);
  await until("progress and the answer come", () => peer.received.length === 2);
  const [progress, answer] = peer.received;
  assertEquals(JSON.parse(progress!.content).params, { progressToken: 0, progress: 1, total: 1 });
  assertEquals(progress!.tags.slice(0, 2), [["p", peer.pubkey], ["e", request.id]]);
  assertEquals(JSON.parse(answer!.content).id, 9);
});

// CEP6-11 asks for the same.
Deno.test("CEP35-2: the server introduces itself with its first message and no other", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    info: { name: "N", about: "A" },
    extraTags: [["custom", "1"]],
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  for (const id of [1, 2]) {
    peer.publish(await peer.message(server.publicKey, echo(id, "x")));
    await until("an answer comes", () => peer.received.length === id);
  }
  assertEquals(peer.received[0]!.tags.slice(2), [
    ["name", "N"],
    ["about", "A"],
    ["support_encryption"],
    ["support_encryption_ephemeral"],
    ["custom", "1"],
    ["support_oversized_transfer"],
    ["support_open_stream"],
    ["support_transfer_token"],
  ]);
  assertEquals(peer.received[1]!.tags.length, 2);
});

Deno.test("F20: cancellation reaches the tool that runs", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  const abort = new AbortController();
  const call = session.client.callTool({ name: "slow" }, undefined, { signal: abort.signal });
  const outcome = call.then(() => "answered", () => "aborted");
  await until("the tool runs", () => log.started === 1);
  abort.abort();
  assertEquals(await outcome, "aborted");
  await until("the tool is cancelled", () => log.cancelled === 1);
});

Deno.test("F21: a server can ask its client", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey, {}, makeClient("fine, thanks"));
  assertEquals(textOf(await session.client.callTool({ name: "ask" })), "fine, thanks");
});

Deno.test("F21: where the client can't be asked, the server learns it at once", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  for (const stateless of [false, true]) {
    await using session = await connect(relay, server.publicKey, { stateless });
    const result = await session.client.callTool({ name: "ask" }, undefined, { timeout: 1_500 });
    assertEquals(result.isError, true);
    assertStringIncludes(textOf(result) ?? "", "sampling");
  }
});

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

Deno.test("F06: a server that is not announced publishes nothing about itself (CEP17-2)", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    info: { name: "hidden" },
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  await session.client.listTools();
  assertEquals(relay.events.filter(({ pubkey }) => pubkey === server.publicKey), []);
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

Deno.test("F19: a client that initializes again, in the same second, gets a new session, and the old one ends its work", async () => {
  const log = emptyLog();
  const sessions: string[] = [];
  await using relay = new MemoryRelay();
  await using server = await serve((session) => {
    sessions.push(session.sessionId);
    return fixtureServer(log);
  }, { signer: PrivateKeySigner.generate(), ...network(relay) });
  const signer = PrivateKeySigner.generate();
  await using one = await connect(relay, server.publicKey, { signer });
  const abort = new AbortController();
  const slow = one.client.callTool({ name: "slow" }, undefined, { signal: abort.signal })
    .catch(() => "aborted");
  await until("a call of the first client runs", () => log.started === 1);
  await using two = await connect(relay, server.publicKey, { signer });
  assertEquals(
    textOf(await two.client.callTool({ name: "echo", arguments: { message: "2" } })),
    "2",
  );
  assertEquals(new Set(sessions).size, 2);
  abort.abort();
  assertEquals(await slow, "aborted");
  await until("the first client's call is cancelled", () => log.cancelled === 1);
});

Deno.test("F15: a message that two relays deliver runs once, in every mode", async () => {
  const log = emptyLog();
  await using north = new MemoryRelay({ url: "wss://north.test" });
  await using south = new MemoryRelay({ url: "wss://south.test" });
  const both = {
    relays: [north.url, south.url],
    pool: {
      ...network(north).pool,
      webSocket: (url: string) => (url.includes("north") ? north : south).webSocket(url),
    },
  };
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    ...both,
  });
  for (const encryption of ["optional", "disabled"] as const) {
    await using session = await connect(north, server.publicKey, { ...both, encryption });
    const message = `by two relays, ${encryption}`;
    assertEquals(
      textOf(await session.client.callTool({ name: "echo", arguments: { message } })),
      message,
    );
    await session.client.ping();
  }
  assertEquals(log.echoed, ["by two relays, optional", "by two relays, disabled"]);
});

Deno.test("NostrServerTransport.close() while it starts leaves nothing that listens", async () => {
  await using relay = new MemoryRelay();
  const transport = new NostrServerTransport({
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  const starting = assertRejects(() => transport.start(), SessionError, "while it was starting");
  await transport.close();
  await starting;
  await until("the relay has no connection left", () => relay.openConnectionCount === 0);
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

Deno.test("F04: what a server says unasked stays encrypted, though the client's key speaks plain meanwhile", async () => {
  await using relay = new MemoryRelay();
  const sessions: Session[] = [];
  await using server = await serve((session) => {
    sessions.push(session);
    return fixtureServer();
  }, { signer: PrivateKeySigner.generate(), ...network(relay) });
  await using peer = await RawPeer.open(relay);
  const secret = await peer.message(server.publicKey, echo(1, "secret"));
  peer.publish(peer.wrap(secret, server.publicKey));
  await until("the encrypted one is answered", () => peer.received.length === 1);
  peer.publish(await peer.message(server.publicKey, echo(2, "open")));
  await until("the plain one is answered", () => peer.received.length === 2);
  const [encrypted] = sessions;
  assertEquals(encrypted?.encrypted, true);
  await encrypted.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  await until("the notification comes", () => peer.received.length === 3);
  assertEquals(peer.received[2]?.kind, 21059);
});

Deno.test("F05: progress of a request that nobody waits for is not sent", async () => {
  await using relay = new MemoryRelay();
  const sessions: Session[] = [];
  await using server = await serve((session) => {
    sessions.push(session);
    return fixtureServer();
  }, { signer: PrivateKeySigner.generate(), ...network(relay) });
  await using peer = await RawPeer.open(relay);
  const asked = await peer.message(server.publicKey, echo(1, "x"));
  peer.publish(asked);
  await until("the answer comes", () => peer.received.length === 1);
  for (const progressToken of [asked.id, 1]) {
    const params = { progressToken, progress: 1 };
    await sessions[0]?.send({ jsonrpc: "2.0", method: "notifications/progress", params });
  }
  peer.publish(await peer.message(server.publicKey, echo(2, "y")));
  await until("the second answer comes", () => peer.received.length === 2);
  assertEquals(JSON.parse(peer.received[1]!.content).id, 2);
});

Deno.test("F38: second deliveries and what is for others cost no cryptography", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  let opened = 0;
  const counting = {
    getPublicKey: () => signer.getPublicKey(),
    signEvent: signer.signEvent.bind(signer),
    nip44: {
      encrypt: signer.nip44.encrypt.bind(signer.nip44),
      decrypt: (peer: string, payload: string) => {
        opened += 1;
        return signer.nip44.decrypt(peer, payload);
      },
    },
  };
  await using server = await serve(() => fixtureServer(), { signer: counting, ...network(relay) });
  relay.faults.set({ ignoreTagFilters: true });
  await using peer = await RawPeer.open(relay);
  const inner = await peer.message(server.publicKey, echo(1, "x"));
  const wrap = peer.wrap(inner, server.publicKey);
  for (let copy = 0; copy < 3; copy++) relay.deliver(wrap);
  const stranger = PrivateKeySigner.generate().pubkey;
  peer.publish(peer.wrap(await peer.message(stranger, echo(2, "y")), stranger));
  const last = peer.wrap(await peer.message(server.publicKey, echo(3, "z")), server.publicKey);
  peer.publish(last);
  await until("both are answered", () => {
    return peer.received.filter(({ tags }) => tags[0]?.[1] === peer.pubkey).length === 2;
  });
  assertEquals(opened, 2);
});

Deno.test("F37: server and client talk on a relay that gives nobody stored gift wraps", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseSubscriptions: { reason: "restricted: not 1059", kinds: [1059] } });
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  assertEquals((await session.client.listTools()).tools.length, 5);
});

Deno.test("F05: a cancellation reaches only the call of its client, where two use the same id", async () => {
  for (const shared of [false, true]) {
    const log = emptyLog();
    await using relay = new MemoryRelay();
    const options = { signer: PrivateKeySigner.generate(), ...network(relay) };
    const mcp = fixtureServer(log);
    const server = shared ? undefined : await serve(() => fixtureServer(log), options);
    if (shared) await mcp.connect(new NostrServerTransport(options));
    const to = options.signer.pubkey;
    await using one = await RawPeer.open(relay);
    await using two = await RawPeer.open(relay);
    const slow = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "slow" } };
    for (const peer of [one, two]) peer.publish(await peer.message(to, slow));
    await until("both work", () => log.started === 2);
    const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
    one.publish(await one.message(to, cancel));
    await until("one is cancelled", () => log.cancelled === 1);
    one.publish(await one.message(to, { ...cancel, params: { requestId: 1, reason: "again" } }));
    one.publish(await one.message(to, echo(2, "after it")));
    await until("it is heard", () => one.received.length === 1);
    assertEquals(log.cancelled, 1);
    two.publish(await two.message(to, cancel));
    await until("the other is cancelled by its own client", () => log.cancelled === 2);
    await server?.close();
    await mcp.close();
  }
});

Deno.test("F21: what a client has not declared is answered at once, and what every client answers goes out", async () => {
  await using relay = new MemoryRelay();
  const sessions: Session[] = [];
  const answers: unknown[] = [];
  await using server = await serve((session) => {
    sessions.push(session);
    return {
      connect: () => {
        session.onmessage = (message) => "method" in message || answers.push(message);
        return session.start();
      },
      close: () => Promise.resolve(),
    };
  }, { signer: PrivateKeySigner.generate(), ...network(relay) });
  await using peer = await RawPeer.open(relay);
  const params = { capabilities: { roots: {} } };
  const initialize = { jsonrpc: "2.0", id: 1, method: "initialize", params };
  peer.publish(await peer.message(server.publicKey, initialize));
  await until("there is a session", () => sessions.length === 1);
  for (const method of ["sampling/createMessage", "elicitation/create"]) {
    answers.length = 0;
    await sessions[0]!.send({ jsonrpc: "2.0", id: method, method });
    await until("it is answered", () => answers.length === 1);
    const [{ id, error }] = answers as [{ id: string; error: { code: number } }];
    assertEquals([id, error.code], [method, -32601]);
  }
  assertEquals(peer.received, []);
  answers.length = 0;
  for (const [index, method] of ["roots/list", "ping", "x/unknown"].entries()) {
    await sessions[0]!.send({ jsonrpc: "2.0", id: method, method });
    await until("it comes", () => peer.received.length === index + 1);
    const question = JSON.parse(peer.received[index]!.content);
    assertEquals(question.method, method);
    const answer = { jsonrpc: "2.0", id: question.id, result: { of: method } };
    peer.publish(await peer.message(server.publicKey, answer));
    await until("it is answered", () => answers.length === index + 1);
    assertEquals(answers[index], { jsonrpc: "2.0", id: method, result: { of: method } });
  }
});
