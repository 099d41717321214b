/**
 * Deletions (NIP-09).
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { alice, type Behaviour, bob, ids } from "./_behaviour.ts";
import { ALICE, BOB, makeEvent, nowSeconds } from "./client.ts";

/** Deletions (NIP-09). */
export const NIP09: readonly Behaviour[] = [
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
