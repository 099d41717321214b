import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { readFrame } from "../../../transport/relay/_frame.ts";
import { plainText } from "../../../transport/relay/_text.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { collect, framesOf, makeEvent, poolOn, settle, statusOf, until } from "./_harness.ts";

const ME = "a".repeat(64);
const SOMEBODY = "b".repeat(64);

Deno.test("F38: events that don't match the subscription are dropped, counted and not told", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ ignoreTagFilters: true });
  await using pool = poolOn([relay]);
  const heard = collect();
  pool.subscribe({ kinds: [25910], "#p": [ME] }, heard);
  await pool.ready();
  for (let i = 0; i < 20; i++) relay.deliver(await makeEvent({ p: SOMEBODY, content: `${i}` }));
  const ours = await makeEvent({ p: ME });
  relay.deliver(ours);
  await until("ours arrived", () => heard.ids.length === 1);
  assertEquals(heard.ids, [ours.id]);
  assertEquals(statusOf(pool, relay).dropped, 20);
});

Deno.test("frames that are nonsense are dropped, and the connection goes on", async () => {
  await using relay = new MemoryRelay();
  const errors: unknown[] = [];
  await using pool = poolOn([relay], {
    maxFrameBytes: 2_000,
    onError: (error) => errors.push(error),
  });
  const heard = collect();
  pool.subscribe({ kinds: [25910] }, heard);
  await pool.ready();
  const id = framesOf(relay, "REQ")[0]?.[1];
  const event = await makeEvent();
  const nonsense = [
    "",
    "not JSON",
    "{}",
    "null",
    "[]",
    "[[]]",
    '["EVENT"]',
    '["EVENT",1,2]',
    '["EOSE",{}]',
    '["OK","x","true",""]',
    '["CLOSED"]',
    '["NOTICE",7]',
    '["AUTH",""]',
    "[".repeat(1_500),
    JSON.stringify(["EVENT", "unknown", event]),
    JSON.stringify(["EVENT", id, { ...event, tags: [[1]] }]),
    JSON.stringify(["EVENT", id, { ...event, id: "x" }]),
    JSON.stringify(["EVENT", id, null]),
    JSON.stringify(["EVENT", id, { ...event, content: "é".repeat(1_500) }]),
  ];
  for (const frame of nonsense) relay.faults.send(frame);
  relay.faults.send(JSON.stringify(["EOSE", "unknown"]));
  relay.faults.send(JSON.stringify(["CLOSED", "unknown", "bye"]));
  relay.faults.send(JSON.stringify(["OK", "unknown", true, ""]));
  await settle(pool, relay);
  relay.deliver(event);
  await until("the event arrived", () => heard.ids.length === 1);
  assertEquals(statusOf(pool, relay).dropped, nonsense.length);
  assertEquals(statusOf(pool, relay).state, "open");
  assertEquals(errors, []);
});

Deno.test("a NOTICE is cut short and made printable", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay]);
  await pool.ready();
  relay.faults.notice(`\u001b]0;title\u0007\u202e${"x".repeat(100_000)}`);
  await until("it arrived", () => statusOf(pool, relay).lastNotice !== undefined);
  const { lastNotice = "" } = statusOf(pool, relay);
  assert(lastNotice.length > 200 && lastNotice.length <= 300);
  assert(lastNotice.startsWith("]0;title x"));
});

Deno.test("what a handler throws goes to onError and breaks nothing", async () => {
  await using relay = new MemoryRelay();
  const errors: unknown[] = [];
  await using pool = poolOn([relay], { onError: (error) => errors.push(error) });
  const fail = () => {
    throw new Error("a bug");
  };
  const heard = collect();
  pool.subscribe({ kinds: [25910] }, { onEvent: fail, onEose: fail, onClosed: fail });
  pool.subscribe({ kinds: [25910] }, heard);
  await pool.ready();
  relay.deliver(await makeEvent());
  relay.faults.closeSubscriptions("error: later");
  await until("both are back", () => relay.subscriptions.length === 2);
  assertEquals(heard.ids.length, 1);
  assert(errors.length >= 3, `${errors.length} errors`);
  assert(errors.every((error) => error instanceof Error && error.message === "a bug"));
  assertEquals(relay.connectionCount, 1);
});

Deno.test("readFrame() never throws, and plainText() is always one short printable line", () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
    readFrame(text, 1_000);
    const plain = plainText(text);
    assert(plain.length <= 300 && plain.isWellFormed());
    // deno-lint-ignore no-control-regex
    assert(!/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/.test(plain));
  }));
});

Deno.test("readFrame() counts bytes, not characters", () => {
  const frame = JSON.stringify(["NOTICE", "é".repeat(10)]);
  assertEquals(readFrame(frame, 33), { type: "NOTICE", text: "é".repeat(10) });
  assertEquals(readFrame(frame, 32), undefined);
  assertEquals(readFrame(new Uint8Array(1), 100), undefined);
});
