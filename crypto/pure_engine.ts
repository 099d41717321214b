/**
 * The engine that runs everywhere: secp256k1 in plain JavaScript, from the
 * audited `@noble/curves`.
 *
 * @module
 */
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { isPrivateKey } from "./_curve.ts";
import type { CryptoEngine } from "./engine.ts";

const HASH_BYTES = 32;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** The first byte of a compressed point whose y is even, the one that BIP-340 means. */
const EVEN_Y = 0x02;

/**
 * Makes an engine over `@noble/curves`. It keeps no state, so
 * {@linkcode pureEngine} serves as well.
 *
 * @returns An engine named `"pure"`.
 *
 * @example
 * ```ts
 * import { createPureEngine } from "@cvm/toolkit/crypto";
 * import { assert } from "@std/assert";
 *
 * const engine = createPureEngine();
 * const privateKey = engine.generatePrivateKey();
 * const hash = new Uint8Array(32).fill(7);
 * const signature = engine.sign(hash, privateKey);
 * assert(engine.verify(signature, hash, engine.getPublicKey(privateKey)));
 * ```
 */
export function createPureEngine(): CryptoEngine {
  return { name: "pure", generatePrivateKey, getPublicKey, sign, verify, sharedSecret };
}

/** The engine that is used wherever none is given. */
export const pureEngine: CryptoEngine = Object.freeze(createPureEngine());

function generatePrivateKey(): Uint8Array {
  return schnorr.utils.randomSecretKey();
}

function getPublicKey(privateKey: Uint8Array): Uint8Array {
  checkPrivateKey(privateKey);
  return schnorr.getPublicKey(privateKey);
}

function sign(hash: Uint8Array, privateKey: Uint8Array): Uint8Array {
  if (!hasLength(hash, HASH_BYTES)) throw new RangeError("A hash to sign has 32 bytes");
  checkPrivateKey(privateKey);
  return schnorr.sign(hash, privateKey);
}

function verify(signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean {
  return hasLength(signature, SIGNATURE_BYTES) && hasLength(hash, HASH_BYTES) &&
    hasLength(publicKey, KEY_BYTES) && schnorr.verify(signature, hash, publicKey);
}

function sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  checkPrivateKey(privateKey);
  if (!hasLength(publicKey, KEY_BYTES)) throw new RangeError("A public key has 32 bytes");
  const compressed = new Uint8Array(1 + KEY_BYTES);
  compressed[0] = EVEN_Y;
  compressed.set(publicKey, 1);
  try {
    return secp256k1.getSharedSecret(privateKey, compressed).slice(1);
  } catch (cause) {
    const message = "The public key is not the x coordinate of a point on secp256k1";
    throw new RangeError(message, { cause });
  }
}

function checkPrivateKey(privateKey: Uint8Array): void {
  if (!isPrivateKey(privateKey)) {
    throw new RangeError("The private key is not 32 bytes between 1 and the order of secp256k1");
  }
}

function hasLength(bytes: Uint8Array, length: number): boolean {
  return bytes instanceof Uint8Array && bytes.length === length;
}
