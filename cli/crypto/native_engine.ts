/**
 * The engine over the libsecp256k1 of this machine, by Deno's foreign
 * functions: some thirty times as fast as plain JavaScript.
 *
 * @module
 */
import {
  areVerifiable,
  checkHash,
  checkPrivateKey,
  checkSigning,
  evenPoint,
  makePrivateKey,
  notOnCurve,
  secureRandomBytes,
} from "../../crypto/_operands.ts";
import type { CryptoEngine, EngineKey, EngineOptions } from "../../crypto/engine.ts";
import type { SymmetricEngine } from "../../crypto/symmetric.ts";
import { CvmError } from "../../errors.ts";
import { type Libsecp256k1, openLibrary, usualPaths } from "./_libsecp256k1.ts";
import { nodeSymmetric } from "./node_symmetric.ts";

/** `SECP256K1_CONTEXT_NONE`. */
const CONTEXT_NONE = 1;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** The library's own forms of a public key and of a key pair. */
const PARSED_BYTES = 64;
const KEYPAIR_BYTES = 96;
/** A compressed point. */
const POINT_BYTES = 33;
/** The same lengths, as the library takes them. */
const HASH_LENGTH = 32n;
const POINT_LENGTH = 33n;

const ECDH_HASH = {
  parameters: ["pointer", "pointer", "pointer", "pointer"],
  result: "i32",
} as const;

/** How a {@linkcode NativeEngine} works. */
export interface NativeEngineOptions extends EngineOptions {
  /**
   * What hashes and encrypts beside it.
   * @default {nodeSymmetric}
   */
  readonly symmetric?: SymmetricEngine;
  /**
   * Where to look for the library, absolute paths; the first that works is taken.
   * @default The usual places of this operating system.
   */
  readonly paths?: readonly string[];
}

/** An engine over libsecp256k1. After {@linkcode NativeEngine.close} all its operations throw `CLOSED`. */
export interface NativeEngine extends CryptoEngine, Disposable {
  /** The file of the library. */
  readonly path: string;
  /** Closes the library. Does nothing the second time. */
  close(): void;
}

class LibraryEngine implements NativeEngine {
  readonly name = "native";
  readonly symmetric: SymmetricEngine;
  readonly path: string;

  readonly #library: Libsecp256k1;
  readonly #context: Deno.PointerValue;
  readonly #randomBytes: (length: number) => Uint8Array;
  /** Takes the x coordinate of a shared point out of the library, unhashed. */
  readonly #takeX: Deno.UnsafeCallback<typeof ECDH_HASH>;
  // What the library reads and writes; secrets are overwritten after each operation.
  readonly #privateKey = new Uint8Array(KEY_BYTES);
  readonly #keypair = new Uint8Array(KEYPAIR_BYTES);
  readonly #hash = new Uint8Array(KEY_BYTES);
  readonly #aux = new Uint8Array(KEY_BYTES);
  readonly #signature = new Uint8Array(SIGNATURE_BYTES);
  readonly #point = new Uint8Array(POINT_BYTES);
  readonly #parsed = new Uint8Array(PARSED_BYTES);
  readonly #x = new Uint8Array(KEY_BYTES);
  #closed = false;

  constructor(
    opened: { readonly library: Libsecp256k1; readonly path: string },
    options: EngineOptions,
  ) {
    const { symmetric = nodeSymmetric, randomBytes = secureRandomBytes } = options;
    this.#library = opened.library;
    this.path = opened.path;
    this.symmetric = symmetric;
    this.#randomBytes = randomBytes;
    const { symbols } = opened.library;
    this.#context = symbols.secp256k1_context_create(CONTEXT_NONE);
    // Blinds the library's own arithmetic; always with real randomness.
    crypto.getRandomValues(this.#aux);
    symbols.secp256k1_context_randomize(this.#context, this.#aux);
    this.#aux.fill(0);
    this.#takeX = new Deno.UnsafeCallback(ECDH_HASH, (_output, x) => {
      if (x === null) return 0;
      Deno.UnsafePointerView.copyInto(x, this.#x);
      return 1;
    });
  }

  generatePrivateKey(): Uint8Array {
    return makePrivateKey(this.#randomBytes);
  }

  getPublicKey(privateKey: Uint8Array): Uint8Array {
    this.#fillKeypair(privateKey, this.#keypair);
    try {
      return this.#publicKeyOf(this.#keypair);
    } finally {
      this.#keypair.fill(0);
    }
  }

  sign(hash: Uint8Array, privateKey: Uint8Array): Uint8Array {
    checkSigning(hash, privateKey);
    this.#fillKeypair(privateKey, this.#keypair);
    try {
      return this.#sign(hash, this.#keypair);
    } finally {
      this.#keypair.fill(0);
    }
  }

  openKey(privateKey: Uint8Array): EngineKey {
    const keypair = new Uint8Array(KEYPAIR_BYTES);
    this.#fillKeypair(privateKey, keypair);
    return {
      publicKey: this.#publicKeyOf(keypair),
      sign: (hash) => {
        checkHash(hash);
        return this.#sign(hash, keypair);
      },
      close: () => void keypair.fill(0),
    };
  }

  verify(signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean {
    if (!areVerifiable(signature, hash, publicKey)) return false;
    const symbols = this.#symbols();
    this.#x.set(publicKey);
    this.#hash.set(hash);
    this.#signature.set(signature);
    const { secp256k1_xonly_pubkey_parse: parse, secp256k1_schnorrsig_verify: verify } = symbols;
    return parse(this.#context, this.#parsed, this.#x) === 1 &&
      verify(this.#context, this.#signature, this.#hash, HASH_LENGTH, this.#parsed) === 1;
  }

  /** By the ECDH of the library, which takes the same time for every private key. */
  sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
    checkPrivateKey(privateKey);
    this.#point.set(evenPoint(publicKey));
    const symbols = this.#symbols();
    const { secp256k1_ec_pubkey_parse: parse, secp256k1_ecdh: ecdh } = symbols;
    if (parse(this.#context, this.#parsed, this.#point, POINT_LENGTH) !== 1) throw notOnCurve();
    try {
      this.#privateKey.set(privateKey);
      // The callback takes the coordinate; the library gets a buffer that it leaves alone.
      const { pointer } = this.#takeX;
      must(ecdh(this.#context, this.#hash, this.#parsed, this.#privateKey, pointer, null));
      return this.#x.slice();
    } finally {
      this.#privateKey.fill(0);
      this.#x.fill(0);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#library.symbols.secp256k1_context_destroy(this.#context);
    this.#takeX.close();
    this.#library.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Key pairs are the library's own form of a private key: half of the cost of a signature is to make one. */
  #fillKeypair(privateKey: Uint8Array, keypair: Uint8Array<ArrayBuffer>): void {
    checkPrivateKey(privateKey);
    const { secp256k1_keypair_create: create } = this.#symbols();
    this.#privateKey.set(privateKey);
    try {
      must(create(this.#context, keypair, this.#privateKey));
    } finally {
      this.#privateKey.fill(0);
    }
  }

  #publicKeyOf(keypair: Uint8Array<ArrayBuffer>): Uint8Array {
    const symbols = this.#symbols();
    must(symbols.secp256k1_keypair_xonly_pub(this.#context, this.#parsed, null, keypair));
    must(symbols.secp256k1_xonly_pubkey_serialize(this.#context, this.#x, this.#parsed));
    return this.#x.slice();
  }

  #sign(hash: Uint8Array, keypair: Uint8Array<ArrayBuffer>): Uint8Array {
    const { secp256k1_schnorrsig_sign32: sign } = this.#symbols();
    this.#hash.set(hash);
    this.#aux.set(this.#randomBytes(KEY_BYTES));
    try {
      must(sign(this.#context, this.#signature, this.#hash, keypair, this.#aux));
      return this.#signature.slice();
    } finally {
      this.#aux.fill(0);
    }
  }

  #symbols(): Libsecp256k1["symbols"] {
    if (this.#closed) {
      throw new CvmError("CLOSED", "The native crypto engine was used after close()");
    }
    return this.#library.symbols;
  }
}

/** What was checked before it is given to the library can't fail there. */
function must(result: number): void {
  if (result !== 1) throw new Error("libsecp256k1 refused what it has to take");
}

/**
 * Opens the libsecp256k1 of this machine and makes an engine over it: on
 * Debian and Ubuntu the packages `libsecp256k1-1` and `libsecp256k1-2` have
 * it, on macOS that of Homebrew. Deno has to be run with `--allow-ffi`, for any
 * path, since ECDH calls back; it never asks.
 *
 * @param options Where to look, and what stands beside it.
 * @returns The engine; `undefined` when the library is not there or must not be loaded.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner, pureEngine } from "@cvm/toolkit/crypto";
 * import { openNativeEngine } from "@cvm/toolkit/crypto/native";
 *
 * using native = openNativeEngine();
 * using signer = PrivateKeySigner.generate({ engine: native ?? pureEngine });
 * console.assert(signer.pubkey.length === 64);
 * ```
 */
export function openNativeEngine(options: NativeEngineOptions = {}): NativeEngine | undefined {
  const { paths = usualPaths(Deno.build.os, Deno.build.arch), ...rest } = options;
  const opened = openLibrary(paths);
  return opened === undefined ? undefined : new LibraryEngine(opened, rest);
}
