/**
 * What a relay takes at most.
 *
 * @module
 */

/** What a relay takes at most; what is beyond is refused with a reason. */
export interface RelayLimits {
  /** The longest frame, bytes; a longer one ends the connection with code 1009. */
  readonly maxFrameBytes: number;
  /** The longest event as compact JSON, bytes. */
  readonly maxEventBytes: number;
  /** Events from one connection each second; twice as many may come in a burst. */
  readonly maxEventsPerSecond: number;
  /** Open subscriptions of one connection. */
  readonly maxSubscriptions: number;
  /** The longest subscription id, characters. */
  readonly maxSubscriptionIdLength: number;
  /** Filters in one subscription. */
  readonly maxFilters: number;
  /** Values in one field of a filter. */
  readonly maxFilterValues: number;
  /** Stored events for one filter: what a filter without `limit` gets, and the most that counts. */
  readonly maxLimit: number;
  /** Stored events for one subscription, characters; the newest come, older ones are left out. */
  readonly maxReplyLength: number;
  /** How far in the past `created_at` may be, seconds. */
  readonly maxAgeSeconds: number;
  /** How far in the past `created_at` of an ephemeral event may be, seconds. */
  readonly maxEphemeralAgeSeconds: number;
  /** How far in the future `created_at` may be, seconds. */
  readonly maxFutureSeconds: number;
}

/** The limits of a relay that was given none: those of strfry, but for the age of events. */
export const DEFAULT_RELAY_LIMITS: RelayLimits = {
  maxFrameBytes: 131_072,
  maxEventBytes: 65_536,
  maxEventsPerSecond: Infinity,
  maxSubscriptions: 200,
  maxSubscriptionIdLength: 64,
  maxFilters: 20,
  maxFilterValues: 2_000,
  maxLimit: 500,
  maxReplyLength: 4_194_304,
  maxAgeSeconds: Infinity,
  maxEphemeralAgeSeconds: Infinity,
  maxFutureSeconds: 900,
};

/**
 * The limits of a relay: the given ones, and the defaults for the rest.
 *
 * @param limits The limits to set.
 * @returns All limits.
 * @throws {RangeError} When a limit is not a number of at least 0.
 */
export function completeLimits(limits: Partial<RelayLimits> = {}): RelayLimits {
  for (const [name, value] of Object.entries(limits)) {
    if (value !== undefined && !(value >= 0)) {
      throw new RangeError(`Relay limit ${name} is ${value}; it must be a number of at least 0`);
    }
  }
  const given = Object.fromEntries(
    Object.entries(limits).filter(([, value]) => value !== undefined),
  );
  return { ...DEFAULT_RELAY_LIMITS, ...given };
}

const encoder = new TextEncoder();

/**
 * Whether a text is longer than so many bytes of UTF-8, without encoding it
 * where its length alone tells.
 *
 * @param text The text.
 * @param maxBytes The bytes.
 * @returns `true` when it is longer.
 */
export function exceedsBytes(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  if (text.length * 3 <= maxBytes) return false;
  return encoder.encode(text).length > maxBytes;
}
