/**
 * Encryption between two Nostr keys: NIP-44 version 2 (secp256k1 ECDH, HKDF,
 * padding, ChaCha20, HMAC-SHA256, base64).
 *
 * A plaintext of up to 65,535 bytes has a length of two bytes before it. A
 * longer one has the extended prefix, which readers older than 2026 don't know;
 * what is sent to a peer stays below that.
 *
 * @module
 */
import { equalBytes } from "@noble/ciphers/utils.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, hexToBytes, randomBytes } from "@noble/hashes/utils.js";
import { base64Length, decodeBase64, encodeBase64 } from "./_base64.ts";
import { isHex } from "./_hex.ts";
import type { CryptoEngine } from "./engine.ts";
import { pureEngine } from "./pure_engine.ts";
import { pureSymmetric, type SymmetricEngine } from "./symmetric.ts";
import { EventError } from "../errors.ts";

const VERSION = 2;
const KEY_BYTES = 32;
const NONCE_BYTES = 32;
const MAC_BYTES = 32;
/** The keys of one message: 32 bytes to encrypt, a nonce of 12, 32 to authenticate. */
const MESSAGE_KEYS_BYTES = 76;
/** The bytes of a payload around its ciphertext: version, nonce, MAC. */
const FRAME_BYTES = 1 + NONCE_BYTES + MAC_BYTES;
/** The shortest payload: a padded text of 32 bytes behind a length of two. */
const MIN_PAYLOAD_BYTES = FRAME_BYTES + 2 + 32;
/** A plaintext of so many bytes or more has the extended length prefix. */
const EXTENDED_FROM_BYTES = 65_536;
const MAX_PLAINTEXT_BYTES = 2 ** 32 - 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const SALT = encoder.encode("nip44-v2");

/** The largest plaintext that is decrypted unless told otherwise, in bytes: 1 MiB. */
export const DEFAULT_MAX_PLAINTEXT_BYTES = 1_048_576;

/** How to encrypt. */
export interface EncryptOptions {
  /**
   * What encrypts and authenticates.
   * @default {pureSymmetric}
   */
  readonly symmetric?: SymmetricEngine;
  /** 32 random bytes that are used only once. Only tests give their own; absent, they are drawn. */
  readonly nonce?: Uint8Array;
}

/** How to decrypt. */
export interface DecryptOptions {
  /**
   * What decrypts and authenticates.
   * @default {pureSymmetric}
   */
  readonly symmetric?: SymmetricEngine;
  /**
   * The largest plaintext, in bytes. What could hold more is refused before it
   * is decoded.
   * @default {1_048_576}
   */
  readonly maxPlaintextBytes?: number;
}

/**
 * The key that two Nostr keys share. It is the same from both sides, and never
 * changes: whoever has it reads everything between the two.
 *
 * @param privateKey The private key of one side, 32 bytes.
 * @param pubkey The public key of the other side, 64 lower-case hex digits.
 * @param engine What does the ECDH.
 * @returns 32 bytes.
 * @throws {TypeError} When `pubkey` is not 64 lower-case hex digits.
 * @throws {RangeError} When one of the keys is not on the curve.
 *
 * @example
 * ```ts
 * import { conversationKey, generateKey, getPublicKey } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * const [alice, bob] = [generateKey(), generateKey()];
 * assertEquals(
 *   conversationKey(alice, getPublicKey(bob)),
 *   conversationKey(bob, getPublicKey(alice)),
 * );
 * ```
 */
export function conversationKey(
  privateKey: Uint8Array,
  pubkey: string,
  engine: CryptoEngine = pureEngine,
): Uint8Array {
  return extract(sha256, sharedSecret(privateKey, pubkey, engine), SALT);
}

/** What a conversation key is made of: the secret of both sides, by ECDH. Throws as {@linkcode conversationKey}. */
export function sharedSecret(
  privateKey: Uint8Array,
  pubkey: string,
  engine: CryptoEngine,
): Uint8Array {
  if (!isHex(pubkey, KEY_BYTES)) {
    throw new TypeError("The public key of a conversation has 64 lower-case hex digits");
  }
  return engine.sharedSecret(privateKey, hexToBytes(pubkey));
}

/**
 * Encrypts a text.
 *
 * @param plaintext At least one byte, at most 4,294,967,295 bytes of UTF-8.
 * @param conversationKey The key of both sides, from {@linkcode conversationKey}.
 * @param options How.
 * @returns The payload, base64.
 * @throws {RangeError} When the plaintext is empty or too long, or the key or the nonce has not 32 bytes.
 *
 * @example
 * ```ts
 * import { conversationKey, decrypt, encrypt, generateKey, getPublicKey } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * const key = conversationKey(generateKey(), getPublicKey(generateKey()));
 * assertEquals(decrypt(encrypt("hello", key), key), "hello");
 * ```
 */
export function encrypt(
  plaintext: string,
  conversationKey: Uint8Array,
  options: EncryptOptions = {},
): string {
  const { symmetric = pureSymmetric, nonce = randomBytes(NONCE_BYTES) } = options;
  if (nonce.length !== NONCE_BYTES) throw new RangeError("A NIP-44 nonce has 32 bytes");
  return seal(plaintext, { nonce, keys: messageKeys(conversationKey, nonce), symmetric });
}

/** As {@linkcode encrypt}, with what ECDH gives: its conversation key is never made, which saves most of HKDF. */
export function encryptToSecret(
  plaintext: string,
  secret: Uint8Array,
  { symmetric = pureSymmetric }: Pick<EncryptOptions, "symmetric"> = {},
): string {
  const nonce = randomBytes(NONCE_BYTES);
  return seal(plaintext, { nonce, keys: secretKeys(secret, nonce, symmetric), symmetric });
}

function seal(
  plaintext: string,
  { nonce, keys, symmetric }: {
    readonly nonce: Uint8Array;
    readonly keys: MessageKeys;
    readonly symmetric: SymmetricEngine;
  },
): string {
  const padded = pad(encoder.encode(plaintext));
  const ciphertext = symmetric.chacha20(keys.cipherKey, keys.cipherNonce, padded);
  const mac = symmetric.hmacSha256(keys.macKey, nonce, ciphertext);
  return encodeBase64(concatBytes(Uint8Array.of(VERSION), nonce, ciphertext, mac));
}

/**
 * Decrypts a payload and proves that one of the two sides made it.
 *
 * @param payload Base64, as it came.
 * @param conversationKey The key of both sides, from {@linkcode conversationKey}.
 * @param options How much to take.
 * @returns The plaintext.
 * @throws {EventError} `DECRYPT_FAILED` when the payload is not one, is of an
 * unknown version, too large, changed, or meant for another key. The message
 * holds nothing of what it says.
 * @throws {RangeError} When the key has not 32 bytes.
 *
 * @example
 * ```ts
 * import { decrypt } from "@cvm/toolkit/crypto";
 * import { EventError } from "@cvm/toolkit/errors";
 * import { assertThrows } from "@std/assert";
 *
 * const error = assertThrows(() => decrypt("not a payload", new Uint8Array(32)), EventError);
 * console.assert(error.code === "DECRYPT_FAILED");
 * ```
 */
export function decrypt(
  payload: string,
  conversationKey: Uint8Array,
  options: DecryptOptions = {},
): string {
  return open(payload, (nonce) => messageKeys(conversationKey, nonce), options);
}

/** As {@linkcode decrypt}, with what ECDH gives. */
export function decryptFromSecret(
  payload: string,
  secret: Uint8Array,
  options: DecryptOptions = {},
): string {
  return open(payload, (nonce) => secretKeys(secret, nonce, options.symmetric), options);
}

function open(
  payload: string,
  keysOf: (nonce: Uint8Array) => MessageKeys,
  options: DecryptOptions,
): string {
  const { maxPlaintextBytes = DEFAULT_MAX_PLAINTEXT_BYTES, symmetric = pureSymmetric } = options;
  const { nonce, ciphertext, mac } = decodePayload(payload, maxPlaintextBytes);
  const keys = keysOf(nonce);
  if (!equalBytes(symmetric.hmacSha256(keys.macKey, nonce, ciphertext), mac)) {
    throw refuse("its MAC does not match: it was changed, or encrypted to another key");
  }
  const plaintext = unpad(symmetric.chacha20(keys.cipherKey, keys.cipherNonce, ciphertext));
  if (plaintext.length > maxPlaintextBytes) throw tooLarge(maxPlaintextBytes);
  try {
    return decoder.decode(plaintext);
  } catch (cause) {
    throw refuse("what it holds is not UTF-8", { cause });
  }
}

/**
 * The length of the payload that a plaintext makes, without making it.
 *
 * @param plaintextBytes The plaintext's length in bytes of UTF-8, at least 1.
 * @returns The length of the base64 text, which is also its length in bytes.
 * @throws {RangeError} When there can be no such plaintext.
 *
 * @example
 * ```ts
 * import { payloadLength } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(payloadLength(1), 132);
 * assertEquals(payloadLength(65_535), 87_472);
 * ```
 */
export function payloadLength(plaintextBytes: number): number {
  if (
    !Number.isSafeInteger(plaintextBytes) || plaintextBytes < 1 ||
    plaintextBytes > MAX_PLAINTEXT_BYTES
  ) {
    throw new RangeError(
      `A NIP-44 plaintext has 1 to ${MAX_PLAINTEXT_BYTES} bytes, not ${plaintextBytes}`,
    );
  }
  return base64Length(FRAME_BYTES + prefixLength(plaintextBytes) + paddedLength(plaintextBytes));
}

interface MessageKeys {
  readonly cipherKey: Uint8Array;
  readonly cipherNonce: Uint8Array;
  readonly macKey: Uint8Array;
}

function messageKeys(conversationKey: Uint8Array, nonce: Uint8Array): MessageKeys {
  if (conversationKey.length !== KEY_BYTES) {
    throw new RangeError("A NIP-44 conversation key has 32 bytes");
  }
  return cutKeys(expand(sha256, conversationKey, nonce, MESSAGE_KEYS_BYTES));
}

/** The same keys, from what the conversation key is made of. */
function secretKeys(
  secret: Uint8Array,
  nonce: Uint8Array,
  symmetric: SymmetricEngine = pureSymmetric,
): MessageKeys {
  const options = { salt: SALT, info: nonce, length: MESSAGE_KEYS_BYTES };
  return cutKeys(symmetric.hkdfSha256(secret, options));
}

function cutKeys(keys: Uint8Array): MessageKeys {
  return {
    cipherKey: keys.subarray(0, 32),
    cipherNonce: keys.subarray(32, 44),
    macKey: keys.subarray(44, 76),
  };
}

/** How many bytes the length takes that stands before the plaintext. */
function prefixLength(plaintextBytes: number): number {
  return plaintextBytes < EXTENDED_FROM_BYTES ? 2 : 6;
}

/** The length of the plaintext with its padding, by the steps of NIP-44. */
function paddedLength(plaintextBytes: number): number {
  if (plaintextBytes <= 32) return 32;
  const nextPower = 2 ** (32 - Math.clz32(plaintextBytes - 1));
  const step = nextPower <= 256 ? 32 : nextPower / 8;
  return step * Math.ceil(plaintextBytes / step);
}

function pad(plaintext: Uint8Array): Uint8Array {
  const { length } = plaintext;
  if (length < 1 || length > MAX_PLAINTEXT_BYTES) {
    throw new RangeError(`A NIP-44 plaintext has 1 to ${MAX_PLAINTEXT_BYTES} bytes, not ${length}`);
  }
  const prefix = prefixLength(length);
  const padded = new Uint8Array(prefix + paddedLength(length));
  const view = new DataView(padded.buffer);
  if (prefix === 2) view.setUint16(0, length);
  else view.setUint32(2, length);
  padded.set(plaintext, prefix);
  return padded;
}

function unpad(padded: Uint8Array): Uint8Array {
  const view = new DataView(padded.buffer, padded.byteOffset, padded.byteLength);
  const short = view.getUint16(0);
  const length = short === 0 ? view.getUint32(2) : short;
  const prefix = short === 0 ? 6 : 2;
  // The second test refuses the extended prefix where the short one would do.
  if (
    length === 0 || prefix !== prefixLength(length) ||
    padded.length !== prefix + paddedLength(length)
  ) {
    throw refuse("its padding is wrong");
  }
  return padded.subarray(prefix, prefix + length);
}

interface Payload {
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly mac: Uint8Array;
}

function decodePayload(payload: string, maxPlaintextBytes: number): Payload {
  if (payload.startsWith("#")) throw refuse('its version is unknown: it starts with "#"');
  if (payload.length < base64Length(MIN_PAYLOAD_BYTES)) {
    throw refuse(`${payload.length} characters are too few for a payload`);
  }
  if (payload.length > payloadLength(maxPlaintextBytes)) throw tooLarge(maxPlaintextBytes);
  let bytes: Uint8Array;
  try {
    bytes = decodeBase64(payload);
  } catch (cause) {
    throw refuse("it is not base64", { cause });
  }
  if (bytes[0] !== VERSION) throw refuse(`its version is ${bytes[0]}, and only 2 is known`);
  if (bytes.length < MIN_PAYLOAD_BYTES) {
    throw refuse(`${bytes.length} bytes are too few for a payload`);
  }
  return {
    nonce: bytes.subarray(1, 1 + NONCE_BYTES),
    ciphertext: bytes.subarray(1 + NONCE_BYTES, -MAC_BYTES),
    mac: bytes.subarray(-MAC_BYTES),
  };
}

function tooLarge(maxPlaintextBytes: number): EventError {
  return refuse(`it is larger than ${maxPlaintextBytes} bytes of plaintext (maxPlaintextBytes)`);
}

function refuse(reason: string, options?: ErrorOptions): EventError {
  const message = `The NIP-44 payload can't be decrypted: ${reason}`;
  return new EventError("DECRYPT_FAILED", message, options);
}
