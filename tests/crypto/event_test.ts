import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type EventTemplate,
  getEventId,
  isNostrEvent,
  serializeEvent,
  signEvent,
  verifyEvent,
} from "../../crypto/event.ts";
import { createPureEngine } from "../../crypto/pure_engine.ts";
import { CLIENT_KEY, clientEvent, OFF_CURVE } from "./_fixtures.ts";

const PUBKEY = "4f355bdcb7cc0af728ef3cceb9615d90684bb5b2ca5f859ab0f0b704075871aa";

Deno.test("serializeEvent() escapes as NIP-01 demands", () => {
  const content = 'line\nquote" back\\ tab\t cr\r bs\b ff\f é 🦄';
  assertEquals(
    serializeEvent({ pubkey: PUBKEY, kind: 1, created_at: 5, tags: [], content }),
    `[0,"${PUBKEY}",5,1,[],"line\\nquote\\" back\\\\ tab\\t cr\\r bs\\b ff\\f é 🦄"]`,
  );
});

// NIP1-1
Deno.test("getEventId() is the hash of the content, and looks at no id that is already there", () => {
  const event = clientEvent({ kind: 1, created_at: 1, tags: [], content: "hi" });
  const withWrongId = { ...event, id: "0".repeat(64) };
  assertEquals(event.pubkey, PUBKEY);
  assertEquals(getEventId(withWrongId), event.id);
  assertEquals(
    getEventId({ pubkey: PUBKEY, kind: 1, created_at: 1, tags: [], content: "hi" }),
    event.id,
  );
});

Deno.test("signEvent() adds exactly the author, the id and the signature", () => {
  const event = clientEvent();
  assertEquals(Object.keys(event).sort(), [
    "content",
    "created_at",
    "id",
    "kind",
    "pubkey",
    "sig",
    "tags",
  ]);
  assert(isNostrEvent(event));
  assert(verifyEvent(event));
});

Deno.test("signEvent() copies the tags, and drops fields that no event has", () => {
  const tag = ["t", "before"];
  const template = { kind: 1, created_at: 1, tags: [tag], content: "", extra: "no" };
  const event = signEvent(template, CLIENT_KEY);
  tag[1] = "after";
  assertEquals(event.tags, [["t", "before"]]);
  assert(!("extra" in event));
  assert(verifyEvent(event));
});

Deno.test("signEvent() refuses a template without the shape of an event", () => {
  const good = { kind: 1, created_at: 1, tags: [], content: "" };
  const holes: string[][] = [];
  holes.length = 1;
  const bad: EventTemplate[] = [
    { ...good, kind: -1 },
    { ...good, kind: 65_536 },
    { ...good, kind: 1.5 },
    { ...good, created_at: 1_700_000_000.5 },
    { ...good, created_at: -1 },
    { ...good, created_at: NaN },
    { ...good, tags: holes },
  ];
  for (const template of bad) {
    assertThrows(() => signEvent(template, CLIENT_KEY), TypeError, "An event to sign needs");
  }
});

Deno.test("signEvent() refuses a private key that is none", () => {
  const template = { kind: 1, created_at: 1, tags: [], content: "" };
  assertThrows(() => signEvent(template, new Uint8Array(32)), RangeError);
});

Deno.test("isNostrEvent() takes the borders of every field", () => {
  const event = clientEvent();
  assert(isNostrEvent({ ...event, kind: 0, created_at: 0, tags: [], content: "" }));
  assert(isNostrEvent({ ...event, kind: 65_535, created_at: Number.MAX_SAFE_INTEGER }));
  assert(isNostrEvent({ ...event, tags: [["a"], [], ["b", "", "c"]] }));
});

Deno.test("isNostrEvent() refuses every other shape", () => {
  const event = clientEvent();
  const changes: Record<string, unknown>[] = [
    ...Object.keys(event).map((name) => ({ [name]: undefined })),
    { id: event.id.toUpperCase() },
    { id: event.id.slice(2) },
    { id: `${event.id}\n` },
    { pubkey: `${event.pubkey.slice(1)}g` },
    { sig: event.id },
    { kind: 65_536 },
    { kind: -1 },
    { kind: 1.5 },
    { kind: "1" },
    { created_at: -1 },
    { created_at: 1e300 },
    { created_at: Infinity },
    { created_at: "1" },
    { tags: {} },
    { tags: "p" },
    { tags: ["p"] },
    { tags: [["p", 1]] },
    { tags: [["p", null]] },
    { tags: [null] },
    { content: 1 },
    { content: {} },
  ];
  for (const change of changes) {
    assert(!isNostrEvent({ ...event, ...change }), JSON.stringify(change));
  }
  for (const value of [null, undefined, 0, "", "event", [], [event], () => event]) {
    assert(!isNostrEvent(value));
  }
});

// NIP1-1
Deno.test("verifyEvent() refuses an event in which anything was changed", () => {
  const event = clientEvent();
  const other = clientEvent({ content: "other" });
  assert(!verifyEvent({ ...event, content: "changed" }));
  assert(!verifyEvent({ ...event, kind: 1 }));
  assert(!verifyEvent({ ...event, created_at: event.created_at + 1 }));
  assert(!verifyEvent({ ...event, tags: [] }));
  assert(!verifyEvent({ ...event, id: other.id }));
  assert(!verifyEvent({ ...event, sig: other.sig }));
  assert(!verifyEvent({ ...event, content: "other", id: other.id }));
});

Deno.test("verifyEvent() refuses an author that is not on the curve", () => {
  const forged = { ...clientEvent(), pubkey: OFF_CURVE };
  assert(!verifyEvent({ ...forged, id: getEventId(forged) }));
});

Deno.test("verifyEvent() neither changes the event nor remembers it", () => {
  const event = { ...clientEvent() };
  const before = JSON.stringify(event);
  assert(verifyEvent(event));
  assertEquals(JSON.stringify(event), before);
  assertEquals(Object.getOwnPropertySymbols(event), []);
  event.content = "changed after it was verified";
  assert(!verifyEvent(event));
});

Deno.test("signEvent() and verifyEvent() use the engine that they are given", () => {
  const calls: string[] = [];
  const pure = createPureEngine();
  const engine = {
    ...pure,
    sign: (hash: Uint8Array, privateKey: Uint8Array) => {
      calls.push("sign");
      return pure.sign(hash, privateKey);
    },
    verify: (signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array) => {
      calls.push("verify");
      return pure.verify(signature, hash, publicKey);
    },
  };
  const event = signEvent({ kind: 1, created_at: 1, tags: [], content: "" }, CLIENT_KEY, engine);
  assert(verifyEvent(event, engine));
  assert(!verifyEvent({ ...event, content: "cheap to refuse" }, engine));
  assertEquals(calls, ["sign", "verify"]);
});
