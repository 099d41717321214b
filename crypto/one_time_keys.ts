/**
 * The keys of gift wraps, each for one wrap, made ahead where that may be.
 *
 * @module
 */
import type { CryptoEngine } from "./engine.ts";
import { type KeyPair, openKeyPair } from "./key_pair.ts";
import { conversationKey } from "./nip44.ts";

/** After so long a key that waits for its recipient yields to that of another one, milliseconds. */
const YIELDS_AFTER_MS = 60_000;

/** A key for one gift wrap to one recipient, and what is derived from it. */
export interface OneTimeKey {
  /** The key. */
  readonly pair: KeyPair;
  /** What it shares with the recipient. */
  readonly conversationKey: Uint8Array;
  /** Overwrites all of it. */
  close(): void;
}

/**
 * Makes a key for one gift wrap.
 *
 * @throws {TypeError} When the recipient is not 64 lower-case hex digits.
 * @throws {RangeError} When the recipient is not on the curve.
 */
export function makeOneTimeKey(recipient: string, engine: CryptoEngine): OneTimeKey {
  const privateKey = engine.generatePrivateKey();
  let pair: KeyPair | undefined;
  const close = () => {
    privateKey.fill(0);
    pair?.close();
  };
  try {
    const shared = conversationKey(privateKey, recipient, engine);
    pair = openKeyPair(privateKey, engine);
    return {
      pair,
      conversationKey: shared,
      close: () => {
        shared.fill(0);
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** How {@linkcode OneTimeKeys} works. */
export interface OneTimeKeysOptions {
  /** What makes the keys. */
  readonly engine: CryptoEngine;
  /**
   * How many keys are made ahead at most; `0` for none.
   * @default {64}
   */
  readonly maxPrepared?: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/**
 * Makes the keys of gift wraps, and after each wrap the next key for the same
 * recipient, when the program has nothing else to do: whoever waits for an
 * answer does not wait for that. No more work is done than without it, for a
 * key that was made stays until it is used.
 */
export class OneTimeKeys implements Disposable {
  readonly #engine: CryptoEngine;
  readonly #maxPrepared: number;
  readonly #now: () => number;
  /** By recipient, the one prepared first in front. */
  readonly #prepared = new Map<string, { readonly key: OneTimeKey; readonly since: number }>();
  readonly #wanted = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param options What makes the keys, and how many. */
  constructor(options: OneTimeKeysOptions) {
    this.#engine = options.engine;
    this.#maxPrepared = options.maxPrepared ?? 64;
    this.#now = options.now;
  }

  /**
   * A key for one wrap; whoever takes it closes it.
   *
   * @throws {TypeError} When the recipient is not 64 lower-case hex digits.
   * @throws {RangeError} When the recipient is not on the curve.
   */
  take(recipient: string): OneTimeKey {
    const prepared = this.#prepared.get(recipient);
    this.#prepared.delete(recipient);
    const key = prepared?.key ?? makeOneTimeKey(recipient, this.#engine);
    this.#want(recipient);
    return key;
  }

  /** Keys that are ready. */
  get prepared(): number {
    return this.#prepared.size;
  }

  /** Overwrites all keys that are ready. {@linkcode take} still works, and prepares nothing. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#wanted.clear();
    for (const { key } of this.#prepared.values()) key.close();
    this.#prepared.clear();
  }

  /** The same as {@linkcode close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #want(recipient: string): void {
    if (this.#closed || this.#wanted.size >= this.#maxPrepared) return;
    this.#wanted.add(recipient);
    if (this.#wanted.size === 1) this.#timer = setTimeout(() => this.#prepareOne(), 0);
  }

  /** One key at a time, so that what has arrived meanwhile comes first. */
  #prepareOne(): void {
    const [recipient] = this.#wanted;
    if (recipient === undefined) return;
    this.#wanted.delete(recipient);
    if (this.#makeRoom()) {
      const key = makeOneTimeKey(recipient, this.#engine);
      this.#prepared.set(recipient, { key, since: this.#now() });
    }
    if (this.#wanted.size > 0) this.#timer = setTimeout(() => this.#prepareOne(), 0);
  }

  /** A key is not thrown away for another one while it is likely to be used: that would be work for nothing. */
  #makeRoom(): boolean {
    if (this.#prepared.size < this.#maxPrepared) return true;
    for (const [recipient, { key, since }] of this.#prepared) {
      if (this.#now() - since < YIELDS_AFTER_MS) return false;
      key.close();
      this.#prepared.delete(recipient);
      return true;
    }
    return false;
  }
}
