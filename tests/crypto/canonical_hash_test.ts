import { assertEquals, assertThrows } from "@std/assert";
import { canonicalHash, invocationHash } from "../../crypto/mod.ts";

/** What `@contextvm/sdk` and the Rust SDK agree on: the parameters as JSON text, and the hash. */
const INVOCATIONS: readonly (readonly [string, string | undefined, string])[] = [
  [
    "tools/call",
    '{"name":"get_weather","arguments":{"location":"New York"}}',
    "0595375815c8e42e3b4194f4543fc3462fd727991da55541ad7f7457579d7391",
  ],
  ["tools/list", undefined, "f654d5ee0d49bf20f53553615014c8920362d1454154e377aa5e598b2b0e0561"],
  ["tools/list", "{}", "6e62c4a988ed6bb3a19c350ac8a6797a8dad59f3152cfce71e4caf16dc452255"],
  [
    "tools/call",
    '{"nested":{"z":1,"y":2,"x":3},"arr":[1,2,3]}',
    "05e0ad7fcb584cf7ea05d3b9a8f1a1fc067c50cd6d81adb4bd367ad9f7ec7eb4",
  ],
  [
    "tools/call",
    '{"text":"Hello 🌍"}',
    "2864f7901c6105cc59219f8d81b6b4997eef396d507af71686ea7b12b586b0e2",
  ],
  ["tools/call", "null", "0d42502f6ed2dab6f9ae9c3c6131a56816f0f195824f7899a2566e81fc979003"],
  ["tools/call", undefined, "8cd110067dc76f633f8f32c07f220feb0170ac161b319a7ba13310841149291c"],
  ["tools/call", "[1,2,3]", "fb3859bf91987205e00a12541b8e4847a1bbd2e257a62102f601c60a85d5a212"],
  [
    "tools/call",
    '{"name":"add","arguments":{"a":1,"b":2},"_meta":{"progressToken":999}}',
    "3d51151b6b6d37c9dbbfa39532bb68d51bf3d9a8a6763437ab179648a6f565ff",
  ],
  [
    "tools/call",
    '{"arguments":{"_meta":{"x":1},"v":2}}',
    "1cdfa2ae53c33b826fa76d914e50b9abc7776969d654c4b3b4a095cc2d93d00a",
  ],
  ["tools/call", '{"n":1e21}', "aa16c58271530ce25a69a8c868dc444c9eee4623528dc1331327b37cb37dba26"],
  ["tools/call", '{"n":-0}', "da8255fe76c001d56df2a3fd1851201cd1fa43044ccbdd591009d8eb621aceb0"],
  [
    "tools/call",
    '{"n":5e-324}',
    "19f119565ce4483474f1a349664e4d43200f7c4a07791d79a56ca68dfe3d5e71",
  ],
  [
    "tools/call",
    '{"s":"\\"\\\\/\\n\\t\\r\\b\\f\\u0000\\u001f\x7f"}',
    "c80c69ad921d69b746acbcda458e57933b6ebc68d31f3a9aa458f3ac9e8fc279",
  ],
];

Deno.test("invocationHash() agrees with the published vectors", () => {
  for (const [method, params, hash] of INVOCATIONS) {
    const parsed = params === undefined ? undefined : JSON.parse(params);
    assertEquals(invocationHash(method, parsed), hash, `${method} ${params}`);
  }
});

Deno.test("canonicalHash() does not depend on the order of keys, and takes undefined for absent", () => {
  const hash = canonicalHash({ a: 1, b: { c: [1, null], d: "x" } });
  assertEquals(canonicalHash({ b: { d: "x", c: [1, null], e: undefined }, a: 1 }), hash);
});

Deno.test("canonicalHash() refuses what has no JSON form", () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  for (const value of [undefined, { f: () => 1 }, [Symbol("s")], { n: 1n }, [NaN], "\ud800"]) {
    assertThrows(() => canonicalHash(value), TypeError);
  }
  assertThrows(() => canonicalHash({ "\udc00": 1 }), TypeError);
  assertThrows(() => canonicalHash(circular), RangeError, "too deeply");
});

Deno.test("canonicalHash() keeps to its bounds", () => {
  const deep: unknown = JSON.parse("[".repeat(128) + "]".repeat(128));
  assertEquals(canonicalHash(deep).length, 64);
  assertThrows(() => canonicalHash([deep]), RangeError, "too deeply");
  assertThrows(() => canonicalHash(deep, { maxDepth: 127 }), RangeError, "too deeply");
  const hostile: unknown = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
  assertThrows(() => canonicalHash(hostile), RangeError, "too deeply");
  assertEquals(canonicalHash(["abc"], { maxSize: 5 }).length, 64);
  assertThrows(() => canonicalHash(["abc"], { maxSize: 4 }), RangeError, "too large");
  assertThrows(() => canonicalHash({ abc: 1 }, { maxSize: 4 }), RangeError, "too large");
});
