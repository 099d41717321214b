/**
 * One timeout at a time.
 *
 * @module
 */

/** The longest delay that `setTimeout` takes, milliseconds. */
const MAX_DELAY_MS = 2_147_483_647;

/** A timeout that its owner can set anew and clear, so that none is ever left behind. */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;

  /** Whether it is running. */
  get isSet(): boolean {
    return this.#handle !== undefined;
  }

  /**
   * Sets it, in the place of what it was set to.
   * @param delayMs How long, milliseconds.
   * @param callback What to do then; must not throw.
   */
  set(delayMs: number, callback: () => void): void {
    this.clear();
    this.#handle = setTimeout(() => {
      this.#handle = undefined;
      callback();
    }, Math.min(delayMs, MAX_DELAY_MS));
  }

  /** Clears it. */
  clear(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }
}

/**
 * Waits for something, but not for ever.
 * @param work What is waited for.
 * @param timeoutMs How long at most, milliseconds.
 */
export async function settleWithin(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = new Timer();
  timer.set(timeoutMs, resolve);
  try {
    await Promise.race([work, promise]);
  } finally {
    timer.clear();
  }
}
