/**
 * Events, filters, subscriptions (NIP-01).
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { alice, type Behaviour, bob, byId, ids, readRefusal } from "./_behaviour.ts";
import { BOB, makeEvent, nowSeconds } from "./client.ts";

/** Events, filters, subscriptions (NIP-01). */
export const NIP01: readonly Behaviour[] = [
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
