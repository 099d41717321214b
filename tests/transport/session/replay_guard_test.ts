import fc from "fast-check";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ReplayGuard, type ReplayMemory } from "../../../transport/session/replay_guard.ts";

function guardAt(start: number, maxRememberedIds = 1000, memory?: ReplayMemory) {
  const clock = { now: start * 1000 };
  const now = () => clock.now;
  const guard = new ReplayGuard({ freshnessMs: 300_000, maxRememberedIds, now, memory });
  return { clock, guard };
}

/** What a file would keep. */
class KeptInMemory implements ReplayMemory {
  readonly kept = new Map<string, number>();
  floor: number | undefined;

  load() {
    return { floor: this.floor, events: [...this.kept] };
  }

  add(id: string, createdAt: number): void {
    this.kept.set(id, createdAt);
  }

  forget(floor: number): void {
    this.floor = floor;
    for (const [id, createdAt] of this.kept) if (createdAt <= floor) this.kept.delete(id);
  }
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

Deno.test("F01: what ran in an earlier life does not run again, and what a slow clock sends does", () => {
  const memory = new KeptInMemory();
  guardAt(1_000_000, 1000, memory).guard.admit("ran", 1_000_000 - 200);
  const { guard } = guardAt(1_000_001, 1000, memory);
  assertEquals(guard.admit("ran", 1_000_000 - 200), "seen");
  assertEquals(guard.admit("slow clock", 1_000_000 - 200), "new");
});

Deno.test("F01: what a memory had no room for stays refused in the next life", () => {
  const memory = new KeptInMemory();
  const { guard } = guardAt(1_000_000, 10, memory);
  for (let i = 0; i < 30; i++) guard.admit(`${i}`, 1_000_000 + i);
  assert(memory.kept.size <= 10, `${memory.kept.size} ids are kept`);
  const next = guardAt(1_000_000, 5, memory).guard;
  assert(memory.kept.size <= 5, `${memory.kept.size} ids are kept`);
  for (let i = 0; i < 30; i++) assert(next.admit(`${i}`, 1_000_000 + i) !== "new");
});

Deno.test("F01: an event that can't be kept does not run", () => {
  const full: ReplayMemory = {
    load: () => ({ events: [] }),
    add: () => {
      throw new Error("the disk is full");
    },
    forget: () => {},
  };
  const { guard } = guardAt(1_000_000, 1000, full);
  assertThrows(() => guard.admit("a", 1_000_000), Error, "the disk is full");
});

Deno.test("F01: a clock that was far ahead once keeps nobody out for longer than twice the window", () => {
  const memory = new KeptInMemory();
  const { guard, clock } = guardAt(2_000_000, 1000, memory);
  guard.admit("a", 2_000_000);
  clock.now += 700_000;
  guard.admit("b", 2_000_700);
  assertEquals(memory.floor, 2_000_000);
  const next = guardAt(1_000_000, 1000, memory);
  assertEquals(next.guard.admit("c", 1_000_000), "stale");
  next.clock.now += 301_000;
  assertEquals(next.guard.admit("d", 1_000_301), "new");
});
