import { assertEquals } from "@std/assert";
import { parsePrices } from "../../../transport/wire/prices.ts";

Deno.test("parsePrices() reads fixed prices and ranges, and leaves out what is neither", () => {
  const cases: readonly (readonly [string[], string | undefined])[] = [
    [["cap", "tool:x", "5", "sats"], "tool x 5-5 sats"],
    [["cap", "prompt:x", "5-9", "sats"], "prompt x 5-9 sats"],
    [["cap", "resource:test://a:b", "0.5", "usd"], "resource test://a:b 0.5-0.5 usd"],
    [["cap", "tool:x", "9-5", "sats"], undefined],
    [["cap", "tool:x", "-5", "sats"], undefined],
    [["cap", "tool:x", "1e3", "sats"], undefined],
    [["cap", "tool:x", "9".repeat(400), "sats"], undefined],
    [["cap", "tool:x", "", "sats"], undefined],
    [["cap", "tool:x", "5"], undefined],
    [["cap", "server:x", "5", "sats"], undefined],
    [["cap"], undefined],
    [["price", "tool:x", "5", "sats"], undefined],
  ];
  for (const [tag, expected] of cases) {
    const read = parsePrices([tag]).map(({ kind, name, min, max, unit }) =>
      `${kind} ${name} ${min}-${max} ${unit}`
    );
    assertEquals(read, expected === undefined ? [] : [expected], JSON.stringify(tag));
  }
});

Deno.test("parsePrices() takes the first price of a capability, and 1,000 prices at most", () => {
  const twice = parsePrices([["cap", "tool:x", "5", "sats"], ["cap", "tool:x", "6", "sats"]]);
  assertEquals(twice.map(({ max }) => max), [5]);
  const many = Array.from({ length: 1_100 }, (_, index) => ["cap", `tool:${index}`, "1", "sats"]);
  assertEquals(parsePrices(many).length, 1_000);
});
