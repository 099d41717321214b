import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { ReplayGuard } from "../../../transport/session/replay_guard.ts";

function guardAt(start: number, maxRememberedIds = 1000) {
  const clock = { now: start * 1000 };
  const guard = new ReplayGuard({ freshnessMs: 300_000, maxRememberedIds, now: () => clock.now });
  return { clock, guard };
}

Deno.test("F01: an event outside of the freshness window is stale, either way", () => {
  const { guard } = guardAt(1_000_000);
  assertEquals(guard.check("a", 1_000_000 - 301), "stale");
  assertEquals(guard.check("a", 1_000_000 + 301), "stale");
  assertEquals(guard.check("a", 1_000_000 - 299), "new");
  assertEquals(guard.check("a", 1_000_000 + 299), "new");
});

Deno.test("F01: an event is admitted once, for as long as it counts as fresh", () => {
  const { guard, clock } = guardAt(1_000_000);
  assertEquals(guard.admit("a", 1_000_200), "new");
  for (const now of [1_000_000, 1_000_299, 1_000_499]) {
    clock.now = now * 1000;
    guard.admit(`other ${now}`, now);
    assertEquals(guard.admit("a", 1_000_200), "seen");
  }
  clock.now = 1_000_502 * 1000;
  guard.admit("other", 1_000_502);
  assertEquals(guard.admit("a", 1_000_200), "stale");
});

Deno.test("F01: a flood of fresh ids makes nothing run twice", () => {
  const { guard } = guardAt(1_000_000, 50);
  assertEquals(guard.admit("victim", 1_000_000), "new");
  for (let i = 0; i < 500; i++) guard.admit(`flood ${i}`, 1_000_001 + (i % 200));
  assert(guard.size <= 50 + 1, `${guard.size} ids are remembered`);
  assert(guard.admit("victim", 1_000_000) !== "new");
});

Deno.test("F01: whatever the order of events and of the clock, no id is admitted twice", () => {
  const step = fc.record({
    id: fc.integer({ min: 0, max: 30 }),
    move: fc.integer({ min: -400, max: 400 }),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 300 }),
      fc.integer({ min: 1, max: 20 }),
      (steps, size) => {
        const { guard, clock } = guardAt(1_000_000, size);
        const admitted = new Set<number>();
        for (const { id, move } of steps) {
          clock.now += move * 1000;
          // An event's time is part of its id, so it is the same each time.
          const verdict = guard.admit(String(id), 1_000_000 + id * 20);
          if (verdict === "new") {
            assert(!admitted.has(id), `event ${id} was admitted twice`);
            admitted.add(id);
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});
