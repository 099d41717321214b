import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type NostrEvent, PrivateKeySigner } from "../../../crypto/mod.ts";
import { RelayError } from "../../../errors.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { framesOf, makeEvent, poolOn, reasonOf, until } from "./_harness.ts";

Deno.test("F16: a query waits for all relays, and the newest event comes first", async () => {
  await using quick = new MemoryRelay({ url: "wss://quick.test" });
  await using slow = new MemoryRelay({ url: "wss://slow.test" });
  const [old, recent] = [
    await makeEvent({ kind: 11316, createdAt: 1_000 }),
    await makeEvent({ kind: 11316, createdAt: 2_000 }),
  ];
  await using pool = poolOn([quick, slow], { queryTimeoutMs: 60_000 });
  await pool.publish(old, { relays: [quick.url] });
  await pool.publish(recent, { relays: [slow.url] });
  slow.faults.set({ latencyMs: 50 });
  assertEquals(await pool.query([{ kinds: [11316] }]), [recent, old]);
  await until("the subscriptions are closed", () => {
    return quick.subscriptions.length + slow.subscriptions.length === 0;
  });
});

Deno.test("F16: a query ends at its deadline with what has come", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using silent = new MemoryRelay({ url: "wss://silent.test" });
  await using hole = new MemoryRelay({ url: "wss://hole.test" });
  const event = await makeEvent({ kind: 11316 });
  await using pool = poolOn([good, silent, hole]);
  await pool.publish(event, { relays: [silent.url] });
  silent.faults.set({ withholdEose: true });
  hole.faults.set({ neverOpen: true });
  assertEquals(await pool.query([{ kinds: [11316] }], { timeoutMs: 50 }), [event]);
});

Deno.test("query() tells what the relays know that are connected, while another does not open", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using hole = new MemoryRelay({ url: "wss://hole.test" });
  const event = await makeEvent({ kind: 11316 });
  hole.faults.set({ neverOpen: true });
  await using pool = poolOn([good, hole], { connectTimeoutMs: 60_000, queryTimeoutMs: 60_000 });
  await pool.publish(event, { relays: [good.url] });
  const { promise, resolve } = Promise.withResolvers<readonly NostrEvent[]>();
  const stop = new AbortController();
  const query = pool.query([{ kinds: [11316] }], { onHeard: resolve, signal: stop.signal });
  assertEquals(await promise, [event]);
  stop.abort(new Error("enough"));
  await assertRejects(() => query, Error, "enough");
});

Deno.test("query() tells what it knows while a relay that is connected says nothing", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using mute = new MemoryRelay({ url: "wss://mute.test" });
  const event = await makeEvent({ kind: 11316 });
  await using pool = poolOn([good, mute], { queryTimeoutMs: 60_000, pingTimeoutMs: 60_000 });
  await pool.publish(event, { relays: [good.url] });
  await pool.publish(await makeEvent(), { relays: [mute.url] });
  mute.faults.set({ withholdEose: true });
  const { promise, resolve } = Promise.withResolvers<readonly NostrEvent[]>();
  const stop = new AbortController();
  const query = pool.query([{ kinds: [11316] }], { onHeard: resolve, signal: stop.signal });
  assertEquals(await promise, [event]);
  stop.abort(new Error("enough"));
  await assertRejects(() => query, Error, "enough");
});

Deno.test("query() tells once what the relays know that are connected, and nothing when none has answered", async () => {
  for (const refuses of [false, true]) {
    await using open = new MemoryRelay({ url: "wss://open.test" });
    await using hole = new MemoryRelay({ url: "wss://hole.test" });
    await using other = new MemoryRelay({ url: "wss://other.test" });
    for (const relay of [hole, other]) relay.faults.set({ neverOpen: true });
    if (refuses) open.faults.set({ refuseSubscriptions: { reason: "restricted: members only" } });
    await using pool = poolOn([open, hole, other], { connectTimeoutMs: 50 });
    let told = 0;
    const query = pool.query([{ kinds: [11316] }], { onHeard: () => told++ });
    if (refuses) await assertRejects(() => query, RelayError);
    else assertEquals(await query, []);
    assertEquals(told, refuses ? 0 : 1);
  }
});

Deno.test("query() reports what onHeard throws, which breaks nothing else on the relay that was the last to fail", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using lost = new MemoryRelay({ url: "wss://lost.test" });
  await using hole = new MemoryRelay({ url: "wss://hole.test" });
  const event = await makeEvent({ kind: 11316 });
  hole.faults.set({ neverOpen: true });
  const reported: unknown[] = [];
  await using pool = poolOn([good, lost, hole], {
    connectTimeoutMs: 60_000,
    publishTimeoutMs: 60_000,
    queryTimeoutMs: 60_000,
    onError: (error) => reported.push(error),
  });
  await pool.publish(event, { relays: [good.url, lost.url], all: true });
  lost.faults.set({ withholdEose: true, withholdOk: true });
  const stop = new AbortController();
  const fault = new Error("the caller's own");
  const query = pool.query([{ kinds: [11316] }], {
    signal: stop.signal,
    onHeard: () => {
      throw fault;
    },
  });
  const later = await makeEvent({ content: "once more, on the next connection" });
  const published = pool.publish(later, { relays: [lost.url] });
  await until(
    "both ask",
    () => framesOf(lost, "EVENT").length === 2 && good.subscriptions.length === 0,
  );
  lost.faults.clear();
  lost.faults.closeConnections();
  await published;
  assertEquals(reported, [fault]);
  stop.abort(new Error("enough"));
  await assertRejects(() => query, Error, "enough");
});

Deno.test("F16: a relay that can't be reached or hangs up holds no query up", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using down = new MemoryRelay({ url: "wss://down.test" });
  down.faults.set({ refuseConnections: true });
  await using pool = poolOn([good, down], { queryTimeoutMs: 60_000 });
  assertEquals(await pool.query([{ kinds: [11316] }]), []);
  assertEquals(await pool.query([{ kinds: [11316] }]), []);
});

Deno.test("query() lists each event once, and no forged copy displaces the genuine", async () => {
  await using honest = new MemoryRelay({ url: "wss://honest.test" });
  await using same = new MemoryRelay({ url: "wss://same.test" });
  await using forger = new MemoryRelay({ url: "wss://forger.test" });
  const event = await makeEvent({ kind: 11316, content: "genuine" });
  await using pool = poolOn([honest, same, forger]);
  await pool.publish(event, { all: true });
  assertEquals(await pool.query([{ kinds: [11316] }]), [event]);

  forger.faults.set({ corruptSignatures: true });
  const found = await pool.query([{ kinds: [11316] }]);
  assertEquals(found.length, 2);
  assertEquals(found.filter(({ sig }) => sig === event.sig), [event]);
});

Deno.test("query() drops events whose id is not their own", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ withholdEose: true });
  await using pool = poolOn([relay]);
  const found = pool.query([{ kinds: [11316] }]);
  await until("it is asked", () => framesOf(relay, "REQ").length === 1);
  const id = framesOf(relay, "REQ")[0]?.[1];
  const event = await makeEvent({ kind: 11316 });
  relay.faults.send(JSON.stringify(["EVENT", id, { ...event, content: "changed" }]));
  relay.faults.send(JSON.stringify(["EVENT", id, { ...event, kind: 1 }]));
  relay.faults.send(JSON.stringify(["EVENT", id, "nonsense"]));
  relay.faults.send(JSON.stringify(["EOSE", id]));
  assertEquals(await found, []);
});

Deno.test("query() rejects when no relay could be asked, and when none answered", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseConnections: true });
  await using pool = poolOn([relay]);
  const unreachable = await assertRejects(() => pool.query([{ kinds: [1] }]), RelayError);
  assertEquals(unreachable.code, "RELAY_UNREACHABLE");
  assertStringIncludes(reasonOf(unreachable, relay), "connection refused");

  relay.faults.clear();
  await pool.ready();
  relay.faults.set({ refuseSubscriptions: { reason: "restricted: members only" } });
  const refused = await assertRejects(() => pool.query([{ kinds: [1] }]), RelayError);
  assertEquals(refused.code, "SUBSCRIPTION_REFUSED");
  assertEquals(reasonOf(refused, relay), "CLOSED restricted: members only");

  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => pool.query([{ kinds: [1] }], { signal }), Error, "enough");
});

Deno.test("F39: a query that is answered with NOTICE only says so at the deadline", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseSubscriptions: { reason: "bad filter", asNotice: true } });
  await using pool = poolOn([relay]);
  const error = await assertRejects(
    () => pool.query([{ kinds: [1] }], { timeoutMs: 30 }),
    RelayError,
  );
  assertEquals(reasonOf(error, relay), "no EOSE; its last NOTICE: bad filter");
});

Deno.test("query() authenticates when it is told to", async () => {
  const signer = PrivateKeySigner.generate();
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay], { signer });
  const wrap = await makeEvent({ kind: 1059, p: signer.pubkey });
  await pool.publish(wrap);
  relay.faults.set({
    refuseSubscriptions: { reason: "auth-required: who?", untilAuthenticated: true },
  });
  assertEquals(await pool.query([{ kinds: [1059] }]), [wrap]);
});

Deno.test("query() takes no more from a relay than twice what it asked for", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ withholdEose: true });
  await using pool = poolOn([relay], { queryTimeoutMs: 60_000 });
  const found = pool.query([{ kinds: [1], limit: 2 }, { kinds: [2], limit: 1 }]);
  await until("it is asked", () => framesOf(relay, "REQ").length === 1);
  const id = framesOf(relay, "REQ")[0]?.[1];
  for (let index = 0; index < 10; index++) {
    const event = await makeEvent({ kind: 1, content: String(index) });
    relay.faults.send(JSON.stringify(["EVENT", id, event]));
  }
  assertEquals((await found).length, 6);
});

Deno.test("F16: the pool's queryTimeoutMs is the deadline of a query that has none", async () => {
  await using silent = new MemoryRelay();
  const event = await makeEvent({ kind: 11316 });
  await using pool = poolOn([silent], { queryTimeoutMs: 50 });
  await pool.publish(event);
  silent.faults.set({ withholdEose: true });
  assertEquals(await pool.query([{ kinds: [11316] }]), [event]);
});
