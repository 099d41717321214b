/**
 * When an MCP server that dies again and again is given up.
 *
 * @module
 */

/** What is too often. */
export interface CrashLoopOptions {
  /**
   * How often an MCP server may die within `windowMs` before it is given up:
   * it is not started again, and the gateway's state is `failed`. With an MCP
   * server for each client, the clients' own are never given up, as they start
   * only when asked for.
   * @default {Infinity}
   */
  readonly maxDeaths?: number;
  /**
   * The time in which deaths are counted together, in milliseconds.
   * @default {300_000}
   */
  readonly windowMs?: number;
}

/** Counts deaths. */
export class CrashLoop {
  /** How many are too many. */
  readonly maxDeaths: number;
  /** In which time, in milliseconds. */
  readonly windowMs: number;
  #deaths: number[] = [];

  /**
   * @param options What is too often.
   * @throws {RangeError} When a bound is not a positive number.
   */
  constructor({ maxDeaths = Infinity, windowMs = 300_000 }: CrashLoopOptions = {}) {
    if (!(maxDeaths >= 1 && windowMs > 0)) {
      throw new RangeError(
        `a crash loop needs maxDeaths >= 1 and windowMs > 0, got ${maxDeaths} and ${windowMs}`,
      );
    }
    this.maxDeaths = maxDeaths;
    this.windowMs = windowMs;
  }

  /**
   * Counts a death.
   *
   * @param now The clock's time, in milliseconds.
   * @returns Whether that was one too many.
   */
  note(now: number): boolean {
    if (this.maxDeaths === Infinity) return false;
    this.#deaths = this.#deaths.filter((at) => now - at < this.windowMs);
    this.#deaths.push(now);
    return this.#deaths.length >= this.maxDeaths;
  }
}
