/**
 * Nostr events (NIP-01): their shape, their id, and whether they are genuine.
 *
 * @module
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { isHex } from "./_hex.ts";
import type { CryptoEngine } from "./engine.ts";
import { type KeyPair, openKeyPair } from "./_key_pair.ts";
import { pureEngine } from "./pure_engine.ts";
import { pureSymmetric, type SymmetricEngine } from "./symmetric.ts";

/** The largest kind that NIP-01 knows. */
const MAX_KIND = 65_535;

const encoder = new TextEncoder();

/** An event before it is signed (NIP-01). */
export interface EventTemplate {
  /** What the event is. */
  readonly kind: number;
  /** When it was made, in seconds since the epoch. */
  readonly created_at: number;
  /** Its tags, each a list of strings. */
  readonly tags: readonly (readonly string[])[];
  /** Its content. */
  readonly content: string;
}

/** An event that has an author but no signature yet: all that its id is made of. */
export interface UnsignedEvent extends EventTemplate {
  /** The author's public key, 64 lower-case hex digits. */
  readonly pubkey: string;
}

/** A signed event (NIP-01). */
export interface NostrEvent extends EventTemplate {
  /** SHA-256 of the event's canonical form, 64 lower-case hex digits. */
  readonly id: string;
  /** The author's public key, 64 lower-case hex digits. */
  readonly pubkey: string;
  /** The BIP-340 signature over `id`, 128 lower-case hex digits. */
  readonly sig: string;
}

/**
 * The canonical form of an event, whose SHA-256 is the event's id (NIP-01).
 *
 * @param event An event with its author; `id` and `sig` are not looked at.
 * @returns JSON without white space: `[0,pubkey,created_at,kind,tags,content]`.
 *
 * @example
 * ```ts
 * import { serializeEvent } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * const pubkey = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
 * assertEquals(
 *   serializeEvent({ pubkey, kind: 1, created_at: 1, tags: [["t", "x"]], content: "hi" }),
 *   `[0,"${pubkey}",1,1,[["t","x"]],"hi"]`,
 * );
 * ```
 */
export function serializeEvent(event: UnsignedEvent): string {
  const { pubkey, created_at, kind, tags, content } = event;
  return JSON.stringify([0, pubkey, created_at, kind, tags, content]);
}

/**
 * The id of an event, computed anew: an `id` that the event brings along is not
 * looked at.
 *
 * @param event An event with its author.
 * @returns SHA-256 of the canonical form, 64 lower-case hex digits.
 *
 * @example
 * ```ts
 * import { getEventId } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * const pubkey = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
 * const id = getEventId({ pubkey, kind: 1, created_at: 1, tags: [], content: "hi" });
 * assertEquals(id.length, 64);
 * ```
 */
export function getEventId(event: UnsignedEvent): string {
  return bytesToHex(hashEvent(event));
}

/**
 * Whether a value from anywhere has the shape of a signed event (NIP-01).
 * Strict: hex in lower case and of the right length, `kind` a whole number from
 * 0 to 65,535, `created_at` a whole number not below 0, tags that are lists of
 * strings. Says nothing about whether the event is genuine; that is
 * {@linkcode verifyEvent}, which costs far more.
 *
 * @param value Anything, such as parsed JSON.
 * @returns Whether it can be treated as an event.
 *
 * @example
 * ```ts
 * import { isNostrEvent } from "@cvm/toolkit/crypto";
 * import { assert } from "@std/assert";
 *
 * assert(!isNostrEvent({ kind: 1, content: "no author, no signature" }));
 * ```
 */
export function isNostrEvent(value: unknown): value is NostrEvent {
  if (typeof value !== "object" || value === null) return false;
  const event: Partial<Record<keyof NostrEvent, unknown>> = value;
  return isHex(event.id, 32) && isHex(event.pubkey, 32) && isHex(event.sig, 64) &&
    hasTemplateShape(event);
}

/**
 * Whether an event is genuine: its shape is right, its id is that of what it
 * holds, and its signature is its author's. Computes all of it on every call,
 * and neither changes the event nor remembers it. Never throws.
 *
 * @param event The event, as it came.
 * @param engine What checks the signature.
 * @returns Whether the author signed exactly this event.
 *
 * @example
 * ```ts
 * import { generateKey, signEvent, verifyEvent } from "@cvm/toolkit/crypto";
 * import { assert } from "@std/assert";
 *
 * const template = { kind: 1, created_at: 1_700_000_000, tags: [], content: "hello" };
 * const event = signEvent(template, generateKey());
 * assert(verifyEvent(event));
 * assert(!verifyEvent({ ...event, content: "good-bye" }));
 * ```
 */
export function verifyEvent(event: NostrEvent, engine: CryptoEngine = pureEngine): boolean {
  return verifyRest(event, { engine });
}

/** What has been found right of an event before it is verified: its shape, or its shape and its id. */
export type CheckedPart = "shape" | "id";

/** As {@linkcode verifyEvent}, without what has been checked. */
export function verifyRest(
  event: NostrEvent,
  { checked, engine = pureEngine }: {
    readonly checked?: CheckedPart;
    readonly engine?: CryptoEngine;
  },
): boolean {
  if (checked === undefined && !isNostrEvent(event)) return false;
  if (checked !== "id" && !hasOwnId(event, engine)) return false;
  return engine.verify(hexToBytes(event.sig), hexToBytes(event.id), hexToBytes(event.pubkey));
}

/** Whether the id of an event, whose shape is known to be right, is that of what it holds. */
export function hasOwnId(event: NostrEvent, engine: CryptoEngine = pureEngine): boolean {
  return bytesToHex(hashEvent(event, engine.symmetric)) === event.id;
}

/**
 * Signs an event with a private key that is at hand. Code that need not hold
 * the key takes a {@linkcode Signer} instead.
 *
 * @param template The event without author, id and signature. It is copied, tags included.
 * @param privateKey 32 bytes.
 * @param engine What signs.
 * @returns A new object with the seven fields of NIP-01 and no others.
 * @throws {TypeError} When the template has not the shape of an event.
 * @throws {RangeError} When the private key is not on the curve.
 *
 * @example
 * ```ts
 * import { signEvent } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * const privateKey = new Uint8Array(32).fill(1);
 * const event = signEvent({ kind: 1, created_at: 1, tags: [], content: "hello" }, privateKey);
 * assertEquals(event.pubkey, "1b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f");
 * ```
 */
export function signEvent(
  template: EventTemplate,
  privateKey: Uint8Array,
  engine: CryptoEngine = pureEngine,
): NostrEvent {
  checkTemplate(template);
  const pair = openKeyPair(privateKey, engine);
  try {
    return signEventAs(template, pair);
  } finally {
    pair.close();
  }
}

/** As {@linkcode signEvent}, with a key that is held ready. */
export function signEventAs(template: EventTemplate, keys: KeyPair): NostrEvent {
  const { pubkey, symmetric } = keys;
  checkTemplate(template);
  const { kind, created_at, content } = template;
  const tags = template.tags.map((tag) => [...tag]);
  const hash = hashEvent({ pubkey, kind, created_at, tags, content }, symmetric);
  const sig = bytesToHex(keys.sign(hash));
  return { id: bytesToHex(hash), pubkey, created_at, kind, tags, content, sig };
}

function hashEvent(event: UnsignedEvent, symmetric: SymmetricEngine = pureSymmetric): Uint8Array {
  return symmetric.sha256(encoder.encode(serializeEvent(event)));
}

function checkTemplate(template: EventTemplate): void {
  if (!hasTemplateShape(template)) {
    throw new TypeError(
      "An event to sign needs a kind (0 to 65535), created_at in whole seconds, tags that are lists of strings, and content",
    );
  }
}

function hasTemplateShape(event: Partial<Record<keyof EventTemplate, unknown>>): boolean {
  return isWhole(event.kind, MAX_KIND) && isWhole(event.created_at, Number.MAX_SAFE_INTEGER) &&
    typeof event.content === "string" && isListOf(event.tags, isTag);
}

function isWhole(value: unknown, max: number): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max;
}

function isTag(tag: unknown): boolean {
  return isListOf(tag, (item) => typeof item === "string");
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  if (!Array.isArray(value)) return false;
  // Not every(), which skips the holes of a sparse array.
  for (const item of value) {
    if (!isItem(item)) return false;
  }
  return true;
}
