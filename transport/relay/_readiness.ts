/**
 * Waiting until a pool can be used.
 *
 * @module
 */
import { RelayError } from "../../errors.ts";
import { Timer } from "./_timer.ts";
import type { RelayConnection } from "./connection.ts";

/** How a {@linkcode Readiness} is waited for. */
export interface ReadinessOptions {
  readonly connections: readonly RelayConnection[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onEnd: () => void;
}

/** The wait for the first relay that is open and whose essential subscriptions are live. */
export class Readiness {
  /** Resolves when a relay is ready. */
  readonly done: Promise<void>;
  readonly #options: ReadinessOptions;
  readonly #timer = new Timer();
  readonly #onAbort = () => this.fail(this.#options.signal?.reason);
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;

  /** @param options Whom to wait for, and how long. */
  constructor(options: ReadinessOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#options = options;
    this.#timer.set(options.timeoutMs, () => this.#giveUp(`within ${options.timeoutMs} ms`));
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Looks at the relays: called at every change of one of them. */
  check(): void {
    const { connections } = this.#options;
    if (connections.some((connection) => connection.isReady)) {
      this.#resolve();
      this.#end();
    } else if (connections.every((connection) => connection.isHopeless)) {
      this.#giveUp("after several attempts");
    }
  }

  /**
   * Ends the wait.
   * @param error What the caller is told.
   */
  fail(error: unknown): void {
    this.#reject(error);
    this.#end();
  }

  #giveUp(when: string): void {
    const { connections } = this.#options;
    const failures = connections.map((connection) => (
      { url: connection.url, reason: connection.describeUnready() }
    ));
    if (connections.some((connection) => connection.isRefused)) {
      const what = `no relay granted the subscriptions ${when}`;
      return this.fail(new RelayError("SUBSCRIPTION_REFUSED", what, failures));
    }
    const what = connections.some((connection) => connection.isOpen)
      ? `no relay answered the subscriptions ${when}`
      : `no relay could be reached ${when}`;
    this.fail(new RelayError("RELAY_UNREACHABLE", what, failures));
  }

  #end(): void {
    this.#timer.clear();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#options.onEnd();
  }
}
