import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { RelayError } from "../../../errors.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { collect, framesOf, makeEvent, poolOn, statusOf, until } from "./_harness.ts";

for (const code of [1000, 1001, 1006, 1012]) {
  Deno.test(`F10: a relay that closes with ${code} is reconnected and hears again`, async () => {
    await using relay = new MemoryRelay();
    await using pool = poolOn([relay]);
    const heard = collect();
    pool.subscribe({ kinds: [25910] }, heard);
    await pool.ready();
    relay.faults.closeConnections(code, "bye");
    await until("the subscription is back", () => {
      return relay.connectionCount === 2 && relay.subscriptions.length === 1;
    });
    const event = await makeEvent();
    relay.deliver(event);
    await until("the event arrived", () => heard.ids.length === 1);
    assertEquals(heard.ids, [event.id]);
    assertStringIncludes(statusOf(pool, relay).lastError ?? "", `code ${code}`);
  });
}

Deno.test("F10: a subscription that the relay ends with CLOSED comes back under a new id", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay]);
  const heard = collect();
  const reasons: string[] = [];
  pool.subscribe({ kinds: [25910] }, {
    ...heard,
    onClosed: (url, reason) => reasons.push(`${url} ${reason}`),
  });
  await pool.ready();
  relay.faults.closeSubscriptions("error: shutting down");
  await until("the subscription is back", () => relay.subscriptions.length === 1);
  relay.deliver(await makeEvent());
  await until("the event arrived", () => heard.ids.length === 1);
  assertEquals(relay.connectionCount, 1);
  assertEquals(reasons, [`${relay.url} error: shutting down`]);
  const [first, second] = framesOf(relay, "REQ");
  assertNotEquals(first?.[1], second?.[1]);
});

Deno.test("F10: a subscription that is answered with nothing but NOTICE is asked for again", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({
    refuseSubscriptions: { reason: "too many subscriptions", asNotice: true, times: 1 },
  });
  await using pool = poolOn([relay], { pingTimeoutMs: 20 });
  pool.subscribe({ kinds: [25910] }, collect());
  await pool.ready();
  assertEquals(framesOf(relay, "REQ").length, 2);
});

Deno.test("F10: attempts are made with back-off and jitter, and counted", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseConnections: true });
  await using pool = poolOn([relay], {
    backoff: { initialMs: 8, maxMs: 16 },
    random: () => 0.5,
    now: () => 1_000,
  });
  const delays: number[] = [];
  for await (const { state, attempts, retryAt } of pool.status()) {
    if (state === "idle") pool.connect();
    if (state === "waiting") delays.push((retryAt ?? 0) - 1_000);
    if (state !== "waiting" || attempts < 3) continue;
    assertEquals(attempts, 3);
    break;
  }
  assertEquals(delays, [4, 8, 8]);
  relay.faults.clear();
  await until("the relay is open", () => statusOf(pool, relay).state === "open");
  assertEquals(statusOf(pool, relay).attempts, 0);
});

Deno.test("F10: attempts are made soon while something waits to be sent, 16 at the most", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay], {
    backoff: { initialMs: 1_000_000, maxMs: 1_000_000, soonMs: 100 },
    random: () => 0.05,
    publishTimeoutMs: 2_000,
  });
  pool.subscribe({ kinds: [25910] }, collect());
  await pool.ready();
  relay.faults.set({ refuseConnections: true });
  relay.faults.closeConnections();
  await until("it waits", () => statusOf(pool, relay).state === "waiting");
  const publish = pool.publish(await makeEvent());
  await until("three attempts have failed", () => statusOf(pool, relay).attempts === 3);
  relay.faults.clear();
  await publish;

  relay.faults.set({ refuseConnections: true });
  relay.faults.closeConnections();
  const lost = assertRejects(async () => pool.publish(await makeEvent()), RelayError);
  await until("16 attempts have failed", () => statusOf(pool, relay).attempts === 16);
  await until("it waits", () => statusOf(pool, relay).state === "waiting");
  assert((statusOf(pool, relay).retryAt ?? 0) - Date.now() > 40_000);
  await lost;
});

Deno.test("F10: a subscription that is closed does not come back", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay]);
  const gone = pool.subscribe({ kinds: [1] }, collect());
  pool.subscribe({ kinds: [25910] }, collect());
  await pool.ready();
  gone.close();
  gone.close();
  await until("it is closed on the relay", () => relay.subscriptions.length === 1);
  relay.faults.closeConnections();
  await until("the other is back", () => {
    return relay.connectionCount === 2 && relay.subscriptions.length === 1;
  });
  assertEquals(framesOf(relay, "REQ").length, 3);
});

Deno.test("F11: `since` reaches back from now, then from the last moment the relay was heard", async () => {
  let now = 1_000_000_000;
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay], { now: () => now, clockSkewMs: 300_000 });
  pool.subscribe({ kinds: [25910] }, collect(), { live: true });
  await pool.ready();
  now += 60_000;
  relay.faults.notice("still here"); // the last sign of life
  await until("it arrived", () => statusOf(pool, relay).lastNotice !== undefined);
  now += 3_600_000; // an hour of silence: nobody knows when the line broke
  relay.faults.closeConnections();
  await until("the subscription is back", () => framesOf(relay, "REQ").length === 2);
  const sinces = framesOf(relay, "REQ").map(([, , filter]) => (filter as { since: number }).since);
  assertEquals(sinces, [1_000_000 - 300, 1_000_000 + 60 - 300]);
});

Deno.test("F11: `since` does not move on while the relay refuses the subscription", async () => {
  let now = 1_000_000_000;
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay], { now: () => now, clockSkewMs: 0 });
  pool.subscribe({ kinds: [25910] }, collect(), { live: true });
  await pool.ready();
  relay.faults.set({ refuseSubscriptions: { reason: "error: busy", times: 2 } });
  relay.faults.closeSubscriptions("error: busy");
  await until("it was refused", () => framesOf(relay, "REQ").length >= 2);
  now += 3_600_000;
  await until("the subscription is back", () => relay.subscriptions.length === 1);
  const last = framesOf(relay, "REQ").at(-1)?.[2] as { since: number };
  assertEquals(last.since, 1_000_000);
});

Deno.test("F17: a relay that misses a ping is reconnected alone", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using bad = new MemoryRelay({ url: "wss://bad.test" });
  await using pool = poolOn([good, bad], { idlePingMs: 10, pingTimeoutMs: 50 });
  pool.subscribe({ kinds: [25910] }, collect());
  await until("both are subscribed", () => {
    return good.subscriptions.length === 1 && bad.subscriptions.length === 1;
  });
  bad.faults.set({ halfOpen: true });
  await until("the silence is noticed", () => statusOf(pool, bad).lastError !== undefined);
  bad.faults.clear();
  await until("it is back", () => statusOf(pool, bad).state === "open");
  assertStringIncludes(statusOf(pool, bad).lastError ?? "", "no sign of life within 50 ms");
  assertEquals(good.connectionCount, 1);
  assertEquals(statusOf(pool, good).lastError, undefined);
  const pings = framesOf(good, "REQ").length - 1;
  assert(pings > 0, "the good relay was asked for signs of life too");
  await until("its pings are closed", () => good.subscriptions.length === 1);
});

Deno.test("F17: after a sleep of the machine each relay is asked at once whether it is still there", async () => {
  await using relay = new MemoryRelay();
  let slept = 0;
  // Long enough that nothing but the sleep can be the reason.
  const options = { idlePingMs: 3_600_000, pingTimeoutMs: 50, now: () => Date.now() + slept };
  await using pool = poolOn([relay], options);
  pool.subscribe({ kinds: [25910] }, collect());
  await until("it is subscribed", () => relay.subscriptions.length === 1);
  relay.faults.set({ halfOpen: true });
  slept = 60_000;
  // It is looked for every other second.
  const isNoticed = () => statusOf(pool, relay).lastError !== undefined;
  await until("the silence is noticed", isNoticed, 10_000);
  assertStringIncludes(statusOf(pool, relay).lastError ?? "", "no sign of life within 50 ms");
  relay.faults.clear();
  await until("it is back", () => statusOf(pool, relay).state === "open");
});
