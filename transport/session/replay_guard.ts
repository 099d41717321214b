/**
 * The memory that keeps an event from running twice (faults F01).
 *
 * @module
 */

/** What the guard says of an event. */
export type Verdict = "new" | "seen" | "stale";

/** What was kept when an earlier process ended. */
export interface KeptEvents {
  /** Every event up to this second is refused, listed or not. Absent: none is for its age alone. */
  readonly floor?: number;
  /** Ids of events that have run, and their `created_at` in seconds. */
  readonly events: Iterable<readonly [id: string, createdAt: number]>;
}

/**
 * Keeps which events have run beyond the life of a process, so that they do
 * not run again after a restart, by whatever way they come. Its methods are
 * synchronous: an event runs only once it is kept. What they throw keeps it
 * from running.
 */
export interface ReplayMemory {
  /** What was kept; asked for once, at the start. */
  load(): KeptEvents;
  /**
   * Keeps an event that is about to run.
   *
   * @param id The event's id.
   * @param createdAt Its `created_at`, in seconds.
   */
  add(id: string, createdAt: number): void;
  /**
   * Drops the events up to a second, and keeps that second as the floor.
   *
   * @param floor The last second that is dropped.
   */
  forget(floor: number): void;
}

/** Options of a {@linkcode ReplayGuard}. */
export interface ReplayGuardOptions {
  /** How far `created_at` may lie from the clock, in milliseconds, either way. */
  readonly freshnessMs: number;
  /** Ids that are remembered at most. */
  readonly maxRememberedIds: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Keeps them beyond the life of the process. */
  readonly memory?: ReplayMemory;
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
    if (options.memory !== undefined) this.#load(options.memory.load());
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
    this.#options.memory?.add(id, createdAt);
    this.#remember(id, createdAt);
    return "new";
  }

  /** A floor beyond the window comes from a clock that was wrong: it must not keep everybody out for good. */
  #load({ floor = -Infinity, events }: KeptEvents): void {
    const { freshnessMs, now } = this.#options;
    this.#floor = Math.min(floor, Math.floor((now() + freshnessMs) / 1000));
    for (const [id, createdAt] of events) this.#remember(id, createdAt);
    this.#forgetOld();
  }

  #remember(id: string, createdAt: number): void {
    let second = this.#bySecond.get(createdAt);
    if (second === undefined) this.#bySecond.set(createdAt, second = new Set());
    second.add(id);
    this.#ids.add(id);
  }

  #forgetOld(): void {
    const { freshnessMs, maxRememberedIds, now, memory } = this.#options;
    // A clock that was set back must not bring a forgotten event to life: the floor stays.
    const oldest = Math.floor((now() - freshnessMs) / 1000) - 1;
    if (oldest === this.#sweptAt && this.#ids.size < maxRememberedIds) return;
    this.#sweptAt = oldest;
    let forgotten: number | undefined;
    for (const second of [...this.#bySecond.keys()].sort((a, b) => a - b)) {
      if (second > oldest && this.#ids.size < maxRememberedIds) break;
      for (const id of this.#bySecond.get(second) ?? []) this.#ids.delete(id);
      this.#bySecond.delete(second);
      forgotten = second;
    }
    if (forgotten === undefined) return;
    this.#floor = Math.max(this.#floor, forgotten);
    memory?.forget(this.#floor);
  }
}
