import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { RelayError } from "../../../errors.ts";
import type { PublishReceipt } from "../../../transport/relay/pool.ts";
import { createWebSocketFactory, MemoryRelay } from "../../../transport/testing/mod.ts";
import {
  collect,
  framesOf,
  makeEvent,
  poolOn,
  reasonOf,
  settle,
  statusOf,
  until,
} from "./_harness.ts";

Deno.test("F12: nothing is published on a relay before its essential subscription is live", async () => {
  await using slow = new MemoryRelay({ url: "wss://slow.test" });
  await using quick = new MemoryRelay({ url: "wss://quick.test" });
  slow.faults.set({ withholdEose: true });
  await using pool = poolOn([slow, quick]);
  pool.subscribe({ kinds: [25910] }, collect());
  const event = await makeEvent();
  assertEquals(await pool.publish(event), { accepted: [quick.url], refused: [] });
  await until("the slow relay is asked", () => framesOf(slow, "REQ").length === 1);
  await settle(pool, slow);
  assertEquals(framesOf(slow, "EVENT"), []);
  slow.faults.send(JSON.stringify(["EOSE", framesOf(slow, "REQ")[0]?.[1]]));
  await slow.until(() => slow.events.length === 1);
  assertEquals(slow.events[0]?.id, event.id);
});

Deno.test("F12: an event younger than the REQ shows that the subscription is live; a stored one does not", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ withholdEose: true });
  await using pool = poolOn([relay]);
  const heard = collect();
  pool.subscribe({ kinds: [25910] }, heard);
  const receipt = pool.publish(await makeEvent({ content: "ours" }));
  await until("it is subscribed", () => relay.subscriptions.length === 1);
  const long = Math.floor(Date.now() / 1000) - 60;
  relay.deliver(await makeEvent({ createdAt: long }));
  await until("the old event arrived", () => heard.ids.length === 1);
  await settle(pool, relay);
  assertEquals(framesOf(relay, "EVENT"), []);
  relay.deliver(await makeEvent({ createdAt: long + 70 }));
  assertEquals((await receipt).accepted, [relay.url]);
});

Deno.test("F12: after a reconnect, publishing waits for the subscription again", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay]);
  pool.subscribe({ kinds: [25910] }, collect());
  await pool.ready();
  relay.faults.set({ withholdEose: true });
  relay.faults.closeConnections();
  await until("it is asked again", () => framesOf(relay, "REQ").length === 2);
  const receipt = pool.publish(await makeEvent());
  await settle(pool, relay);
  assertEquals(framesOf(relay, "EVENT"), []);
  relay.faults.send(JSON.stringify(["EOSE", framesOf(relay, "REQ")[1]?.[1]]));
  assertEquals((await receipt).accepted, [relay.url]);
});

Deno.test("F13: the first OK is enough; a silent relay and one that can't be opened hold nobody up", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using silent = new MemoryRelay({ url: "wss://silent.test" });
  await using hole = new MemoryRelay({ url: "wss://hole.test" });
  silent.faults.set({ withholdOk: true });
  hole.faults.set({ neverOpen: true });
  await using pool = poolOn([silent, hole, good], { publishTimeoutMs: 60_000 });
  const event = await makeEvent();
  assertEquals(await pool.publish(event), { accepted: [good.url], refused: [] });
  await silent.until(() => silent.events.length === 1);
});

Deno.test("publish() does not let events pile up for a relay that takes none", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using late = new MemoryRelay({ url: "wss://late.test" });
  late.faults.set({ refuseConnections: true });
  await using pool = poolOn([good, late], { publishTimeoutMs: 60_000, maxTrailingBytes: 1_250 });
  const events = await Promise.all(["a", "b", "c", "d"].map((content) => makeEvent({ content })));
  for (const event of events) await pool.publish(event);
  assertEquals(good.events.length, 4);
  late.faults.clear();
  const last = await makeEvent({ content: "the last one, to know when all have come" });
  await pool.publish(last, { relays: [late.url] });
  await late.until(() => late.events.some(({ id }) => id === last.id));
  assertEquals(late.events.map(({ content }) => content), ["c", "d", last.content]);
});

Deno.test("F13: a relay that comes up after the first OK gets the event too", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using late = new MemoryRelay({ url: "wss://late.test" });
  late.faults.set({ refuseConnections: true });
  await using pool = poolOn([good, late]);
  const event = await makeEvent();
  await pool.publish(event);
  late.faults.clear();
  await late.until(() => late.events.length === 1);
  assertEquals(late.events[0]?.id, event.id);
});

Deno.test("F13: OK false ends in an error with the relay's reason", async () => {
  await using a = new MemoryRelay({ url: "wss://a.test" });
  await using b = new MemoryRelay({ url: "wss://b.test" });
  a.faults.set({ refuseEvents: { reason: "blocked: not on the list" } });
  b.faults.set({ refuseEvents: { reason: "pow: \u001b[31mtoo little\n" } });
  await using pool = poolOn([a, b]);
  const error = await assertRejects(() => makeEvent().then((event) => pool.publish(event)));
  assert(error instanceof RelayError);
  assertEquals(error.code, "PUBLISH_REFUSED");
  assertEquals(reasonOf(error, a), "blocked: not on the list");
  assertEquals(reasonOf(error, b), "pow: [31mtoo little");
  assertStringIncludes(error.message, "wss://a.test: blocked: not on the list");
});

// CEP41-34: relays differ in how many events they take.
Deno.test("F13: rate-limited: is tried again with back-off, and named when it lasts", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseEvents: { reason: "rate-limited: slow down", times: 3 } });
  await using pool = poolOn([relay]);
  assertEquals((await pool.publish(await makeEvent())).accepted, [relay.url]);
  assertEquals(framesOf(relay, "EVENT").length, 4);
  relay.faults.set({ refuseEvents: { reason: "rate-limited: for ever" } });
  const event = await makeEvent({ content: "again" });
  const error = await assertRejects(() => pool.publish(event, { timeoutMs: 40 }), RelayError);
  assertEquals(error.code, "PUBLISH_REFUSED");
  assertEquals(reasonOf(error, relay), "rate-limited: for ever");
});

Deno.test("F13: auth-required: leads to AUTH and one more try", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseEvents: { reason: "auth-required: who?", untilAuthenticated: true } });
  await using pool = poolOn([relay], { signer: PrivateKeySigner.generate() });
  assertEquals((await pool.publish(await makeEvent())).accepted, [relay.url]);
  assertEquals(framesOf(relay, "AUTH").length, 1);
  assertEquals(statusOf(pool, relay).authenticated, true);

  relay.faults.set({ refuseEvents: { reason: "auth-required: not you" } });
  const again = await makeEvent({ content: "again" });
  const error = await assertRejects(() => pool.publish(again), RelayError);
  assertEquals(reasonOf(error, relay), "auth-required: not you");
  assertEquals(framesOf(relay, "EVENT").length, 4);
});

Deno.test("F13: without a signer the error says that AUTH could not be done", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseEvents: { reason: "auth-required: who?" } });
  await using pool = poolOn([relay]);
  const event = await makeEvent();
  const error = await assertRejects(() => pool.publish(event), RelayError);
  assertEquals(
    reasonOf(error, relay),
    "auth-required: who?; no signer was given to authenticate with (NIP-42)",
  );
});

Deno.test("F13: a duplicate counts as taken", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseEvents: { reason: "duplicate: have it" } });
  await using pool = poolOn([relay]);
  assertEquals((await pool.publish(await makeEvent())).accepted, [relay.url]);
});

Deno.test("F13: the signal and close() end a publish, and nothing goes on afterwards", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseConnections: true });
  const pool = poolOn([relay], { publishTimeoutMs: 60_000 });
  const stop = new AbortController();
  const [one, two] = [await makeEvent({ content: "1" }), await makeEvent({ content: "2" })];
  const aborted = assertRejects(() => pool.publish(one, { signal: stop.signal }), Error, "enough");
  const closed = assertRejects(() => pool.publish(two), RelayError);
  stop.abort(new Error("enough"));
  await aborted;
  await pool.close();
  assertEquals((await closed).code, "CLOSED");
  const attempts = relay.connectionCount;
  relay.faults.clear();
  assertEquals((await assertRejects(() => pool.publish(one), RelayError)).code, "CLOSED");
  assertEquals(relay.connectionCount, attempts);
  assertEquals(relay.events, []);
  assertEquals(statusOf(pool, relay).state, "closed");
  await pool.close();
});

Deno.test("publish() with `all` waits for every relay and lists who refused", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using bad = new MemoryRelay({ url: "wss://bad.test" });
  await using hole = new MemoryRelay({ url: "wss://hole.test" });
  bad.faults.set({ refuseEvents: { reason: "blocked: no" } });
  hole.faults.set({ neverOpen: true });
  await using pool = poolOn([good, bad, hole]);
  const event = await makeEvent();
  const { accepted, refused } = await pool.publish(event, { all: true, timeoutMs: 50 });
  assertEquals(accepted, [good.url]);
  assertEquals(refused, [
    { url: bad.url, reason: "blocked: no" },
    { url: hole.url, reason: "the connection is not open yet" },
  ]);
});

Deno.test("publish() with `relays` goes to those only", async () => {
  await using a = new MemoryRelay({ url: "wss://a.test" });
  await using b = new MemoryRelay({ url: "wss://b.test" });
  await using pool = poolOn([a, b]);
  const event = await makeEvent();
  assertEquals((await pool.publish(event, { relays: ["WSS://B.test/"] })).accepted, [b.url]);
  assertEquals(a.connectionCount, 0);
  await assertRejects(() => pool.publish(event, { relays: ["wss://c.test"] }), TypeError);
});

Deno.test("publish() sends again what a lost connection left unanswered", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ holdOk: true });
  await using pool = poolOn([relay]);
  const receipt: Promise<PublishReceipt> = pool.publish(await makeEvent());
  await relay.until(() => relay.events.length === 1);
  relay.faults.set({ holdOk: false });
  relay.faults.closeConnections();
  assertEquals((await receipt).accepted, [relay.url]);
});

Deno.test("publish() gives an event up that makes the relay hang up", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ withholdOk: true });
  await using pool = poolOn([relay], { publishTimeoutMs: 60_000 });
  const event = await makeEvent();
  const failed = assertRejects(() => pool.publish(event), RelayError);
  for (const time of [1, 2]) {
    await until("it was sent", () => framesOf(relay, "EVENT").length === time);
    relay.faults.closeConnections(1009, "message too big");
  }
  const error = await failed;
  assertEquals(error.code, "PUBLISH_REFUSED");
  assertStringIncludes(reasonOf(error, relay), "code 1009: message too big, 2 times");
});

Deno.test("F39: a refusal by NOTICE ends at the deadline with the relay's last words", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseEvents: { reason: "invalid: I don't like it", asNotice: true } });
  await using pool = poolOn([relay]);
  const event = await makeEvent();
  const error = await assertRejects(() => pool.publish(event, { timeoutMs: 40 }), RelayError);
  assertEquals(error.code, "PUBLISH_TIMEOUT");
  assertEquals(reasonOf(error, relay), "no OK; its last NOTICE: invalid: I don't like it");
});

Deno.test("F39: silence ends at the deadline with a reason for each relay", async () => {
  await using silent = new MemoryRelay({ url: "wss://silent.test" });
  await using deaf = new MemoryRelay({ url: "wss://deaf.test" });
  await using refusing = new MemoryRelay({ url: "wss://refusing.test" });
  await using down = new MemoryRelay({ url: "wss://down.test" });
  silent.faults.set({ withholdOk: true });
  deaf.faults.set({ withholdEose: true });
  refusing.faults.set({ refuseSubscriptions: { reason: "restricted: members only" } });
  down.faults.set({ refuseConnections: true });
  await using pool = poolOn([silent, deaf, refusing, down]);
  pool.subscribe({ kinds: [25910] }, collect());
  const event = await makeEvent();
  const error = await assertRejects(() => pool.publish(event, { timeoutMs: 60 }), RelayError);
  assertEquals(error.code, "PUBLISH_TIMEOUT");
  assertEquals(reasonOf(error, silent), "sent, but no OK came");
  assertEquals(reasonOf(error, deaf), "the relay has not answered the subscription");
  assertEquals(reasonOf(error, refusing), "CLOSED restricted: members only");
  assertStringIncludes(reasonOf(error, down), "connection refused");
});

Deno.test("F13: the pool's publishTimeoutMs is the deadline of a publish that has none", async () => {
  await using silent = new MemoryRelay();
  silent.faults.set({ withholdOk: true });
  await using pool = poolOn([silent], { publishTimeoutMs: 40 });
  const event = await makeEvent();
  const error = await assertRejects(() => pool.publish(event), RelayError);
  assertEquals(error.code, "PUBLISH_TIMEOUT");
});

Deno.test("F13: an event waits for a relay with more than maxBufferedBytes before it, and holds up no other", async () => {
  await using slow = new MemoryRelay({ url: "wss://slow.test" });
  await using quick = new MemoryRelay({ url: "wss://quick.test" });
  let waiting = 1_001;
  const open = createWebSocketFactory([slow, quick]);
  const webSocket = (url: string) => {
    const socket = open(url);
    if (url !== slow.url) return socket;
    return Object.defineProperty(socket, "bufferedAmount", { get: () => waiting });
  };
  await using pool = poolOn([slow, quick], { webSocket, maxBufferedBytes: 1_000 });
  await pool.ready();
  const event = await makeEvent();
  assertEquals((await pool.publish(event)).accepted, [quick.url]);
  await settle(pool, slow);
  assertEquals(framesOf(slow, "EVENT"), []);
  waiting = 0;
  await until("it leaves once there is room", () => framesOf(slow, "EVENT").length === 1);
});
