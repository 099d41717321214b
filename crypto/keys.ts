/**
 * Keys and server addresses as people write them: hex and the bech32 forms of
 * NIP-19.
 *
 * No error of this module repeats what it was given, for that may be a private
 * key in the wrong place.
 *
 * @module
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import * as nip19 from "@nostr/tools/nip19";
import { isPrivateKey } from "./_curve.ts";
import { isHex } from "./_hex.ts";
import { decodePointer, decodePrivateKey } from "./_nip19.ts";
import type { CryptoEngine } from "./engine.ts";
import { pureEngine } from "./pure_engine.ts";
import { InputError } from "../errors.ts";

const KEY_BYTES = 32;
/** The longest relay URL that NIP-19 has room for, in bytes. */
const MAX_RELAY_BYTES = 255;
/** The kinds of ContextVM's announcements (CEP-6), one of which a server's naddr names. */
const FIRST_ANNOUNCEMENT_KIND = 11_316;
const LAST_ANNOUNCEMENT_KIND = 11_320;

/** What a server's address says: who it is, and where it might be met. */
export interface ServerAddress {
  /** The server's public key, 64 lower-case hex digits. */
  readonly pubkey: string;
  /** The relay URLs that the address carries, as they stand in it, each once; often none. */
  readonly relays: readonly string[];
}

/**
 * A new private key.
 *
 * @param engine What makes it.
 * @returns 32 bytes from a secure source of randomness.
 *
 * @example
 * ```ts
 * import { formatNsec, generateKey, parsePrivateKey } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * const privateKey = generateKey();
 * assertEquals(parsePrivateKey(formatNsec(privateKey)), privateKey);
 * ```
 */
export function generateKey(engine: CryptoEngine = pureEngine): Uint8Array {
  return engine.generatePrivateKey();
}

/**
 * The public key of a private key.
 *
 * @param privateKey 32 bytes.
 * @param engine What computes it.
 * @returns 64 lower-case hex digits.
 * @throws {RangeError} When the private key is not on the curve.
 *
 * @example
 * ```ts
 * import { getPublicKey } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   getPublicKey(new Uint8Array(32).fill(1)),
 *   "1b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f",
 * );
 * ```
 */
export function getPublicKey(privateKey: Uint8Array, engine: CryptoEngine = pureEngine): string {
  return bytesToHex(engine.getPublicKey(privateKey));
}

/**
 * Reads a private key.
 *
 * @param text 64 hex digits of either case, or an `nsec`; white space around it is dropped.
 * @returns 32 bytes.
 * @throws {InputError} `KEY_INVALID` when it is no private key. The message does not repeat it.
 *
 * @example
 * ```ts
 * import { parsePrivateKey } from "@cvm/toolkit/crypto";
 * import { InputError } from "@cvm/toolkit/errors";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(parsePrivateKey("01".repeat(32)), new Uint8Array(32).fill(1));
 * assertThrows(() => parsePrivateKey("00".repeat(32)), InputError, "zero");
 * ```
 */
export function parsePrivateKey(text: string): Uint8Array {
  const trimmed = text.trim();
  const key = isHex(trimmed.toLowerCase(), KEY_BYTES)
    ? hexToBytes(trimmed.toLowerCase())
    : decodePrivateKey(trimmed);
  if (!isPrivateKey(key)) {
    throw new InputError(
      "KEY_INVALID",
      "The private key is out of range: zero, or not below the order of secp256k1",
    );
  }
  return key;
}

/**
 * Reads a public key.
 *
 * @param text 64 hex digits of either case, an `npub`, an `nprofile` or an
 * `naddr`; `nostr:` before it and white space around it are dropped.
 * @returns 64 lower-case hex digits.
 * @throws {InputError} `KEY_INVALID` when it is no public key, not one of the
 * curve, or a private key (`nsec`).
 *
 * @example
 * ```ts
 * import { parsePublicKey } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   parsePublicKey("npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"),
 *   "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e",
 * );
 * ```
 */
export function parsePublicKey(text: string): string {
  return decodePointer(text, "KEY_INVALID", "public key").pubkey;
}

/**
 * Reads the address of a ContextVM server.
 *
 * @param text The server's public key as 64 hex digits of either case or as an
 * `npub`; or an `nprofile`, or the `naddr` of one of its announcements (kinds
 * 11316 to 11320), which may carry relays. `nostr:` before it and white space
 * around it are dropped.
 * @returns The public key and the relays. Those are not checked: anybody may have written them.
 * @throws {InputError} `SERVER_INVALID` when it names no server, names something else, or is
 * a private key (`nsec`).
 *
 * @example
 * ```ts
 * import { formatNprofile, parseServerAddress } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * const pubkey = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e";
 * const address = formatNprofile(pubkey, ["wss://relay.example"]);
 * assertEquals(parseServerAddress(address), { pubkey, relays: ["wss://relay.example"] });
 * assertEquals(parseServerAddress(pubkey), { pubkey, relays: [] });
 * ```
 */
export function parseServerAddress(text: string): ServerAddress {
  const { pubkey, relays, kind, identifier } = decodePointer(text, "SERVER_INVALID", "server");
  if (kind !== undefined && (kind < FIRST_ANNOUNCEMENT_KIND || kind > LAST_ANNOUNCEMENT_KIND)) {
    throw new InputError(
      "SERVER_INVALID",
      `The naddr is of kind ${kind}, which announces no ContextVM server: kinds ${FIRST_ANNOUNCEMENT_KIND} to ${LAST_ANNOUNCEMENT_KIND} do`,
    );
  }
  if (identifier !== undefined && identifier !== "") {
    throw new InputError(
      "SERVER_INVALID",
      "The naddr has an identifier (d tag), and the announcements of a ContextVM server have none",
    );
  }
  return { pubkey, relays: [...new Set(relays)] };
}

/**
 * A public key as an `npub` (NIP-19).
 *
 * @param pubkey 64 lower-case hex digits.
 * @returns The `npub`.
 * @throws {TypeError} When it is not 64 lower-case hex digits; {@linkcode parsePublicKey} reads other forms.
 *
 * @example
 * ```ts
 * import { formatNpub } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   formatNpub("7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"),
 *   "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg",
 * );
 * ```
 */
export function formatNpub(pubkey: string): string {
  checkPubkey(pubkey);
  return nip19.npubEncode(pubkey);
}

/**
 * A private key as an `nsec` (NIP-19). Whoever reads it has the key.
 *
 * @param privateKey 32 bytes.
 * @returns The `nsec`.
 * @throws {RangeError} When the private key is not on the curve.
 *
 * @example
 * ```ts
 * import { formatNsec } from "@cvm/toolkit/crypto";
 * import { assert } from "@std/assert";
 *
 * assert(formatNsec(new Uint8Array(32).fill(1)).startsWith("nsec1"));
 * ```
 */
export function formatNsec(privateKey: Uint8Array): string {
  if (!isPrivateKey(privateKey)) {
    throw new RangeError("The private key is not 32 bytes between 1 and the order of secp256k1");
  }
  return nip19.nsecEncode(privateKey);
}

/**
 * A public key and the relays where it is met as an `nprofile` (NIP-19).
 *
 * @param pubkey 64 lower-case hex digits.
 * @param relays Relay URLs, at most 255 bytes each.
 * @returns The `nprofile`.
 * @throws {TypeError} When `pubkey` is not 64 lower-case hex digits.
 * @throws {InputError} `RELAY_URL_INVALID` when a relay's URL or all of them together are too
 * long for NIP-19.
 *
 * @example
 * ```ts
 * import { formatNprofile, parsePublicKey } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * const pubkey = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e";
 * assertEquals(parsePublicKey(formatNprofile(pubkey, ["wss://relay.example"])), pubkey);
 * ```
 */
export function formatNprofile(pubkey: string, relays: readonly string[]): string {
  checkPubkey(pubkey);
  const encoder = new TextEncoder();
  const tooLong = relays.find((url) => encoder.encode(url).length > MAX_RELAY_BYTES);
  if (tooLong !== undefined) {
    throw new InputError(
      "RELAY_URL_INVALID",
      `An nprofile has room for ${MAX_RELAY_BYTES} bytes a relay, and this URL is longer: ${
        tooLong.slice(0, MAX_RELAY_BYTES)
      }…`,
    );
  }
  try {
    return nip19.nprofileEncode({ pubkey, relays: [...relays] });
  } catch (cause) {
    throw new InputError(
      "RELAY_URL_INVALID",
      `${relays.length} relays are too many for one nprofile; name fewer`,
      { cause },
    );
  }
}

function checkPubkey(pubkey: string): void {
  if (!isHex(pubkey, KEY_BYTES)) {
    throw new TypeError("A public key to format has 64 lower-case hex digits");
  }
}
