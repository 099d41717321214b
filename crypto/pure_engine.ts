/**
 * The engine that runs everywhere: secp256k1 in plain JavaScript, from the
 * audited `@noble/curves`.
 *
 * @module
 */
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import {
  areVerifiable,
  checkPrivateKey,
  checkSigning,
  evenPoint,
  makePrivateKey,
  notOnCurve,
  secureRandomBytes,
} from "./_operands.ts";
import type { CryptoEngine, EngineOptions } from "./engine.ts";
import { pureSymmetric } from "./symmetric.ts";

/** The bytes of auxiliary randomness in a signature (BIP-340). */
const AUX_BYTES = 32;

/**
 * Makes an engine over `@noble/curves`. It keeps no state, so
 * {@linkcode pureEngine} serves as well.
 *
 * @param options What stands beside it.
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
export function createPureEngine(options: EngineOptions = {}): CryptoEngine {
  const { symmetric = pureSymmetric, randomBytes = secureRandomBytes } = options;
  return {
    name: "pure",
    symmetric,
    generatePrivateKey: () => makePrivateKey(randomBytes),
    getPublicKey,
    sign: (hash, privateKey) => {
      checkSigning(hash, privateKey);
      return schnorr.sign(hash, privateKey, randomBytes(AUX_BYTES));
    },
    verify,
    sharedSecret,
  };
}

/** The engine that is used wherever none is given. */
export const pureEngine: CryptoEngine = Object.freeze(createPureEngine());

function getPublicKey(privateKey: Uint8Array): Uint8Array {
  checkPrivateKey(privateKey);
  return schnorr.getPublicKey(privateKey);
}

function verify(signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean {
  return areVerifiable(signature, hash, publicKey) && schnorr.verify(signature, hash, publicKey);
}

function sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  checkPrivateKey(privateKey);
  const point = evenPoint(publicKey);
  try {
    return secp256k1.getSharedSecret(privateKey, point).slice(1);
  } catch (cause) {
    throw notOnCurve({ cause });
  }
}
