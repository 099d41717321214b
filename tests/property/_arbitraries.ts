/**
 * The random values that the property tests share.
 *
 * @module
 */
import fc from "fast-check";
import { schnorr } from "@noble/curves/secp256k1.js";
import type { EventTemplate } from "../../crypto/event.ts";

/** Private keys of the curve. */
export const privateKeys: fc.Arbitrary<Uint8Array> = fc
  .uint8Array({ minLength: 48, maxLength: 48 })
  .map((seed) => schnorr.utils.randomSecretKey(seed));

/** Texts of every kind: ASCII, all of Unicode, lone surrogates, control characters. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 30 })
    .map((units) => String.fromCharCode(...units)),
);

/** Events that have everything but an author. */
export const templates: fc.Arbitrary<EventTemplate> = fc.record({
  kind: fc.integer({ min: 0, max: 65_535 }),
  created_at: fc.integer({ min: 0, max: 4_294_967_295 }),
  tags: fc.array(fc.array(texts, { maxLength: 4 }), { maxLength: 4 }),
  content: texts,
});
