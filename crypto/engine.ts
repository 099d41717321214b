/**
 * The secp256k1 operations that everything else is built on, as an interface,
 * so that a faster engine can take the place of the pure one.
 *
 * @module
 */

/**
 * Schnorr signatures (BIP-340) and ECDH on secp256k1. Operations are
 * synchronous; a private key is 32 bytes, a public key the 32 bytes of its x
 * coordinate (BIP-340), both as `Uint8Array`.
 */
export interface CryptoEngine {
  /** What the engine is, for status displays: `"pure"`, `"wasm"`, `"native"`. */
  readonly name: string;
  /** A private key that is valid on the curve, from a secure source of randomness. */
  generatePrivateKey(): Uint8Array;
  /**
   * The x-only public key (32 bytes) of a private key.
   * @throws {RangeError} When the private key is not on the curve.
   */
  getPublicKey(privateKey: Uint8Array): Uint8Array;
  /** A BIP-340 signature (64 bytes) over a 32-byte hash. */
  sign(hash: Uint8Array, privateKey: Uint8Array): Uint8Array;
  /** Whether a BIP-340 signature holds. Never throws: what is malformed does not hold. */
  verify(signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean;
  /**
   * The x coordinate (32 bytes, unhashed) of the shared point, as NIP-44 wants it.
   * @throws {RangeError} When the public key is not on the curve.
   */
  sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array;
}
