import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SqliteEventStore } from "../../cli/relay/mod.ts";
import type { NostrEvent } from "../../crypto/event.ts";
import type { Filter } from "../../transport/relay/filter.ts";
import { matchFilter } from "../../transport/relay/filter.ts";
import { MemoryEventStore, RelayEngine } from "../../transport/testing/mod.ts";
import { compareNewestFirst } from "../../transport/testing/store.ts";

/** A few values each, so that events and filters meet. */
const key = fc.constantFrom("a", "b", "c").map((digit) => digit.repeat(64));
const id = fc.integer({ min: 0, max: 40 }).map((n) => n.toString(16).padStart(64, "0"));
const kind = fc.constantFrom(1, 5, 5, 10002, 30000, 30000, 1059);
const time = fc.integer({ min: 0, max: 12 });
const tag = fc.oneof(
  fc.tuple(fc.constantFrom("e"), id),
  fc.tuple(fc.constant("a"), fc.constantFrom(10002, 30000), key, fc.constantFrom("", "x"))
    .map(([name, of, author, d]) => [name, `${of}:${author}:${d}`]),
  fc.tuple(fc.constant("d"), fc.constantFrom("", "x", "x:y")),
  fc.tuple(fc.constant("p"), key),
  fc.constantFrom(["d"], [], ["long", "x"], ["t", "1", "2"], ["", "x"]),
);

const event: fc.Arbitrary<NostrEvent> = fc.record({
  id,
  pubkey: key,
  kind,
  created_at: time,
  tags: fc.array(tag, { maxLength: 3 }),
  content: fc.constant(""),
  sig: fc.constant("0".repeat(128)),
}, { noNullPrototype: true });

const filter: fc.Arbitrary<Filter> = fc.record({
  ids: fc.array(id, { maxLength: 5 }),
  authors: fc.array(key, { maxLength: 2 }),
  kinds: fc.array(kind, { maxLength: 3 }),
  since: time,
  until: time,
  limit: fc.integer({ min: 0, max: 5 }),
  "#p": fc.array(key, { maxLength: 2 }),
  "#d": fc.array(fc.constantFrom("", "x"), { maxLength: 2 }),
  "#t": fc.array(fc.constantFrom("1", "2"), { maxLength: 2 }),
}, { requiredKeys: [], noNullPrototype: true });

Deno.test("MemoryEventStore and SqliteEventStore do the same with any events and filters", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { maxLength: 40 }),
      fc.array(fc.array(filter, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
      fc.constantFrom(1000, 5),
      async (events, queries, maxEvents) => {
        const memory = new MemoryEventStore({ maxEvents });
        const sqlite = await SqliteEventStore.open(":memory:", { maxEvents });
        try {
          for (const each of events) {
            assertEquals(sqlite.add(each), memory.add(each));
            assertEquals(sqlite.size, memory.size);
          }
          for (const filters of [[{}], ...queries]) {
            assertEquals(sqlite.query(filters, 10), memory.query(filters, 10));
          }
        } finally {
          sqlite.close();
        }
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("MemoryEventStore.query() finds what a search through everything finds", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), filter, (events, wanted) => {
      const store = new MemoryEventStore();
      for (const each of events) store.add(each);
      const all = store.query([{}], 1000);
      const expected = all.filter((each) => matchFilter(wanted, each))
        .sort(compareNewestFirst).slice(0, wanted.limit ?? 1000);
      assertEquals(store.query([wanted], 1000), expected);
    }),
    { numRuns: 300 },
  );
});

Deno.test("RelayEngine delivers a live event to exactly the subscriptions whose filters match", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(filter, { minLength: 1, maxLength: 3 }), { maxLength: 8 }),
      fc.array(event, { maxLength: 10 }),
      fc.array(fc.integer({ min: 0, max: 7 })),
      (subscriptions, events, closed) => {
        using engine = new RelayEngine({ verify: () => true });
        const received: unknown[] = [];
        const connection = engine.connect((frame) => {
          const [type, name] = JSON.parse(frame);
          if (type === "EVENT") received.push(name);
        });
        subscriptions.forEach((filters, index) =>
          connection.receive(JSON.stringify(["REQ", `${index}`, ...filters]))
        );
        for (const index of closed) connection.receive(JSON.stringify(["CLOSE", `${index}`]));
        for (const each of events) {
          received.length = 0;
          engine.deliver(each);
          const expected = subscriptions.flatMap((filters, index) =>
            !closed.includes(index) && filters.some((one) => matchFilter(one, each))
              ? [`${index}`]
              : []
          );
          assertEquals(received.sort(), expected);
        }
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("RelayEngine survives any frame: it answers or stays silent, and goes on", () => {
  const value = fc.oneof(fc.json().map((text) => JSON.parse(text)), event, filter, id);
  const frame = fc.oneof(
    fc.string(),
    fc.json(),
    fc.tuple(fc.constantFrom("EVENT", "REQ", "CLOSE", "AUTH", "COUNT"), value)
      .map((message) => JSON.stringify(message)),
    fc.tuple(fc.constant("REQ"), fc.string(), fc.array(value))
      .map(([type, name, values]) => JSON.stringify([type, name, ...values])),
    fc.tuple(
      fc.constantFrom("EVENT", "AUTH"),
      event,
      fc.dictionary(
        fc.constantFrom("id", "kind", "tags", "pubkey", "created_at", "__proto__"),
        value,
      ),
    ).map(([type, genuine, changes]) => JSON.stringify([type, { ...genuine, ...changes }])),
  );
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 20 }),
      fc.constantFrom<(boolean | "1059")[]>(false, true, "1059"),
      (frames, requireAuth) => {
        const sent: unknown[] = [];
        using engine = new RelayEngine({ requireAuth, verify: () => true });
        const connection = engine.connect((each) => sent.push(JSON.parse(each)));
        for (const each of frames) connection.receive(each);
        connection.receive('["alive?"]');
        const last = sent.at(-1);
        assert(Array.isArray(last) && last[0] === "NOTICE" && String(last[1]).includes("alive?"));
      },
    ),
    { numRuns: 500 },
  );
});
