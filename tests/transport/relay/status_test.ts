import { assertEquals } from "@std/assert";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { makeEvent, poolOn, statusOf, until } from "./_harness.ts";

Deno.test("status() starts with each relay as it is, then tells changes, and ends with close()", async () => {
  await using relay = new MemoryRelay();
  const pool = poolOn([relay]);
  const states: string[] = [];
  const reading = (async () => {
    for await (const { state } of pool.status()) states.push(state);
  })();
  await until("the first is read", () => states.length === 1);
  await pool.ready();
  await until("it is open", () => states.includes("open"));
  await pool.close();
  await reading;
  assertEquals([...new Set(states)], ["idle", "connecting", "open", "closed"]);
  const afterwards = pool.status();
  assertEquals((await afterwards.next()).value?.state, "closed");
  assertEquals(await afterwards.next(), { done: true, value: undefined });
});

Deno.test("status() keeps the latest status only for a slow reader", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay]);
  const slow = pool.status();
  await pool.ready();
  relay.faults.notice("one");
  relay.faults.notice("two");
  await until("both came", () => statusOf(pool, relay).lastNotice === "two");
  const { value } = await slow.next();
  assertEquals(value?.lastNotice, "two");
  const pending = slow.next();
  await slow.return?.();
  assertEquals((await pending).done, true);
});

Deno.test("status() ends with its signal, without an error", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay]);
  const stop = new AbortController();
  let count = 0;
  for await (const _status of pool.status({ signal: stop.signal })) {
    count++;
    queueMicrotask(() => stop.abort());
  }
  assertEquals(count, 1);
});

for (
  const [reason, kind, stands] of [
    ["restricted: you may not write here", 25910, true],
    ["blocked: you are not on the list", 21059, true],
    ["auth-required: members only", 1059, true],
    ["invalid: no such tag", 25910, false],
    ["restricted: no announcements here", 11316, false],
  ] as const
) {
  Deno.test(`status() ${stands ? "keeps" : "does not keep"} that a relay refuses kind ${kind} with "${reason}"`, async () => {
    await using relay = new MemoryRelay();
    await using pool = poolOn([relay]);
    relay.faults.set({ refuseEvents: { reason } });
    await pool.publish(await makeEvent({ kind })).catch(() => undefined);
    const { refusal } = statusOf(pool, relay);
    assertEquals(refusal?.startsWith(reason) ?? false, stands);
    relay.faults.clear();
    await pool.publish(await makeEvent({ kind: 11316 }));
    assertEquals(statusOf(pool, relay).refusal, refusal);
    await pool.publish(await makeEvent({ kind: 25910 }));
    assertEquals(statusOf(pool, relay).refusal, undefined);
  });
}
