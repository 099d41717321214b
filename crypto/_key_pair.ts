/**
 * A private key that is held ready for signing, with its public key.
 *
 * @module
 */
import { bytesToHex } from "@noble/hashes/utils.js";
import type { CryptoEngine, EngineKey } from "./engine.ts";
import type { SymmetricEngine } from "./symmetric.ts";

/** What {@linkcode signEventAs} signs with. */
export interface KeyPair {
  /** The public key, 64 lower-case hex digits. */
  readonly pubkey: string;
  /** What hashes. */
  readonly symmetric?: SymmetricEngine;
  /** A BIP-340 signature over a 32-byte hash. */
  sign(hash: Uint8Array): Uint8Array;
  /** Overwrites what was derived from the private key. Not to be used any more. */
  close(): void;
}

/**
 * Gets a private key ready, so that nothing is derived from it for each signature.
 *
 * @param privateKey 32 bytes, which belong to the caller: they have to stay until `close()`.
 * @param engine What signs.
 * @returns The pair.
 * @throws {RangeError} When the private key is not on the curve.
 */
export function openKeyPair(privateKey: Uint8Array, engine: CryptoEngine): KeyPair {
  const key = engine.openKey?.(privateKey) ?? plainKey(privateKey, engine);
  return {
    pubkey: bytesToHex(key.publicKey),
    symmetric: engine.symmetric,
    sign: (hash) => key.sign(hash),
    close: () => key.close(),
  };
}

function plainKey(privateKey: Uint8Array, engine: CryptoEngine): EngineKey {
  return {
    publicKey: engine.getPublicKey(privateKey),
    sign: (hash) => engine.sign(hash, privateKey),
    close: () => undefined,
  };
}
