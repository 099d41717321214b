/**
 * The engine over WebAssembly: libsecp256k1 as it is compiled in
 * `tiny-secp256k1`, some three to five times as fast as plain JavaScript.
 * Exported as `./crypto/wasm`, apart from `./crypto`, for it weighs 1.2 MB.
 *
 * @module
 */
import { CvmError } from "../errors.ts";
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

/** What is used of the package `tiny-secp256k1`. */
export interface TinySecp256k1 {
  /** The x-only public key of a private key. */
  xOnlyPointFromScalar(privateKey: Uint8Array): Uint8Array;
  /** A BIP-340 signature. */
  signSchnorr(hash: Uint8Array, privateKey: Uint8Array, aux: Uint8Array): Uint8Array;
  /** Whether a BIP-340 signature holds. Throws when it can't even be one. */
  verifySchnorr(hash: Uint8Array, publicKey: Uint8Array, signature: Uint8Array): boolean;
  /** A point times a number, compressed. Throws when the point is none. */
  pointMultiply(point: Uint8Array, scalar: Uint8Array, compressed: true): Uint8Array | null;
}

/**
 * Makes an engine over the package `tiny-secp256k1`, loaded by whoever calls.
 * That is for bundles for browsers, where the bundler has to know how to load
 * WebAssembly; elsewhere {@linkcode loadWasmEngine} does both.
 *
 * ECDH of this package takes a time that depends on the private key a little
 * (`docs/SECURITY.md` says what that means). It overwrites private keys in its
 * memory after each operation.
 *
 * @param secp256k1 The package, as `import * as secp256k1 from "tiny-secp256k1"` gives it.
 * @param options What stands beside it.
 * @returns An engine named `"wasm"`.
 *
 * @example
 * ```ts ignore
 * import { createWasmEngine } from "@cvm/toolkit/crypto/wasm";
 * import * as secp256k1 from "tiny-secp256k1";
 *
 * const engine = createWasmEngine(secp256k1);
 * console.assert(engine.name === "wasm");
 * ```
 */
export function createWasmEngine(
  secp256k1: TinySecp256k1,
  options: EngineOptions = {},
): CryptoEngine {
  const { symmetric = pureSymmetric, randomBytes = secureRandomBytes } = options;
  return Object.freeze({
    name: "wasm",
    symmetric,
    generatePrivateKey: () => makePrivateKey(randomBytes),
    getPublicKey: (privateKey: Uint8Array) => {
      checkPrivateKey(privateKey);
      return secp256k1.xOnlyPointFromScalar(privateKey);
    },
    sign: (hash: Uint8Array, privateKey: Uint8Array) => {
      checkSigning(hash, privateKey);
      return secp256k1.signSchnorr(hash, privateKey, randomBytes(AUX_BYTES));
    },
    verify: (signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array) => {
      if (!areVerifiable(signature, hash, publicKey)) return false;
      try {
        return secp256k1.verifySchnorr(hash, publicKey, signature);
      } catch {
        // Thrown for a public key or a signature that is out of range.
        return false;
      }
    },
    sharedSecret: (privateKey: Uint8Array, publicKey: Uint8Array) => {
      checkPrivateKey(privateKey);
      const point = evenPoint(publicKey);
      let shared: Uint8Array | null;
      try {
        shared = secp256k1.pointMultiply(point, privateKey, true);
      } catch (cause) {
        throw notOnCurve({ cause });
      }
      if (shared === null) throw notOnCurve();
      const x = shared.slice(1);
      shared.fill(0);
      return x;
    },
  });
}

/**
 * Loads `tiny-secp256k1` and makes an engine over it. Deno and Node.js read it
 * from a file, for which Deno asks for `--allow-read`. A program that can do
 * without takes the pure engine instead, as in the example.
 *
 * @param options What stands beside it.
 * @returns An engine named `"wasm"`, once it is loaded.
 * @throws {CvmError} `ENGINE_UNAVAILABLE` when it can't be loaded, with the reason as its cause.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner, pureEngine } from "@cvm/toolkit/crypto";
 * import { loadWasmEngine } from "@cvm/toolkit/crypto/wasm";
 *
 * const engine = await loadWasmEngine().catch(() => pureEngine);
 * using signer = PrivateKeySigner.generate({ engine });
 * console.assert(signer.pubkey.length === 64);
 * ```
 */
export async function loadWasmEngine(options: EngineOptions = {}): Promise<CryptoEngine> {
  try {
    return createWasmEngine(await import("tiny-secp256k1"), options);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CvmError(
      "ENGINE_UNAVAILABLE",
      `The WebAssembly of tiny-secp256k1 can't be loaded: ${reason}`,
      { cause },
    );
  }
}
