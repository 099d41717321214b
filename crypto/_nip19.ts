/**
 * Reading the bech32 texts of NIP-19, and saying what is wrong with one without
 * repeating it, for it may be a private key in the wrong place.
 *
 * @module
 */
import { hexToBytes } from "@noble/hashes/utils.js";
import * as nip19 from "@nostr/tools/nip19";
import { isPublicKey } from "./_curve.ts";
import { isHex } from "./_hex.ts";
import { type ErrorCode, InputError } from "../errors.ts";

const KEY_BYTES = 32;

/** What a public text names: a key, and what came with it. */
export interface Pointer {
  /** The public key, 64 lower-case hex digits. */
  readonly pubkey: string;
  /** Relay URLs, as they stand there. */
  readonly relays: readonly string[];
  /** The kind that an naddr names. */
  readonly kind?: number;
  /** The `d` tag that an naddr names. */
  readonly identifier?: string;
}

/**
 * The public key that a text names, and what the text says besides.
 *
 * @throws {InputError} With the code that is given, when it names none.
 */
export function decodePointer(text: string, code: ErrorCode, noun: string): Pointer {
  const bare = text.trim().replace(/^nostr:/i, "");
  const pointer = readPointer(bare);
  if (pointer === undefined) throw new InputError(code, `Not a ${noun}: ${explain(bare)}`);
  if (!isHex(pointer.pubkey, KEY_BYTES) || !isPublicKey(hexToBytes(pointer.pubkey))) {
    throw new InputError(code, `Not a ${noun}: the key is not on secp256k1, so nobody can own it`);
  }
  return pointer;
}

/**
 * The 32 bytes of an `nsec`, in range or not.
 *
 * @throws {InputError} `KEY_INVALID` when it is none.
 */
export function decodePrivateKey(trimmed: string): Uint8Array {
  const prefix = bech32Prefix(trimmed);
  if (prefix === "ncryptsec") {
    throw privateKeyInvalid("an ncryptsec is one under a password (NIP-49)");
  }
  if (prefix !== undefined && prefix !== "nsec") {
    throw privateKeyInvalid(`an ${prefix} is public; give 64 hex digits or an nsec`);
  }
  const decoded = prefix === "nsec" ? decodeBech32(trimmed) : undefined;
  if (decoded?.type === "nsec" && decoded.data.length === KEY_BYTES) return decoded.data;
  throw privateKeyInvalid(
    prefix === "nsec"
      ? "the nsec is mistyped or cut off (its checksum or length is wrong)"
      : `expected 64 hex digits or an nsec, got ${trimmed.length} other characters`,
  );
}

function readPointer(bare: string): Pointer | undefined {
  if (isHex(bare.toLowerCase(), KEY_BYTES)) return { pubkey: bare.toLowerCase(), relays: [] };
  const decoded = decodeBech32(bare);
  switch (decoded?.type) {
    case "npub":
      return { pubkey: decoded.data, relays: [] };
    case "nprofile":
    case "naddr":
      return { ...decoded.data, relays: decoded.data.relays ?? [] };
    default:
      return undefined;
  }
}

function explain(bare: string): string {
  const prefix = bech32Prefix(bare);
  switch (prefix) {
    case "nsec":
    case "ncryptsec":
      return `that is a private key (${prefix}); keep it secret, and give the npub instead`;
    case "npub":
    case "nprofile":
    case "naddr":
      return `the ${prefix} is mistyped or cut off (its checksum or length is wrong)`;
    case undefined:
      return `expected 64 hex digits, an npub, an nprofile or an naddr, got ${bare.length} other characters`;
    default:
      return `a ${prefix} names an event; give 64 hex digits, an npub, an nprofile or an naddr`;
  }
}

function bech32Prefix(text: string): string | undefined {
  return /^(nsec|ncryptsec|npub|nprofile|naddr|nevent|note)1/.exec(text.toLowerCase())?.[1];
}

function decodeBech32(text: string): nip19.DecodedResult | undefined {
  try {
    return nip19.decode(text);
  } catch {
    // Dropped on purpose: the library's message repeats the text, and that may be a secret.
    return undefined;
  }
}

function privateKeyInvalid(reason: string): InputError {
  return new InputError("KEY_INVALID", `Not a private key: ${reason}`);
}
