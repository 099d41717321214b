/**
 * A signer that holds a private key in memory.
 *
 * @module
 */
import type { CryptoEngine } from "./engine.ts";
import { type EventTemplate, type NostrEvent, signEventAs } from "./event.ts";
import { type KeyPair, openKeyPair } from "./_key_pair.ts";
import { parsePrivateKey } from "./keys.ts";
import {
  decryptFromSecret,
  DEFAULT_MAX_PLAINTEXT_BYTES,
  encryptToSecret,
  sharedSecret,
} from "./nip44.ts";
import { pureEngine } from "./pure_engine.ts";
import type { Signer } from "./signer.ts";
import { CvmError } from "../errors.ts";

/** How a {@linkcode PrivateKeySigner} works. */
export interface PrivateKeySignerOptions {
  /**
   * What does the arithmetic, also for the clients and servers that have this signer.
   * @default {pureEngine}
   */
  readonly engine?: CryptoEngine;
  /**
   * How many conversation keys are remembered, each of which saves one ECDH; the
   * least recently used goes first. `0` remembers none.
   * @default {1_000}
   */
  readonly conversationKeyCacheSize?: number;
  /**
   * The largest plaintext that is decrypted, in bytes.
   * @default {1_048_576}
   */
  readonly maxPlaintextBytes?: number;
}

/**
 * Signs, encrypts and decrypts with a private key that it keeps to itself: the
 * key shows up in no property, no string and no JSON of it.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner, verifyEvent } from "@cvm/toolkit/crypto";
 * import { assert, assertEquals } from "@std/assert";
 *
 * using alice = PrivateKeySigner.generate();
 * using bob = PrivateKeySigner.generate();
 * assert(
 *   verifyEvent(
 *     await alice.signEvent({ kind: 1, created_at: 1_700_000_000, tags: [], content: "hello" }),
 *   ),
 * );
 * const payload = await alice.nip44.encrypt(bob.pubkey, "for your eyes only");
 * assertEquals(await bob.nip44.decrypt(alice.pubkey, payload), "for your eyes only");
 * ```
 */
export class PrivateKeySigner implements Signer {
  /** The public key, 64 lower-case hex digits. */
  readonly pubkey: string;
  /** NIP-44 encryption to and from another public key. */
  readonly nip44: NonNullable<Signer["nip44"]>;

  readonly #privateKey: Uint8Array;
  readonly #pair: KeyPair;
  readonly #engine: CryptoEngine;
  readonly #cacheSize: number;
  readonly #maxPlaintextBytes: number;
  /** What conversation keys are made of, by the public keys of the other sides. */
  readonly #secrets = new Map<string, Uint8Array>();
  #closed = false;

  /**
   * Makes a signer of a key.
   *
   * @param privateKey 32 bytes, which are copied, or a text: 64 hex digits or an `nsec`.
   * @param options How it works.
   * @throws {InputError} `KEY_INVALID` when a text is no private key.
   * @throws {RangeError} When bytes are no private key, or an option is out of range.
   */
  constructor(privateKey: Uint8Array | string, options: PrivateKeySignerOptions = {}) {
    const {
      engine = pureEngine,
      conversationKeyCacheSize = 1_000,
      maxPlaintextBytes = DEFAULT_MAX_PLAINTEXT_BYTES,
    } = options;
    checkWhole("conversationKeyCacheSize", conversationKeyCacheSize, 0);
    checkWhole("maxPlaintextBytes", maxPlaintextBytes, 1);
    this.#privateKey = typeof privateKey === "string"
      ? parsePrivateKey(privateKey)
      : privateKey.slice();
    this.#engine = engine;
    this.#cacheSize = conversationKeyCacheSize;
    this.#maxPlaintextBytes = maxPlaintextBytes;
    this.#pair = openKeyPair(this.#privateKey, engine);
    this.pubkey = this.#pair.pubkey;
    const { symmetric } = engine;
    this.nip44 = Object.freeze({
      encrypt: (pubkey: string, plaintext: string) =>
        settle(() => encryptToSecret(plaintext, this.#sharedSecret(pubkey), { symmetric })),
      decrypt: (pubkey: string, ciphertext: string) =>
        settle(() =>
          decryptFromSecret(ciphertext, this.#sharedSecret(pubkey), {
            maxPlaintextBytes: this.#maxPlaintextBytes,
            symmetric,
          })
        ),
    });
  }

  /**
   * A signer with a new key, which nothing else knows and which can't be got out.
   *
   * @param options How it works.
   * @returns The signer.
   */
  static generate(options: PrivateKeySignerOptions = {}): PrivateKeySigner {
    const privateKey = (options.engine ?? pureEngine).generatePrivateKey();
    try {
      return new PrivateKeySigner(privateKey, options);
    } finally {
      privateKey.fill(0);
    }
  }

  /** What does the arithmetic. */
  get engine(): CryptoEngine {
    return this.#engine;
  }

  /**
   * The public key, 64 lower-case hex digits; the same as {@linkcode pubkey}.
   *
   * @returns The key, also when closed.
   */
  getPublicKey(): Promise<string> {
    return Promise.resolve(this.pubkey);
  }

  /**
   * Adds `pubkey`, `id` and `sig` to an event.
   *
   * @param event The event; it is copied.
   * @returns The signed event.
   * @throws {TypeError} When the event has not the shape of one.
   * @throws {CvmError} `CLOSED` after {@linkcode close}.
   */
  signEvent(event: EventTemplate): Promise<NostrEvent> {
    return settle(() => {
      this.#checkOpen();
      return signEventAs(event, this.#pair);
    });
  }

  /**
   * Overwrites the key and all that was derived from it with zeros. What is
   * signed or decrypted afterwards fails with `CLOSED`. Does nothing the second time.
   */
  close(): void {
    this.#closed = true;
    this.#privateKey.fill(0);
    this.#pair.close();
    for (const secret of this.#secrets.values()) secret.fill(0);
    this.#secrets.clear();
  }

  /** The same as {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * What a log shows: the public key.
   *
   * @returns A text without the private key.
   */
  toString(): string {
    return `PrivateKeySigner(${this.pubkey})`;
  }

  /**
   * What JSON holds: the public key.
   *
   * @returns An object without the private key.
   */
  toJSON(): { pubkey: string } {
    return { pubkey: this.pubkey };
  }

  #checkOpen(): void {
    if (this.#closed) {
      throw new CvmError("CLOSED", `The signer of ${this.pubkey} was used after close()`);
    }
  }

  #sharedSecret(pubkey: string): Uint8Array {
    this.#checkOpen();
    const known = this.#secrets.get(pubkey);
    if (known !== undefined) {
      this.#secrets.delete(pubkey);
      this.#secrets.set(pubkey, known);
      return known;
    }
    const secret = sharedSecret(this.#privateKey, pubkey, this.#engine);
    if (this.#cacheSize === 0) return secret;
    for (const oldest of this.#secrets.keys()) {
      if (this.#secrets.size < this.#cacheSize) break;
      this.#secrets.get(oldest)?.fill(0);
      this.#secrets.delete(oldest);
    }
    this.#secrets.set(pubkey, secret);
    return secret;
  }
}

/** The result of a synchronous function as a promise, also when it throws. */
function settle<T>(run: () => T): Promise<T> {
  return new Promise((resolve) => resolve(run()));
}

function checkWhole(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new RangeError(`${name} is a whole number from ${min} up, not ${value}`);
  }
}
