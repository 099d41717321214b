/**
 * Nostr subscription filters (NIP-01).
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";

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

/**
 * Whether an event satisfies a filter (NIP-01). `limit` plays no part: it
 * counts stored events and says nothing about a single one.
 *
 * @param filter The filter.
 * @param event The event.
 * @returns `true` when every field of the filter that is there matches.
 */
export function matchFilter(filter: Filter, event: NostrEvent): boolean {
  return matchFilterIgnoringTags(filter, event) && matchTags(filter, event);
}

/**
 * Whether an event satisfies every field of a filter but its tags: what a
 * relay checks that ignores tag filters on live delivery.
 *
 * @param filter The filter.
 * @param event The event.
 * @returns `true` when `ids`, `authors`, `kinds`, `since` and `until` match.
 */
export function matchFilterIgnoringTags(filter: Filter, event: NostrEvent): boolean {
  return (filter.kinds === undefined || filter.kinds.includes(event.kind)) &&
    (filter.authors === undefined || filter.authors.includes(event.pubkey)) &&
    (filter.ids === undefined || filter.ids.includes(event.id)) &&
    (filter.since === undefined || event.created_at >= filter.since) &&
    (filter.until === undefined || event.created_at <= filter.until);
}

function matchTags(filter: Filter, event: NostrEvent): boolean {
  for (const key in filter) {
    if (!isTagKey(key)) continue;
    const wanted = filter[key];
    if (wanted === undefined) continue;
    const name = key.slice(1);
    if (!event.tags.some((tag) => tag[0] === name && wanted.includes(tag[1]))) return false;
  }
  return true;
}

/** Whether a field of a filter names a tag, as `"#p"` does. */
function isTagKey(key: string): key is `#${string}` {
  return key.startsWith("#");
}
