/**
 * How large an event will be, before it is signed or encrypted.
 *
 * @module
 */
import type { EventTemplate } from "../../crypto/event.ts";

const encoder = new TextEncoder();

/** `"id":"…64…","pubkey":"…64…","sig":"…128…"` and the commas that join them. */
const SIGNED_FIELDS_BYTES = 72 + 76 + 136;

/** `{"kind":21059,"created_at":…,"tags":[["p","…64…"]],"content":"…"}` around the payload. */
const WRAP_FIELDS_BYTES = SIGNED_FIELDS_BYTES + 128;

/** Version byte, nonce and MAC of a NIP-44 payload. */
const NIP44_OVERHEAD_BYTES = 1 + 32 + 32;

/** The number of UTF-8 bytes of a text. */
export function utf8Length(text: string): number {
  return encoder.encode(text).byteLength;
}

/** The size in bytes of the JSON text of an event, once it is signed. */
export function signedEventBytes(template: EventTemplate): number {
  return utf8Length(JSON.stringify(template)) + SIGNED_FIELDS_BYTES;
}

/** The padded length of a NIP-44 plaintext (NIP-44, "padding"). */
export function paddedLength(plaintextBytes: number): number {
  if (plaintextBytes <= 32) return 32;
  const nextPower = 2 ** (Math.floor(Math.log2(plaintextBytes - 1)) + 1);
  const chunk = nextPower <= 256 ? 32 : nextPower / 8;
  return chunk * (Math.floor((plaintextBytes - 1) / chunk) + 1);
}

/** An upper bound, tight to a few bytes, of the size of a gift wrap around so many bytes. */
export function wrapBytes(plaintextBytes: number): number {
  const prefix = plaintextBytes > 65_535 ? 6 : 2;
  const payload = NIP44_OVERHEAD_BYTES + prefix + paddedLength(plaintextBytes);
  return WRAP_FIELDS_BYTES + 4 * Math.ceil(payload / 3);
}
