/**
 * How a relay must behave, as a table: each case runs against every relay of
 * this project, in memory, over sockets, and with SQLite underneath.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type NostrEvent, signEvent } from "../../crypto/event.ts";
import type { RelayEngineOptions } from "../../transport/testing/mod.ts";
import { ALICE, BOB, makeEvent, nowSeconds, type TestClient } from "./client.ts";

/** A relay that a case talks to. */
export interface Subject {
  /** Where clients say they are when they authenticate. */
  readonly url: string;
  /** Connects one more client. */
  connect(): Promise<TestClient>;
}

/** One thing that a relay does. */
export interface Behaviour {
  /** What, for the name of the test. */
  readonly name: string;
  /** How the relay is set up. */
  readonly options?: RelayEngineOptions;
  /** Fails when the relay does otherwise. */
  run(relay: Subject): Promise<void>;
}

const alice = makeEvent().pubkey;
const bob = makeEvent({}, BOB).pubkey;

function ids(events: readonly NostrEvent[]): string[] {
  return events.map(({ id }) => id);
}

function byId(a: NostrEvent, b: NostrEvent): number {
  return a.id < b.id ? -1 : 1;
}

async function readRefusal(client: TestClient, frame: string, pattern: RegExp): Promise<void> {
  client.sendRaw(frame);
  const answer = JSON.stringify(await client.read());
  assertMatch(answer, pattern);
}

/** An answer to a challenge. */
export function makeAuth(
  url: string,
  challenge: unknown,
  privateKey: Uint8Array = ALICE,
  createdAt: number = nowSeconds(),
): NostrEvent {
  const tags = [["relay", url], ["challenge", String(challenge)]];
  return signEvent({ kind: 22242, created_at: createdAt, tags, content: "" }, privateKey);
}

async function authenticate(client: TestClient, url: string, privateKey = ALICE): Promise<void> {
  const [type, challenge] = await client.read();
  assertEquals(type, "AUTH");
  const event = makeAuth(url, challenge, privateKey);
  client.send("AUTH", event);
  assertEquals(await client.read(), ["OK", event.id, true, ""]);
}

const NIP01: readonly Behaviour[] = [
  {
    name: "NIP-01: an event is acknowledged, stored and found by every field of a filter",
    async run(relay) {
      await using client = await relay.connect();
      const event = makeEvent({
        created_at: nowSeconds() - 5,
        tags: [["p", bob], ["t", "x", "y"]],
      });
      assertEquals(await client.publish(event), [true, ""]);
      const { id, pubkey, created_at } = event;
      const matching = [
        { ids: [id] },
        { authors: [pubkey] },
        { kinds: [1] },
        { kinds: [2, 1] },
        { "#p": [bob] },
        { "#t": ["x"] },
        { since: created_at },
        { until: created_at },
        { ids: [id], authors: [pubkey], kinds: [1], "#p": [bob], since: created_at },
        {},
      ];
      for (const filter of matching) {
        assertEquals(await client.query("s", filter), [event], JSON.stringify(filter));
      }
      const others = [
        { ids: ["0".repeat(64)] },
        { authors: [bob] },
        { kinds: [2] },
        { kinds: [] },
        { "#p": [pubkey] },
        { "#t": ["y"] },
        { "#T": ["x"] },
        { since: created_at + 1 },
        { until: created_at - 1 },
        { limit: 0 },
        { kinds: [1], authors: [bob] },
      ];
      for (const filter of others) {
        assertEquals(await client.query("s", filter), [], JSON.stringify(filter));
      }
    },
  },
  {
    name: "NIP-01: several filters are alternatives, an event that matches two comes once",
    async run(relay) {
      await using client = await relay.connect();
      const first = makeEvent({ created_at: nowSeconds() - 1 });
      const second = makeEvent({ kind: 2 });
      await client.publish(first);
      await client.publish(second);
      const found = await client.query("s", { kinds: [1] }, { kinds: [2] }, { authors: [alice] });
      assertEquals(ids(found), ids([second, first]));
    },
  },
  {
    name: "NIP-01: the newest come first, the lowest id first within a second, up to the limit",
    async run(relay) {
      await using client = await relay.connect();
      const now = nowSeconds();
      const same = ["a", "b", "c", "d"].map((content) => makeEvent({ created_at: now, content }))
        .sort(byId);
      const older = makeEvent({ created_at: now - 10, content: "older" });
      for (const event of [same[2], older, same[0], same[3], same[1]]) await client.publish(event);
      assertEquals(ids(await client.query("s", {})), ids([...same, older]));
      assertEquals(ids(await client.query("s", { limit: 2 })), ids(same.slice(0, 2)));
      assertEquals(
        ids(await client.query("s", { limit: 1 }, { until: now - 1, limit: 1 })),
        ids([same[0], older]),
      );
    },
  },
  {
    name: "NIP-01: a live event reaches each subscription that it matches, and no other",
    async run(relay) {
      await using reader = await relay.connect();
      await using writer = await relay.connect();
      const event = makeEvent({ kind: 25910, tags: [["p", bob]] });
      await reader.subscribe("by tag", { "#p": [bob] });
      await reader.subscribe("by author", { authors: [alice], limit: 0 });
      await reader.subscribe("by kind", { kinds: [25910] });
      await reader.subscribe("by id", { ids: [event.id] });
      await reader.subscribe("all", {});
      await reader.subscribe("other tag", { "#p": [alice] });
      await reader.subscribe("other kind", { kinds: [1] });
      await reader.subscribe("two", { kinds: [1] }, { kinds: [25910], "#p": [bob] });
      await reader.subscribe("later", { since: event.created_at + 1_000 });
      assertEquals(await writer.publish(event), [true, ""]);
      const frames = await reader.drain();
      assertEquals(
        frames.map(([, id]) => id).sort(),
        ["all", "by author", "by id", "by kind", "by tag", "two"],
      );
      for (const frame of frames) assertEquals(frame[2], event);
    },
  },
  {
    name: "NIP-01: a REQ replaces the subscription of its id, a CLOSE ends it, others stay",
    async run(relay) {
      await using client = await relay.connect();
      await client.subscribe("replaced", { kinds: [1] });
      await client.subscribe("replaced", { kinds: [2] });
      await client.subscribe("closed", { kinds: [1] });
      await client.subscribe("stays", { kinds: [1] });
      client.send("CLOSE", "closed");
      client.send("CLOSE", "never opened");
      client.send("EVENT", makeEvent());
      const frames = await client.drain();
      assertEquals(
        frames.filter(([type]) => type === "EVENT").map(([, id]) => id),
        ["stays"],
      );
    },
  },
  {
    name: "NIP-01: ephemeral kinds are delivered and not stored",
    async run(relay) {
      await using client = await relay.connect();
      for (const kind of [20_000, 21_059, 25_910, 29_999]) {
        assertEquals(await client.publish(makeEvent({ kind })), [true, ""]);
      }
      assertEquals(await client.query("s", {}), []);
    },
  },
  {
    name: "NIP-01: of a replaceable kind the newest stays, the lowest id of one second",
    async run(relay) {
      await using client = await relay.connect();
      const now = nowSeconds();
      for (const kind of [0, 3, 10_002, 11_316]) {
        const [low, high] = ["a", "b"].map((content) =>
          makeEvent({ kind, created_at: now, content })
        ).sort(byId);
        const old = makeEvent({ kind, created_at: now - 1 });
        const other = makeEvent({ kind, created_at: now - 9 }, BOB);
        assertEquals(await client.publish(other), [true, ""]);
        assertEquals(await client.publish(old), [true, ""]);
        assertEquals(await client.publish(high), [true, ""]);
        assertEquals(await client.publish(low), [true, ""]);
        assertEquals((await client.publish(high))[0], false);
        assertEquals((await client.publish(old))[0], false);
        assertEquals(ids(await client.query("s", { kinds: [kind] })), ids([low, other]));
        assertEquals(await client.query("s", { ids: [old.id, high.id] }), []);
      }
    },
  },
  {
    name: "NIP-01: an addressable event replaces only that of its d tag",
    async run(relay) {
      await using client = await relay.connect();
      const now = nowSeconds();
      const make = (d: string | undefined, age: number) =>
        makeEvent({ kind: 30_000, created_at: now - age, tags: d === undefined ? [] : [["d", d]] });
      const [oldA, newA, b, none] = [make("a", 9), make("a", 8), make("b", 7), make(undefined, 6)];
      for (const event of [oldA, newA, b, none]) await client.publish(event);
      assertEquals(ids(await client.query("s", {})), ids([none, b, newA]));
      const empty = make("", 5);
      await client.publish(empty);
      assertEquals(ids(await client.query("s", {})), ids([empty, b, newA]));
    },
  },
  {
    name: "NIP-01: a duplicate is acknowledged as one and not delivered again",
    async run(relay) {
      await using client = await relay.connect();
      const event = makeEvent();
      await client.publish(event);
      await client.subscribe("s", { kinds: [1], limit: 0 });
      const [ok, reason] = await client.publish(event);
      assertEquals(ok, true);
      assertMatch(String(reason), /^duplicate:/);
      assertEquals(await client.drain(), []);
    },
  },
  {
    name: "NIP-01: a forged event is refused: id, signature, author, content",
    async run(relay) {
      await using client = await relay.connect();
      const event = makeEvent({ content: "genuine" });
      const flip = (hex: string) => (hex[0] === "0" ? "1" : "0") + hex.slice(1);
      const forgeries = [
        { ...event, id: flip(event.id) },
        { ...event, sig: flip(event.sig) },
        { ...event, pubkey: bob },
        { ...event, content: "forged" },
        { ...event, tags: [["p", bob]] },
        { ...event, created_at: event.created_at - 1 },
      ];
      for (const forgery of forgeries) {
        const [ok, reason] = await client.publish(forgery);
        assertEquals(ok, false);
        assertMatch(String(reason), /^invalid:/);
      }
      assertEquals(await client.query("s", {}), []);
    },
  },
  {
    name: "NIP-01: what an event has beside its seven fields is not passed on",
    async run(relay) {
      await using client = await relay.connect();
      const event = makeEvent();
      client.send("EVENT", { ...event, extra: "x" });
      assertEquals(await client.read(), ["OK", event.id, true, ""]);
      assertEquals(await client.query("s", {}), [event]);
    },
  },
  {
    name: "NIP-01: text survives: quotes, newlines, control and astral characters",
    async run(relay) {
      await using client = await relay.connect();
      const content = '"\\\b\t\n\f\r\u0000\u001f\u2028é漢🎉\u007f</script>';
      const event = makeEvent({ content, tags: [["t", content]] });
      assertEquals(await client.publish(event), [true, ""]);
      assertEquals(await client.query("s", { "#t": [content] }), [event]);
    },
  },
  {
    name: "NIP-01: what can't be understood gets a NOTICE, an OK false or a CLOSED, never silence",
    async run(relay) {
      await using client = await relay.connect();
      const notice = /^\["NOTICE","invalid: /;
      for (
        const frame of [
          "",
          "{",
          "null",
          "[]",
          "{}",
          "[1]",
          '["NOPE"]',
          '["EVENT"]',
          '["EVENT",null]',
          '["EVENT",{}]',
          '["REQ"]',
          '["REQ",1,{}]',
          '["REQ","",{}]',
          `["REQ","${"x".repeat(65)}",{}]`,
          '["CLOSE"]',
          '["AUTH"]',
          "[".repeat(50_000),
        ]
      ) await readRefusal(client, frame, notice);
      const event = makeEvent();
      for (
        const change of [
          { sig: "" },
          { kind: -1 },
          { kind: 65_536 },
          { kind: 1.5 },
          { created_at: "now" },
          { tags: [[1]] },
          { tags: "p" },
          { content: 5 },
          { pubkey: event.pubkey.toUpperCase() },
        ]
      ) {
        const frame = JSON.stringify(["EVENT", { ...event, ...change }]);
        await readRefusal(client, frame, /^\["OK","[0-9a-f]{64}",false,"invalid: /);
      }
      for (
        const filters of [
          "",
          ",null",
          ",[]",
          ',{"kinds":1}',
          ',{"kinds":["1"]}',
          ',{"ids":["xyz"]}',
          ',{"#p":["Bob"]}',
          ',{"limit":-1}',
          ',{"since":"0"}',
          ',{"#long":["x"]}',
          ',{"kind":[1]}',
          ',{},{"until":null}',
        ]
      ) await readRefusal(client, `["REQ","s"${filters}]`, /^\["CLOSED","s","invalid: /);
      assertEquals(await client.query("still works", {}), []);
    },
  },
];

const NIP09: readonly Behaviour[] = [
  {
    name: "NIP-09: a deletion takes its author's events, stays itself, and they can't come back",
    async run(relay) {
      await using client = await relay.connect();
      const now = nowSeconds();
      const mine = makeEvent({ created_at: now - 2 });
      const theirs = makeEvent({ created_at: now - 3 }, BOB);
      const kept = makeEvent({ created_at: now - 4 });
      for (const event of [mine, theirs, kept]) await client.publish(event);
      const tags = [["e", mine.id], ["e", theirs.id], ["k", "1"]];
      const deletion = makeEvent({ kind: 5, created_at: now, tags });
      assertEquals(await client.publish(deletion), [true, ""]);
      assertEquals(ids(await client.query("s", {})), ids([deletion, theirs, kept]));
      const [ok, reason] = await client.publish(mine);
      assertEquals(ok, false);
      assertMatch(String(reason), /^blocked:/);
    },
  },
  {
    name: "NIP-09: a deletion that comes first blocks the event of its author alone",
    async run(relay) {
      await using client = await relay.connect();
      const mine = makeEvent({ content: "mine" });
      const theirs = makeEvent({ content: "theirs" }, BOB);
      await client.publish(makeEvent({ kind: 5, tags: [["e", mine.id], ["e", theirs.id]] }));
      assertEquals((await client.publish(mine))[0], false);
      assertEquals((await client.publish(theirs))[0], true);
    },
  },
  {
    name: "NIP-09: an a tag deletes versions up to its time, a newer one may come",
    async run(relay) {
      await using client = await relay.connect();
      const now = nowSeconds();
      const make = (age: number) => makeEvent({ kind: 11_316, created_at: now - age });
      const [older, deleted, newer] = [make(20), make(10), make(0)];
      await client.publish(deleted);
      const a = [["a", `11316:${alice}:`], ["k", "11316"]];
      await client.publish(makeEvent({ kind: 5, created_at: now - 5, tags: a }));
      assertEquals(await client.query("s", { kinds: [11_316] }), []);
      assertEquals((await client.publish(deleted))[0], false);
      assertEquals((await client.publish(older))[0], false);
      assertEquals(await client.publish(newer), [true, ""]);
      await client.publish(makeEvent({ kind: 5, created_at: now - 4, tags: a }));
      assertEquals(ids(await client.query("s", { kinds: [11_316] })), [newer.id]);
    },
  },
  {
    name: "NIP-09: an a tag deletes one address with its d, and nothing of another author",
    async run(relay) {
      await using client = await relay.connect();
      const made = nowSeconds() - 5;
      const make = (d: string, key = ALICE) =>
        makeEvent({ kind: 30_000, created_at: made, tags: [["d", d]] }, key);
      const [a, b, theirs] = [make("a:1"), make("b"), make("a:1", BOB)];
      for (const event of [a, b, theirs]) await client.publish(event);
      const tags = [["a", `30000:${alice}:a:1`], ["a", `30000:${bob}:a:1`]];
      await client.publish(makeEvent({ kind: 5, tags }));
      assertEquals(
        ids(await client.query("s", { kinds: [30_000] })).sort(),
        ids([b, theirs]).sort(),
      );
    },
  },
  {
    name: "NIP-09: deletions can't be deleted, and a k tag alone deletes nothing",
    async run(relay) {
      await using client = await relay.connect();
      const event = makeEvent({ created_at: nowSeconds() - 3 });
      const onlyKind = makeEvent({ kind: 5, created_at: nowSeconds() - 2, tags: [["k", "1"]] });
      await client.publish(event);
      await client.publish(onlyKind);
      const undo = makeEvent({ kind: 5, tags: [["e", onlyKind.id]] });
      await client.publish(undo);
      assertEquals(ids(await client.query("s", {})), ids([undo, onlyKind, event]));
    },
  },
];

const NIP42: readonly Behaviour[] = [
  {
    name: "NIP-42: without authentication nothing works, with it everything",
    options: { requireAuth: true },
    async run(relay) {
      await using client = await relay.connect();
      const [type, challenge] = await client.read();
      assertEquals(type, "AUTH");
      const event = makeEvent();
      assertMatch(String((await client.publish(event))[1]), /^auth-required:/);
      await readRefusal(client, '["REQ","s",{}]', /^\["CLOSED","s","auth-required: /);
      const auth = makeAuth(relay.url, challenge);
      client.send("AUTH", auth);
      assertEquals(await client.read(), ["OK", auth.id, true, ""]);
      assertEquals(await client.publish(event), [true, ""]);
      assertEquals(await client.query("s", {}), [event]);
    },
  },
  {
    name: "NIP-42: an answer with a wrong challenge, relay, kind, time or signature is refused",
    options: { requireAuth: true },
    async run(relay) {
      await using client = await relay.connect();
      await using other = await relay.connect();
      const [, challenge] = await client.read();
      const [, otherChallenge] = await other.read();
      assert(challenge !== otherChallenge);
      const right = makeAuth(relay.url, challenge);
      const wrong = [
        makeAuth(relay.url, otherChallenge),
        makeAuth("wss://other.test", challenge),
        makeAuth("not a URL", challenge),
        makeAuth(relay.url, challenge, ALICE, nowSeconds() - 700),
        makeAuth(relay.url, challenge, ALICE, nowSeconds() + 700),
        makeEvent({ tags: right.tags }),
        { ...right, pubkey: bob },
      ];
      for (const event of wrong) {
        client.send("AUTH", event);
        const [type, id, ok, reason] = await client.read();
        assertEquals([type, id, ok], ["OK", event.id, false]);
        assertMatch(String(reason), /^invalid:/);
      }
      await readRefusal(client, '["REQ","s",{}]', /^\["CLOSED","s","auth-required: /);
      assertEquals((await client.publish(right))[0], false);
    },
  },
  {
    name: "NIP-42, R1: gift wraps alone are refused, mixed they are silently withheld",
    options: { requireAuth: "1059" },
    async run(relay) {
      await using writer = await relay.connect();
      await writer.read();
      const wrap = makeEvent({ kind: 1059, tags: [["p", bob]] });
      const second = makeEvent({ kind: 1059, tags: [["p", bob]], content: "second" });
      const plain = makeEvent({ kind: 21_059, tags: [["p", bob]] });
      await writer.publish(wrap);

      await using stranger = await relay.connect();
      await stranger.read();
      await readRefusal(
        stranger,
        '["REQ","alone",{"kinds":[1059]}]',
        /^\["CLOSED","alone","auth-required: /,
      );
      assertEquals(
        await stranger.subscribe("mixed", { kinds: [25_910, 1059, 21_059], "#p": [bob] }),
        [],
      );
      await writer.publish(second);
      await writer.publish(plain);
      assertEquals(await stranger.drain(), [["EVENT", "mixed", plain]]);
    },
  },
  {
    name: "NIP-42: gift wraps go to their recipient, stored and live, and to nobody else",
    options: { requireAuth: "1059" },
    async run(relay) {
      await using writer = await relay.connect();
      await writer.read();
      await using reader = await relay.connect();
      const stored = makeEvent({ kind: 1059, tags: [["p", bob]] }, new Uint8Array(32).fill(3));
      await writer.publish(stored);
      await authenticate(reader, relay.url, BOB);
      assertEquals(await reader.subscribe("mine", { kinds: [1059], "#p": [bob] }), [stored]);
      const live = makeEvent({ kind: 1059, tags: [["p", bob]], content: "live" });
      await writer.publish(live);
      await writer.publish(makeEvent({ kind: 1059, tags: [["p", alice]], content: "other" }));
      assertEquals(await reader.drain(), [["EVENT", "mine", live]]);
      await readRefusal(
        reader,
        JSON.stringify(["REQ", "theirs", { kinds: [1059], "#p": [alice] }]),
        /^\["CLOSED","theirs","restricted: /,
      );
    },
  },
];

const LIMITS: readonly Behaviour[] = [
  {
    name: "limits: subscriptions, filters, values of a filter and stored events are bounded",
    options: {
      limits: { maxSubscriptions: 2, maxFilters: 2, maxFilterValues: 3, maxLimit: 2 },
    },
    async run(relay) {
      await using client = await relay.connect();
      for (const content of ["a", "b", "c"]) await client.publish(makeEvent({ content }));
      assertEquals((await client.subscribe("1", {})).length, 2);
      assertEquals((await client.subscribe("2", { limit: 50 })).length, 2);
      await readRefusal(client, '["REQ","3",{}]', /^\["CLOSED","3","error: at most 2 subscr/);
      await readRefusal(client, '["REQ","2",{},{},{}]', /^\["CLOSED","2","invalid: /);
      await readRefusal(client, '["REQ","4",{"kinds":[1,2,3,4]}]', /^\["CLOSED","4","invalid: /);
      assertEquals((await client.query("3", {})).length, 2);
    },
  },
  {
    name: "limits: what is stored is sent up to a length, the newest first",
    options: { limits: { maxReplyLength: 3_000 } },
    async run(relay) {
      await using client = await relay.connect();
      const content = "x".repeat(1_000);
      const old = makeEvent({ created_at: nowSeconds() - 9, content });
      const events = [1, 2].map((age) => makeEvent({ created_at: nowSeconds() - age, content }));
      for (const event of [old, ...events]) await client.publish(event);
      assertEquals(ids(await client.query("s", {})), ids(events));
    },
  },
  {
    name: "limits: created_at has bounds, narrower ones for ephemeral events",
    options: {
      limits: { maxAgeSeconds: 1_000, maxEphemeralAgeSeconds: 60, maxFutureSeconds: 900 },
    },
    async run(relay) {
      await using client = await relay.connect();
      const now = nowSeconds();
      const cases: [kind: number, age: number, ok: boolean][] = [
        [1, 900, true],
        [1, 1_100, false],
        [25_910, 30, true],
        [25_910, 90, false],
        [1, -800, true],
        [1, -1_000, false],
      ];
      for (const [kind, age, ok] of cases) {
        const answer = await client.publish(makeEvent({ kind, created_at: now - age }));
        assertEquals(answer[0], ok, `kind ${kind}, ${age} s old: ${answer[1]}`);
      }
    },
  },
  {
    name: "limits: a large event is refused by its bytes, a larger frame ends the connection",
    options: { limits: { maxEventBytes: 1_000, maxFrameBytes: 3_000 } },
    async run(relay) {
      await using client = await relay.connect();
      const [ok, reason] = await client.publish(makeEvent({ content: "é".repeat(400) }));
      assertEquals([ok, reason], [false, "invalid: an event has at most 1000 bytes"]);
      assertEquals(await client.publish(makeEvent({ content: "e".repeat(400) })), [true, ""]);
      client.sendRaw(`["${"é".repeat(1_500)}"]`);
      assertMatch(String((await client.read())[1]), /at most 3000 bytes/);
      assertEquals((await client.closed).code, 1009);
    },
  },
  {
    name: "policy: an event is refused in the operator's words, before its signature is checked",
    options: {
      policy: ({ kind }) => kind === 1 ? "blocked: no notes here" : undefined,
      verify: ({ kind }) => {
        assertEquals(kind, 2);
        return true;
      },
    },
    async run(relay) {
      await using client = await relay.connect();
      assertEquals(await client.publish(makeEvent()), [false, "blocked: no notes here"]);
      assertEquals(await client.publish(makeEvent({ kind: 2 })), [true, ""]);
    },
  },
];

/** How a relay must behave. */
export const BEHAVIOURS: readonly Behaviour[] = [...NIP01, ...NIP09, ...NIP42, ...LIMITS];
