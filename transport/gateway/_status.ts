/**
 * How a gateway is doing, as a stream.
 *
 * @module
 */

/** How a gateway is doing. */
export interface GatewayStatus {
  /**
   * `starting` until the first clients can be served, `up` while the MCP
   * server behind works, `down` while it does not, `failed` when it has died
   * too often and is not started again, `draining` while the last requests come
   * to their end, `closed` at the end. With one MCP server for each client,
   * `down` and `failed` tell of the one that is announced.
   */
  readonly state: "starting" | "up" | "down" | "failed" | "draining" | "closed";
  /** When the state began, in milliseconds since the epoch. */
  readonly since: number;
  /** Why the MCP server is down. */
  readonly reason?: string;
  /** When it is started again, in milliseconds since the epoch. */
  readonly retryAt?: number;
  /** How often it has been started again. */
  readonly restarts: number;
  /** How many clients have a session. */
  readonly sessions: number;
  /**
   * What does the cryptography: `"pure"`, `"wasm"`, `"native"`, or how another engine calls itself;
   * with another one in the signer, both: `"wasm (signer: pure)"`.
   */
  readonly engine: string;
}

/** A value that changes, and those who watch it. A slow reader gets the latest value, not each one. */
export class StatusFeed<T> {
  #value: T;
  #version = 0;
  #ended = false;
  readonly #waiting = new Set<() => void>();

  /** @param value The first value. */
  constructor(value: T) {
    this.#value = value;
  }

  /** The value now. */
  get value(): T {
    return this.#value;
  }

  /** Sets the value. */
  set(value: T): void {
    if (this.#ended) return;
    this.#value = value;
    this.#version++;
    this.#wake();
  }

  /** Sets the last value; those who watch come to their end. */
  end(value: T): void {
    this.set(value);
    this.#ended = true;
    this.#wake();
  }

  /** The value now and whenever it changes, until the end or until `signal` is aborted. */
  async *watch(signal?: AbortSignal): AsyncGenerator<T, void, void> {
    let seen = -1;
    const wake = () => this.#wake();
    signal?.addEventListener("abort", wake);
    try {
      while (!signal?.aborted) {
        if (seen !== this.#version) {
          seen = this.#version;
          yield this.#value;
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => this.#waiting.add(resolve));
        }
      }
    } finally {
      signal?.removeEventListener("abort", wake);
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
