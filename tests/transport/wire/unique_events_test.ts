import { assertEquals } from "@std/assert";
import { generateKey, getEventId, signEvent } from "../../../crypto/mod.ts";
import { randomSalt, UniqueEvents } from "../../../transport/wire/unique_events.ts";

Deno.test("F19: five equal messages inside one second get five event ids", () => {
  const unique = new UniqueEvents();
  const key = generateKey();
  const template = { kind: 25910, created_at: 1_700_000_000, tags: [["p", "x"]], content: "{}" };
  const ids = Array.from({ length: 5 }, () => signEvent(unique.stamp(template), key).id);
  assertEquals(new Set(ids).size, 5);
});

Deno.test("F19: two programs with one key make different events", () => {
  const template = { kind: 25910, created_at: 1, tags: [], content: "{}" };
  const tags = [randomSalt(), randomSalt()].map((salt) =>
    new UniqueEvents(salt).stamp(template).tags
  );
  assertEquals(JSON.stringify(tags[0]) === JSON.stringify(tags[1]), false);
});

Deno.test("UniqueEvents.stamp() leaves an event alone that is the first of its second", () => {
  const unique = new UniqueEvents();
  const template = { kind: 25910, created_at: 1, tags: [], content: "{}" };
  assertEquals(unique.stamp(template), template);
  assertEquals(unique.stamp({ ...template, created_at: 2 }), { ...template, created_at: 2 });
  const pubkey = "0".repeat(64);
  const again = unique.stamp({ ...template, created_at: 2 });
  assertEquals(
    getEventId({ ...again, pubkey }) === getEventId({ ...template, created_at: 2, pubkey }),
    false,
  );
});

Deno.test("UniqueEvents.stamp() tells events of one content apart by kind and tags", () => {
  const unique = new UniqueEvents();
  const event = (kind: number, to: string) => ({
    kind,
    created_at: 1,
    tags: [["p", to]],
    content: "",
  });
  const salts = [
    event(25910, "a"),
    event(25910, "b"),
    event(1, "a"),
    event(25910, "a"),
    event(25910, "b"),
    event(25910, "a"),
  ].map((template) => unique.stamp(template).tags[1]?.[1]);
  assertEquals(salts, [undefined, undefined, undefined, "1", "1", "2"]);
});
