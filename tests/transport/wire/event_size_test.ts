import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { generateKey, PrivateKeySigner, signEvent, wrapEvent } from "../../../crypto/mod.ts";
import {
  signedEventBytes,
  surelyFits,
  utf8Length,
  wrapBytes,
  wrappedBytes,
} from "../../../transport/wire/event_size.ts";

Deno.test("signedEventBytes() is the exact size of the signed event", () => {
  const key = generateKey();
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.array(fc.array(fc.string())),
      (content, tags) => {
        const template = { kind: 25910, created_at: 1_700_000_000, tags, content };
        const signed = signEvent(template, key);
        const bytes = signedEventBytes(template);
        assertEquals(bytes, utf8Length(JSON.stringify(signed)));
        assert(!surelyFits(template, bytes - 1), "what does not fit is never said to");
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("surelyFits() knows small events, and is wrong about none that only just fits", () => {
  const event = (size: number, text: string) => ({
    kind: 65_535,
    created_at: Number.MAX_SAFE_INTEGER,
    tags: Array.from({ length: size }, () => []),
    content: text.repeat(size),
  });
  for (const text of ["x", "\u0001", "€", "\ud800", '"']) {
    assert(surelyFits(event(500, text), 6_000), JSON.stringify(text));
    const tight = event(500, text);
    assert(!surelyFits(tight, signedEventBytes(tight) - 1), JSON.stringify(text));
  }
});

Deno.test("wrapBytes() is the exact size of the gift wrap", async () => {
  const recipient = await PrivateKeySigner.generate().getPublicKey();
  const key = generateKey();
  for (const size of [0, 1, 500, 9_000, 40_000, 64_000]) {
    const inner = signEvent(
      { kind: 25910, created_at: 1_700_000_000, tags: [], content: "x".repeat(size) },
      key,
    );
    const predicted = wrapBytes(utf8Length(JSON.stringify(inner)));
    const real = utf8Length(JSON.stringify(wrapEvent(inner, recipient, { kind: 21059 })));
    assert(predicted === real, `${predicted} for ${real}`);
  }
});

Deno.test("wrappedBytes() is the largest plaintext whose wrap fits", () => {
  for (const size of [600, 5_000, 65_526, 80_000]) {
    const fits = wrappedBytes(size);
    assert(wrapBytes(fits) <= size && wrapBytes(fits + 1) > size, `${fits} for ${size}`);
  }
  assertEquals(wrappedBytes(65_536 - 10), 40_960);
  assertEquals(wrappedBytes(10_000_000), 65_534, "older NIP-44 implementations read no more");
  assertEquals(wrappedBytes(300), 0);
});

Deno.test("F40: the largest wrap for a stock relay has 40,960 bytes of plaintext", () => {
  assert(wrapBytes(40_960) <= 65_536 - 10);
  assert(wrapBytes(40_961) > 65_536 - 10);
});
