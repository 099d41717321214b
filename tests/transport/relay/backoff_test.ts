import { assert, assertEquals, assertThrows } from "@std/assert";
import { Backoff } from "../../../transport/relay/backoff.ts";

Deno.test("Backoff doubles its bound up to the greatest, and takes a random part", () => {
  const backoff = new Backoff({ initialMs: 100, maxMs: 350, random: () => 0.5 });
  assertEquals(Array.from({ length: 4 }, () => backoff.next()), [50, 100, 175, 175]);
  assertEquals(backoff.failures, 4);
});

Deno.test("Backoff starts anew only after what lasted", () => {
  const backoff = new Backoff({ initialMs: 100, maxMs: 400, random: () => 1 });
  backoff.next();
  assertEquals(backoff.next(399), 200);
  assertEquals(backoff.next(400), 100);
});

Deno.test("Backoff stays in its bounds for ever", () => {
  const backoff = new Backoff();
  for (let i = 0; i < 5_000; i++) {
    const delayMs = backoff.next();
    assert(delayMs >= 0 && delayMs <= 30_000);
  }
});

Deno.test("Backoff refuses bounds that make no sense", () => {
  for (const [initialMs, maxMs] of [[0, 1], [-1, 1], [2, 1], [NaN, 1]] as const) {
    assertThrows(() => new Backoff({ initialMs, maxMs }), RangeError);
  }
});
