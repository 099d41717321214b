/**
 * How public events are looked up.
 *
 * @module
 */
import type { LookupOptions } from "./relay_list.ts";

/** Options of what reads events that anybody may have written. */
export interface ReadOptions extends LookupOptions {
  /**
   * Events with a longer content are passed over, bytes of UTF-8.
   * @default {65536}
   */
  readonly maxContentBytes?: number;
}

/** Options of lists of events. */
export interface ListOptions extends ReadOptions {
  /**
   * How many events at most, the newest ones; 2,000 is the greatest value.
   * @default {500}
   */
  readonly limit?: number;
  /** The oldest time, seconds since the epoch, inclusive. */
  readonly since?: number;
  /** The newest time, seconds since the epoch, inclusive. Default: 15 minutes from now, for clocks differ. */
  readonly until?: number;
  /**
   * The clock, milliseconds since the epoch.
   * @default {Date.now}
   */
  readonly now?: () => number;
}
