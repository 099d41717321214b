/**
 * How long to wait before the next attempt: exponential back-off with full jitter.
 *
 * @module
 */

/** Options of a {@linkcode Backoff}. */
export interface BackoffOptions {
  /**
   * The bound of the first delay, milliseconds.
   * @default {500}
   */
  readonly initialMs?: number;
  /**
   * The bound of every delay, milliseconds.
   * @default {30_000}
   */
  readonly maxMs?: number;
  /**
   * Randomness in [0, 1).
   * @default {Math.random}
   */
  readonly random?: () => number;
}

/**
 * Delays that grow: each is a random part of a bound that doubles, so that the clients of a relay
 * that restarts do not all come back in the same moment.
 */
export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  /**
   * @param options Bounds and randomness.
   * @throws {RangeError} When a bound is not a positive number, or the first is above the last.
   */
  constructor(options: BackoffOptions = {}) {
    this.#initialMs = options.initialMs ?? 500;
    this.#maxMs = options.maxMs ?? 30_000;
    this.#random = options.random ?? Math.random;
    if (!(this.#initialMs > 0 && this.#maxMs >= this.#initialMs)) {
      throw new RangeError(
        `back-off needs 0 < initialMs <= maxMs, got ${this.#initialMs} and ${this.#maxMs}`,
      );
    }
  }

  /** Failures since the last success that lasted. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Counts a failure.
   * @param workedMs How long things had worked before; as long as the greatest delay, and the
   *   delays start anew. What works only for a moment is not hammered.
   * @param atMostMs The bound of this delay, where it is lower than the one that grows.
   * @returns How long to wait, milliseconds.
   */
  next(workedMs: number = 0, atMostMs: number = Infinity): number {
    if (workedMs >= this.#maxMs) this.#failures = 0;
    const bound = Math.min(this.#maxMs, this.#initialMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return this.within(Math.min(bound, atMostMs));
  }

  /** A random part of a bound, counting nothing. */
  within(boundMs: number): number {
    return this.#random() * boundMs;
  }

  /** Forgets the failures. */
  reset(): void {
    this.#failures = 0;
  }
}
