/**
 * The cryptographic operations that everything else is built on, as interfaces,
 * so that faster engines can take the place of the pure one.
 *
 * @module
 */
import type { SymmetricEngine } from "./symmetric.ts";

/**
 * Schnorr signatures (BIP-340) and ECDH on secp256k1. Operations are
 * synchronous; a private key is 32 bytes, a public key the 32 bytes of its x
 * coordinate (BIP-340), both as `Uint8Array`. All engines give the same bytes
 * for the same input, and refuse the same input with the same errors.
 */
export interface CryptoEngine {
  /** What the engine is, for status displays: `"pure"`, `"wasm"`, `"native"`. */
  readonly name: string;
  /**
   * What hashes and encrypts.
   * @default {pureSymmetric}
   */
  readonly symmetric?: SymmetricEngine;
  /** A private key that is valid on the curve, from a secure source of randomness. */
  generatePrivateKey(): Uint8Array;
  /**
   * The x-only public key (32 bytes) of a private key.
   * @throws {RangeError} When the private key is not on the curve.
   */
  getPublicKey(privateKey: Uint8Array): Uint8Array;
  /**
   * A BIP-340 signature (64 bytes) over a 32-byte hash, with new auxiliary randomness each time.
   * @throws {RangeError} When the hash has not 32 bytes or the private key is not on the curve.
   */
  sign(hash: Uint8Array, privateKey: Uint8Array): Uint8Array;
  /** Whether a BIP-340 signature holds. What is malformed does not hold, and is no reason to throw. */
  verify(signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean;
  /**
   * The x coordinate (32 bytes, unhashed) of the shared point, as NIP-44 wants it.
   * @throws {RangeError} When one of the keys is not on the curve.
   */
  sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array;
  /**
   * Gets a private key ready to sign many times, where the engine gains by that.
   * The key is copied.
   * @throws {RangeError} When the private key is not on the curve.
   */
  openKey?(privateKey: Uint8Array): EngineKey;
}

/** A private key that is ready to sign. */
export interface EngineKey {
  /** The x-only public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * The same as {@linkcode CryptoEngine.sign}.
   * @throws {RangeError} When the hash has not 32 bytes.
   */
  sign(hash: Uint8Array): Uint8Array;
  /** Overwrites the key; not to be used any more. */
  close(): void;
}

/** How an engine works. */
export interface EngineOptions {
  /**
   * What hashes and encrypts beside it.
   * @default {pureSymmetric}
   */
  readonly symmetric?: SymmetricEngine;
  /**
   * Makes so many random bytes, for keys and for the auxiliary randomness of
   * signatures. Only tests give their own.
   * @default {crypto.getRandomValues}
   */
  readonly randomBytes?: (length: number) => Uint8Array;
}
