/**
 * Nostr subscription filters (NIP-01).
 *
 * @module
 */

/** A filter: an event matches when it satisfies every field that is there (NIP-01). */
export interface Filter {
  /** Event ids, 64 hex digits each. */
  readonly ids?: readonly string[];
  /** Authors' public keys, 64 hex digits each. */
  readonly authors?: readonly string[];
  /** Event kinds. */
  readonly kinds?: readonly number[];
  /** Oldest `created_at`, seconds, inclusive. */
  readonly since?: number;
  /** Newest `created_at`, seconds, inclusive. */
  readonly until?: number;
  /** How many stored events at most. */
  readonly limit?: number;
  /** Values of a one-letter tag, as in `"#p"`. */
  readonly [tag: `#${string}`]: readonly string[] | undefined;
}
