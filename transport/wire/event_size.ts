/**
 * How large an event will be, before it is signed or encrypted, and what it takes in memory.
 *
 * @module
 */
import { payloadLength } from "../../crypto/nip44.ts";
import type { EventTemplate, NostrEvent } from "../../crypto/event.ts";

const encoder = new TextEncoder();

/** `"id":"…64…",` `"pubkey":"…64…",` `,"sig":"…128…"`. */
const SIGNED_FIELDS_BYTES = 72 + 76 + 137;

/** A gift wrap without its payload: `{"kind":21059,"created_at":1700000000,"tags":[["p","…64…"]],"content":""}`, signed. */
const WRAP_FIELDS_BYTES = SIGNED_FIELDS_BYTES + 69 + 64;

/** The largest event where relays do not say that they take larger ones: the stock limit of strfry. */
export const DEFAULT_MAX_EVENT_BYTES = 65_536;
/** The largest event that peers read, whatever relays take (`limits.maxEventBytes` by default). */
export const MAX_EVENT_BYTES = 1_048_576;
/** The frame around an event: `["EVENT",…]`. */
export const EVENT_FRAME_BYTES = 10;

/** The number of UTF-8 bytes of a text. */
export function utf8Length(text: string): number {
  return encoder.encode(text).byteLength;
}

/** The size in bytes of the JSON text of an event, once it is signed. */
export function signedEventBytes(template: EventTemplate): number {
  return utf8Length(JSON.stringify(template)) + SIGNED_FIELDS_BYTES;
}

/** What JSON puts around a tag, or one of its items, and behind it. */
const ITEM_BYTES = 3;
/** A bound for the numbers of an event and the names of its fields, as JSON. */
const FIELDS_BYTES = 128;
/** The most bytes that JSON makes of a UTF-16 code unit: an escape such as backslash, u, 0, 0, 0, 1. */
const MAX_UNIT_BYTES = 6;

/**
 * Whether an event surely fits, by the lengths of its texts: nothing is
 * serialized. False for what may fit all the same.
 *
 * @param template An event about to be signed.
 * @param maxBytes What {@linkcode signedEventBytes} may be.
 */
export function surelyFits({ content, tags }: EventTemplate, maxBytes: number): boolean {
  let units = content.length;
  let bytes = SIGNED_FIELDS_BYTES + FIELDS_BYTES;
  for (const tag of tags) {
    bytes += ITEM_BYTES * (1 + tag.length);
    for (const item of tag) units += item.length;
  }
  return bytes + MAX_UNIT_BYTES * units <= maxBytes;
}

/** The size in bytes of a gift wrap around so many bytes. */
export function wrapBytes(plaintextBytes: number): number {
  return WRAP_FIELDS_BYTES + payloadLength(plaintextBytes);
}

/** The largest plaintext that older NIP-44 implementations decrypt, in bytes. */
const MAX_WRAPPED_BYTES = 65_534;

/**
 * The opposite of {@linkcode wrapBytes}.
 *
 * @param eventBytes How large a gift wrap may be.
 * @returns The largest plaintext that one of that size holds, in bytes; 0 when none fits.
 */
export function wrappedBytes(eventBytes: number): number {
  let fits = 0;
  let tooMuch = MAX_WRAPPED_BYTES + 1;
  while (tooMuch - fits > 1) {
    const middle = Math.floor((fits + tooMuch) / 2);
    if (wrapBytes(middle) <= eventBytes) fits = middle;
    else tooMuch = middle;
  }
  return fits;
}

/** What an event takes beside its texts, and a tag or an item of one beside its own, in bytes. */
const EVENT_WEIGHT = 512;
const TAG_WEIGHT = 16;

/** What keeping an event in memory takes, in bytes, roughly: nothing is serialized for it. */
export function eventWeight({ content, tags }: NostrEvent): number {
  let bytes = EVENT_WEIGHT + content.length;
  for (const tag of tags) {
    bytes += TAG_WEIGHT;
    for (const item of tag) bytes += TAG_WEIGHT + item.length;
  }
  return bytes;
}
