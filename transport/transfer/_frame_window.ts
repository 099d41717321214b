/**
 * The frames of one sender that are on their way: a bounded number, until a
 * relay has each (CEP-22, CEP-41).
 *
 * @module
 */

/** The frames of one sender that are on their way. */
export class FrameWindow {
  readonly #max: number;
  #inFlight = 0;
  #isAccepted = false;
  #stopped: { readonly reason: unknown } | undefined;
  /**
   * Settles with the next change. A promise that lives as long as the window
   * would keep everything that ever waited for it.
   */
  #change = Promise.withResolvers<void>();

  /** @param max How many frames may be on their way (`limits.maxFramesInFlight`). */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether nothing can be sent any more. */
  get isStopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** Throws the reason of {@linkcode stop}, if it was called. */
  throwIfStopped(): void {
    if (this.#stopped !== undefined) throw this.#stopped.reason;
  }

  /** Counts a frame until it is taken; one that is not taken stops the window. */
  add(taken: Promise<unknown>): void {
    this.#inFlight += 1;
    taken.catch((error) => this.stop(error)).finally(() => {
      this.#inFlight -= 1;
      this.#wake();
    });
  }

  /** The peer takes what is sent. */
  accept(): void {
    this.#isAccepted = true;
    this.#wake();
  }

  /** Nothing can be sent any more; who waits fails with the first reason. */
  stop(reason: unknown): void {
    this.#stopped ??= { reason };
    this.#wake();
  }

  /** Waits until one more frame may leave. Throws the reason of {@linkcode stop}. */
  async room(): Promise<void> {
    await this.#until(() => this.#inFlight < this.#max);
  }

  /** Waits until every frame is taken. Throws the reason of {@linkcode stop}. */
  async empty(): Promise<void> {
    await this.#until(() => this.#inFlight === 0);
  }

  /** Waits for the peer's `accept`, which may be late. Throws the reason of {@linkcode stop}. */
  async accepted(timeoutMs: number, late: () => Error): Promise<void> {
    const timer = setTimeout(() => this.stop(late()), timeoutMs);
    try {
      await this.#until(() => this.#isAccepted);
    } finally {
      clearTimeout(timer);
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!this.isStopped && !condition()) await this.#change.promise;
    this.throwIfStopped();
  }

  #wake(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
