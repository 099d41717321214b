/**
 * The symmetric operations of Nostr: SHA-256 of events, HMAC and ChaCha20 of
 * NIP-44. The default is plain JavaScript from the audited `@noble` packages;
 * a program that has something faster injects it with its engine.
 *
 * @module
 */
import { chacha20 } from "@noble/ciphers/chacha.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** SHA-256, HMAC and HKDF by it, and ChaCha20, synchronous. All give the same bytes for the same input. */
export interface SymmetricEngine {
  /** What it is, for status displays: `"pure"`, `"node"`. */
  readonly name: string;
  /** The SHA-256 of some bytes, 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;
  /** The HMAC-SHA-256 of all parts, one after the other, 32 bytes. */
  hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  /** HKDF by SHA-256 (RFC 5869), both its steps. */
  hkdfSha256(secret: Uint8Array, options: HkdfOptions): Uint8Array;
  /** ChaCha20 (RFC 8439, counter from 0) of some bytes, which encrypts and decrypts: a key of 32 and a nonce of 12 bytes. */
  chacha20(key: Uint8Array, nonce: Uint8Array, data: Uint8Array): Uint8Array;
}

/** What goes into HKDF beside the secret. */
export interface HkdfOptions {
  /** The salt. */
  readonly salt: Uint8Array;
  /** What the result is for. */
  readonly info: Uint8Array;
  /** How many bytes are wanted, at most 8,160. */
  readonly length: number;
}

/** The symmetric operations in plain JavaScript, which run everywhere. */
export const pureSymmetric: SymmetricEngine = Object.freeze({
  name: "pure",
  sha256: (data: Uint8Array) => sha256(data),
  hmacSha256: (key: Uint8Array, ...parts: readonly Uint8Array[]) => {
    const mac = hmac.create(sha256, key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  },
  hkdfSha256: (secret: Uint8Array, { salt, info, length }: HkdfOptions) =>
    hkdf(sha256, secret, salt, info, length),
  chacha20: (key: Uint8Array, nonce: Uint8Array, data: Uint8Array) => chacha20(key, nonce, data),
});
