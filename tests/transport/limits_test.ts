/**
 * The bounds of a listener, each by its option and against peers that write
 * their events by hand.
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { PrivateKeySigner, type Signer } from "../../crypto/mod.ts";
import {
  listen,
  NostrServerTransport,
  serve,
  type ServeOptions,
  type Session,
} from "../../transport/server.ts";
import {
  DEFAULT_LIMITS,
  resolveLimits,
  type SessionLimits,
} from "../../transport/session/limits.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import { PeerBudgets } from "../../transport/transfer/limits.ts";
import { frameMessage, frameOf, OVERSIZED_TRANSFER } from "../../transport/wire/frames.ts";
import { connect, fixtureServer, type Log, network, RawPeer, textOf, until } from "./_harness.ts";
import { framesOf } from "./transfer/_harness.ts";

const now = () => Math.floor(Date.now() / 1000);
const call = (id: number, name: string, args = {}) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: args },
});
const echo = (id: number, message: string) => call(id, "echo", { message });

/** A server of the fixture, and what it was asked to do. */
async function start(relay: MemoryRelay, options: Partial<ServeOptions>) {
  const log: Log = { echoed: [], started: 0, cancelled: 0 };
  const signer = PrivateKeySigner.generate();
  const server = await serve(() => fixtureServer(log), { signer, ...network(relay), ...options });
  return { log, server, to: server.publicKey, [Symbol.asyncDispose]: () => server.close() };
}

/** The ids of the requests that were refused, and the reasons. */
function refusals(peer: RawPeer): Map<number, string> {
  const answers = peer.received.map(({ content }) => JSON.parse(content));
  return new Map(answers.filter(({ error }) => error).map(({ id, error }) => [id, error.message]));
}

/** A key that takes its time to decrypt: until it is told to. */
function slowSigner() {
  const signer = PrivateKeySigner.generate();
  const gate = Promise.withResolvers<void>();
  const slow: Signer & { opened: number } = {
    opened: 0,
    getPublicKey: () => signer.getPublicKey(),
    signEvent: signer.signEvent.bind(signer),
    nip44: {
      encrypt: signer.nip44.encrypt.bind(signer.nip44),
      decrypt: async (peer: string, payload: string) => {
        slow.opened += 1;
        await gate.promise;
        return await signer.nip44.decrypt(peer, payload);
      },
    },
  };
  return { signer: slow, open: gate.resolve };
}

Deno.test("F09: every bound of a session is above zero, or the program is told", () => {
  for (const name of Object.keys(DEFAULT_LIMITS)) {
    for (const value of [0, -1, NaN]) {
      assertThrows(() => resolveLimits({ [name]: value }), RangeError, `limits.${name}`);
    }
    const share = DEFAULT_LIMITS.maxPeerBufferedBytes; // or else it depends on others
    const expected = { ...DEFAULT_LIMITS, maxPeerBufferedBytes: share, [name]: 7 };
    assertEquals(resolveLimits({ maxPeerBufferedBytes: share, [name]: 7 }), expected);
  }
});

Deno.test("F09: one client may buffer a quarter of the memory of all, or what the largest message takes", () => {
  const MiB = 1_048_576;
  const cases: [Partial<SessionLimits>, number][] = [
    [{}, 104_857_600 + MiB],
    [{ maxTransferBytes: MiB }, 64 * MiB],
    [{ maxTransferBytes: 500 * MiB }, 256 * MiB],
    [{ maxBufferedBytes: 8 * MiB }, 8 * MiB],
    [{ maxBufferedBytes: 800 * MiB }, 200 * MiB],
    [{ maxPeerBufferedBytes: 5 }, 5],
  ];
  for (const [limits, share] of cases) {
    assertEquals(resolveLimits(limits).maxPeerBufferedBytes, share);
  }
});

Deno.test("F09: a client that buffers its part, in plain text and in gift wraps together, leaves the rest to others", async () => {
  await using relay = new MemoryRelay();
  const limits = { maxBufferedBytes: 400_000, maxPeerBufferedBytes: 200_000 };
  await using one = await start(relay, { limits });
  await using greedy = await RawPeer.open(relay);
  const send = async (token: string, isWrapped: boolean) => {
    const [first, ...rest] = await framesOf("x".repeat(300_000), 10, token);
    for (const { frameType, progress, fields } of [first!, ...rest.slice(0, 6)]) {
      const profile = OVERSIZED_TRANSFER;
      const event = await greedy.message(
        one.to,
        frameMessage({ profile, frameType, token, progress, fields }),
      );
      greedy.publish(isWrapped ? greedy.wrap(event, one.to) : event);
    }
  };
  await send("plain", false);
  await send("wrapped", true);
  const reasons = async () => {
    const events = [...greedy.received.filter(({ kind }) => kind === 25910)];
    for (const { content } of [...events, ...await greedy.opened()]) {
      const found = frameOf(JSON.parse(content));
      if (found?.frameType === "abort") return `${found.token}: ${found.fields.reason}`;
    }
    return undefined;
  };
  await until("it is refused more", () => greedy.received.length >= 3);
  assertEquals(await reasons(), "wrapped: there is no memory left for more transfers");
  await using other = await connect(relay, one.to);
  const message = "y".repeat(150_000);
  const result = await other.client.callTool({ name: "echo", arguments: { message } });
  assertEquals(textOf(result), message);
});

Deno.test("PeerBudgets keep no book on a peer that has given everything back", () => {
  const budgets = new PeerBudgets(10, 6);
  const [a, b] = [budgets.of("a"), budgets.of("b")];
  assertEquals([a.take(6), budgets.of("a").take(1), b.take(5), b.take(4)], [
    true,
    false,
    false,
    true,
  ]);
  assertEquals(budgets.size, 2);
  budgets.of("a").give(6);
  b.give(4);
  assertEquals([budgets.size, b.take(6), a.take(4)], [0, true, true]);
});

Deno.test("F09: a client's messages each second are bounded, and those of others are not affected", async () => {
  await using relay = new MemoryRelay();
  const clock = { now: Date.now() };
  await using one = await start(relay, {
    now: () => clock.now,
    limits: { maxMessagesPerSecond: 2 },
  });
  await using peer = await RawPeer.open(relay);
  await using other = await RawPeer.open(relay);
  for (let id = 1; id <= 6; id++) peer.publish(await peer.message(one.to, echo(id, `${id}`)));
  await until("all are answered", () => peer.received.length === 6);
  const refused = refusals(peer);
  assertEquals([...refused.keys()], [5, 6], "twice as many may come in a burst");
  assertStringIncludes(refused.get(5)!, "more than 2 messages a second");
  other.publish(await other.message(one.to, echo(1, "other")));
  await until("the other client is answered", () => other.received.length === 1);
  clock.now += 1_000;
  for (let id = 7; id <= 9; id++) peer.publish(await peer.message(one.to, echo(id, `${id}`)));
  await until("the later ones are answered", () => peer.received.length === 9);
  assertEquals(one.log.echoed, ["1", "2", "3", "4", "other", "7", "8"]);
});

Deno.test("F09: the requests of all clients together are bounded, and an answer makes room", async () => {
  await using relay = new MemoryRelay();
  await using one = await start(relay, { limits: { maxTotalInFlight: 2 } });
  await using a = await RawPeer.open(relay);
  await using b = await RawPeer.open(relay);
  for (const peer of [a, b]) peer.publish(await peer.message(one.to, call(1, "slow")));
  await until("both work", () => one.log.started === 2);
  await using c = await RawPeer.open(relay);
  c.publish(await c.message(one.to, echo(2, "too much")));
  await until("the third is refused", () => c.received.length === 1);
  assertStringIncludes(refusals(c).get(2)!, "more than 2 requests of all clients");
  const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
  a.publish(await a.message(one.to, cancel));
  await until("one is cancelled", () => one.log.cancelled === 1);
  c.publish(await c.message(one.to, echo(3, "room")));
  await until("there is room", () => one.log.echoed.length === 1);
  await one.server.close();
});

Deno.test("F09: a flood of fresh keys does not evict clients that are working, and does not get in", async () => {
  await using relay = new MemoryRelay();
  await using one = await start(relay, { limits: { maxSessions: 3 } });
  const working = await Promise.all([1, 2, 3].map(() => RawPeer.open(relay)));
  for (const peer of working) peer.publish(await peer.message(one.to, call(1, "slow")));
  await until("three work", () => one.log.started === 3);
  await using flood = await RawPeer.open(relay);
  for (let i = 0; i < 30; i++) {
    const key = PrivateKeySigner.generate();
    const template = { kind: 25910, created_at: now(), tags: [["p", one.to]] };
    flood.publish(await key.signEvent({ ...template, content: JSON.stringify(echo(i, "flood")) }));
  }
  const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
  for (const peer of working) peer.publish(await peer.message(one.to, cancel));
  await until("all three are still heard", () => one.log.cancelled === 3);
  assertEquals(one.log.echoed, []);
  for (const peer of working) await peer[Symbol.asyncDispose]();
});

Deno.test("F09: what waits for cryptography is bounded, in number and in bytes, and what came first is done", async () => {
  for (const bound of ["maxUnverified", "maxBufferedBytes"]) {
    await using relay = new MemoryRelay();
    const { signer, open } = slowSigner();
    await using peer = await RawPeer.open(relay);
    const to = await signer.getPublicKey();
    const wraps = await Promise.all(
      Array.from({ length: 10 }, async (_, id) => {
        return peer.wrap(await peer.message(to, echo(id, String(id))), to);
      }),
    );
    const bytes = wraps[0]!.content.length;
    assertEquals(new Set(wraps.map(({ content }) => content.length)), new Set([bytes]));
    const limits = { [bound]: bound === "maxUnverified" ? 4 : 4 * bytes + 1 };
    await using one = await start(relay, { signer, limits });
    for (const wrap of wraps) peer.publish(wrap);
    relay.faults.notice("delivered");
    await until("all have arrived", () => {
      return one.server.pool.snapshot()[0]?.lastNotice === "delivered";
    });
    open();
    await until("the first ones run", () => one.log.echoed.length === 4);
    peer.publish(peer.wrap(await peer.message(to, echo(11, "last")), to));
    await until("there is room again", () => one.log.echoed.length > 4);
    assertEquals(one.log.echoed, ["0", "1", "2", "3", "last"]);
    assertEquals(signer.opened, 5);
  }
});

Deno.test("F09: larger events than maxEventBytes are not read, in plain text or in a wrap", async () => {
  await using relay = new MemoryRelay();
  const { signer, open } = slowSigner();
  open();
  await using one = await start(relay, { signer, limits: { maxEventBytes: 2_000 } });
  await using peer = await RawPeer.open(relay);
  const large = await peer.message(one.to, echo(1, "x".repeat(2_000)));
  peer.publish(large);
  peer.publish(peer.wrap(large, one.to));
  peer.publish(await peer.message(one.to, echo(2, "small")));
  peer.publish(peer.wrap(await peer.message(one.to, echo(3, "small, wrapped")), one.to));
  await until("the small ones run", () => one.log.echoed.length >= 2);
  assertEquals(one.log.echoed, ["small", "small, wrapped"]);
  assertEquals(signer.opened, 1, "the large wrap was not even opened");
});

Deno.test("F09: a session whose MCP server is not there yet keeps so many messages, and refuses the next requests", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  await using listener = await listen({ signer, limits: { maxQueued: 2 }, ...network(relay) });
  await using peer = await RawPeer.open(relay);
  for (let id = 1; id <= 4; id++) {
    peer.publish(await peer.message(listener.publicKey, echo(id, `${id}`)));
  }
  await until("the last ones are refused", () => peer.received.length === 2);
  assertEquals([...refusals(peer).keys()], [3, 4]);
  const heard: string[] = [];
  const [session] = listener.sessions;
  session!.onmessage = (message) => heard.push(message.params.arguments.message);
  await session!.start();
  assertEquals(heard, ["1", "2"]);
});

Deno.test("F09: a session that is idle for too long ends, and one with work to do does not", async () => {
  await using relay = new MemoryRelay();
  const clock = { now: Date.now() };
  const sessions: Session[] = [];
  const log: Log = { echoed: [], started: 0, cancelled: 0 };
  await using server = await serve((session) => {
    sessions.push(session);
    return fixtureServer(log);
  }, {
    signer: PrivateKeySigner.generate(),
    now: () => clock.now,
    limits: { idleTimeoutMs: 20 },
    ...network(relay),
  });
  await using working = await RawPeer.open(relay);
  working.publish(await working.message(server.publicKey, call(1, "slow")));
  await until("it works", () => log.started === 1);
  await using idle = await RawPeer.open(relay);
  idle.publish(await idle.message(server.publicKey, echo(1, "x")));
  await until("it is answered", () => idle.received.length === 1);
  clock.now += 21;
  await until("the idle one ends", () => sessions[1]?.signal.aborted === true);
  assertEquals([sessions[0]?.signal.aborted, log.cancelled], [false, 0]);
});

Deno.test("F01: the freshness window and the size of the memory are options", async () => {
  await using relay = new MemoryRelay();
  await using narrow = await start(relay, { limits: { freshnessMs: 20_000 } });
  await using peer = await RawPeer.open(relay);
  for (const age of [30, -30, 10, -10]) {
    const created_at = now() - age;
    peer.publish(await peer.message(narrow.to, echo(age, `${age} s old`), { created_at }));
  }
  await until("the fresh ones run", () => narrow.log.echoed.length >= 2);
  assertEquals(narrow.log.echoed, ["10 s old", "-10 s old"]);

  await using small = await start(relay, { limits: { maxRememberedIds: 3 } });
  const first = await peer.message(small.to, echo(1, "once"), { created_at: now() - 100 });
  peer.publish(first);
  for (let id = 2; id < 9; id++) {
    peer.publish(await peer.message(small.to, echo(id, `${id}`), { created_at: now() - 50 + id }));
  }
  peer.publish(peer.wrap(first, small.to));
  peer.publish(await peer.message(small.to, echo(9, "last")));
  await until("the last one runs", () => small.log.echoed.includes("last"));
  assertEquals(small.log.echoed.filter((text) => text === "once").length, 1);
});

Deno.test("F09: subscriptions to resources are bounded by the option", async () => {
  await using relay = new MemoryRelay();
  const transport = new NostrServerTransport({
    signer: PrivateKeySigner.generate(),
    limits: { maxSubscriptions: 1 },
    ...network(relay),
  });
  transport.onmessage = ({ id }) => void transport.send({ jsonrpc: "2.0", id, result: {} });
  await transport.start();
  await using peer = await RawPeer.open(relay);
  for (const [id, uri] of [[1, "test://a"], [2, "test://b"]] as const) {
    const message = { jsonrpc: "2.0", id, method: "resources/subscribe", params: { uri } };
    peer.publish(await peer.message(transport.server!.publicKey, message));
  }
  await until("both are answered", () => peer.received.length === 2);
  assertEquals([...refusals(peer)], [[2, "Refused: too many subscriptions"]]);
  await transport.close();
});

Deno.test("F09: strangers are told a bounded number of times a second that they are refused", async () => {
  await using relay = new MemoryRelay();
  const clock = { now: Date.now() };
  await using one = await start(relay, {
    now: () => clock.now,
    limits: { maxRefusalsPerSecond: 1 },
    access: { allow: [], answerRefused: true },
  });
  await using peer = await RawPeer.open(relay);
  for (let id = 1; id <= 5; id++) peer.publish(await peer.message(one.to, echo(id, "x")));
  relay.faults.notice("delivered");
  await until("all have arrived", () => {
    return one.server.pool.snapshot()[0]?.lastNotice === "delivered";
  });
  clock.now += 1_000;
  peer.publish(await peer.message(one.to, echo(6, "x")));
  await until("one more is refused", () => refusals(peer).has(6));
  assertEquals([...refusals(peer).keys()], [1, 2, 6]);
});
