/**
 * The memory that keeps an event from running twice (faults F01).
 *
 * @module
 */

/** What the guard says of an event. */
export type Verdict = "new" | "seen" | "stale";

/** Options of a {@linkcode ReplayGuard}. */
export interface ReplayGuardOptions {
  /** How far `created_at` may lie from the clock, in milliseconds, either way. */
  readonly freshnessMs: number;
  /** Ids that are remembered at most. */
  readonly maxRememberedIds: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/**
 * Remembers the id of each event that ran for as long as the event counts as
 * fresh. When the memory is full, the oldest events leave it and a floor rises
 * behind them: what is as old as they are is refused from then on. So a flood
 * costs clients with slow clocks their access for a while, but can't make
 * anything run twice.
 */
export class ReplayGuard {
  readonly #options: ReplayGuardOptions;
  readonly #bySecond = new Map<number, Set<string>>();
  readonly #ids = new Set<string>();
  #floor = -Infinity;
  #sweptAt = -Infinity;

  /** @param options The window and the size of the memory. */
  constructor(options: ReplayGuardOptions) {
    this.#options = options;
  }

  /** The number of ids that are remembered. */
  get size(): number {
    return this.#ids.size;
  }

  /** Looks an event up and leaves the memory as it is. `createdAt` is in seconds. */
  check(id: string, createdAt: number): Verdict {
    if (this.#ids.has(id)) return "seen";
    const now = this.#options.now();
    const distance = Math.abs(createdAt * 1000 - now);
    return distance > this.#options.freshnessMs || createdAt <= this.#floor ? "stale" : "new";
  }

  /** Looks an event up and remembers it if it is new. `createdAt` is in seconds. */
  admit(id: string, createdAt: number): Verdict {
    const verdict = this.check(id, createdAt);
    if (verdict !== "new") return verdict;
    this.#forgetOld();
    let second = this.#bySecond.get(createdAt);
    if (second === undefined) this.#bySecond.set(createdAt, second = new Set());
    second.add(id);
    this.#ids.add(id);
    return "new";
  }

  #forgetOld(): void {
    const { freshnessMs, maxRememberedIds, now } = this.#options;
    // A clock that was set back must not bring a forgotten event to life: the floor stays.
    const oldest = Math.floor((now() - freshnessMs) / 1000) - 1;
    if (oldest === this.#sweptAt && this.#ids.size < maxRememberedIds) return;
    this.#sweptAt = oldest;
    while (this.#ids.size > 0) {
      const second = Math.min(...this.#bySecond.keys());
      if (second > oldest && this.#ids.size < maxRememberedIds) return;
      for (const id of this.#bySecond.get(second) ?? []) this.#ids.delete(id);
      this.#bySecond.delete(second);
      this.#floor = Math.max(this.#floor, second);
    }
  }
}
