/**
 * Where a relay keeps events, and the rules of NIP-01 and NIP-09 that every
 * store shares: which kinds replace each other, and what a deletion deletes.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { Filter } from "../relay/filter.ts";

/**
 * What a store did with an event.
 *
 * - `"stored"`: it is there now.
 * - `"duplicate"`: it was there before.
 * - `"superseded"`: a newer version of the replaceable or addressable event is there.
 * - `"deleted"`: its author has deleted it (NIP-09), so it may not come back.
 */
export type AddResult = "stored" | "duplicate" | "superseded" | "deleted";

/**
 * Where a relay keeps events. Operations are synchronous, so that a relay
 * answers frames in the order in which they came.
 */
export interface EventStore {
  /**
   * Stores an event that has been verified, and does what it implies: an older
   * version goes, a kind 5 deletes. Ephemeral kinds never come here.
   */
  add(event: NostrEvent): AddResult;
  /**
   * The events that match any of the filters, each once, newest first, the
   * lowest id first among those of one second.
   *
   * @param filters The filters; each one's `limit` counts for itself.
   * @param maxLimit The limit of a filter that has none, and the highest that counts.
   */
  query(filters: readonly Filter[], maxLimit: number): NostrEvent[];
  /** How many events are stored. */
  readonly size: number;
  /** Lets go of what the store holds. Idempotent. */
  close(): void;
}

/** How a relay treats a kind (NIP-01). */
export type KindClass = "regular" | "replaceable" | "ephemeral" | "addressable";

/** The kind of a deletion request (NIP-09). */
export const DELETION_KIND = 5;

/**
 * How a relay treats a kind (NIP-01).
 *
 * @param kind The kind.
 * @returns Its class.
 */
export function kindClass(kind: number): KindClass {
  if (kind === 0 || kind === 3 || (kind >= 10_000 && kind < 20_000)) return "replaceable";
  if (kind >= 20_000 && kind < 30_000) return "ephemeral";
  if (kind >= 30_000 && kind < 40_000) return "addressable";
  return "regular";
}

/**
 * The address that versions of one event share: `kind:pubkey:d`, where `d` is
 * empty for replaceable kinds (NIP-01).
 *
 * @param event The event.
 * @returns The address, or `undefined` for an event that nothing replaces.
 */
export function eventAddress(event: NostrEvent): string | undefined {
  switch (kindClass(event.kind)) {
    case "replaceable":
      return `${event.kind}:${event.pubkey}:`;
    case "addressable": {
      const d = event.tags.find((tag) => tag[0] === "d")?.[1] ?? "";
      return `${event.kind}:${event.pubkey}:${d}`;
    }
    default:
      return undefined;
  }
}

/** What a deletion request asks for (NIP-09). */
export interface DeletionTargets {
  /** Ids of the author's events (`e` tags). */
  readonly ids: readonly string[];
  /** Addresses of the author's events (`a` tags), whose versions up to the request's time go. */
  readonly addresses: readonly string[];
}

/**
 * What a deletion request asks for (NIP-09): its `e` tags, and those of its
 * `a` tags that name its own author. `k` tags only describe, they delete nothing.
 *
 * @param event An event of kind 5.
 * @returns The ids and addresses; whether an id is its author's is for the store to check.
 */
export function deletionTargets(event: NostrEvent): DeletionTargets {
  const ids: string[] = [];
  const addresses: string[] = [];
  for (const [name, value] of event.tags) {
    if (value === undefined) continue;
    if (name === "e") ids.push(value);
    if (name === "a" && value.split(":")[1] === event.pubkey) addresses.push(value);
  }
  return { ids, addresses };
}

/**
 * The order in which a relay answers (NIP-01): newest first, and the lowest id
 * first among events of one second.
 *
 * @param a An event.
 * @param b Another one.
 * @returns Negative when `a` comes first, as `Array.prototype.sort` wants it.
 */
export function compareNewestFirst(a: NostrEvent, b: NostrEvent): number {
  if (a.created_at !== b.created_at) return b.created_at - a.created_at;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
