/**
 * Finds the subscriptions that an event may interest without asking each one.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { Filter } from "../relay/filter.ts";

/** What the index needs to know of a subscription. */
export interface IndexedSubscription {
  /** Its filters. */
  readonly filters: readonly Filter[];
}

/**
 * Subscriptions by what their filters ask for. Each filter is entered under
 * the values of its most telling field: ids, else `#p`, else authors, else
 * kinds, else under one key that every event looks up.
 *
 * @typeParam S The subscriptions.
 */
export class SubscriptionIndex<S extends IndexedSubscription> {
  readonly #all = new Set<S>();
  readonly #byKey = new Map<string, Set<S>>();

  /** All subscriptions, in the order in which they were added. */
  get all(): ReadonlySet<S> {
    return this.#all;
  }

  /**
   * Enters a subscription.
   * @param subscription The subscription.
   */
  add(subscription: S): void {
    this.#all.add(subscription);
    for (const key of subscription.filters.flatMap(filterKeys)) {
      const subscriptions = this.#byKey.get(key);
      if (subscriptions === undefined) this.#byKey.set(key, new Set([subscription]));
      else subscriptions.add(subscription);
    }
  }

  /**
   * Takes a subscription out.
   * @param subscription The subscription.
   */
  delete(subscription: S): void {
    this.#all.delete(subscription);
    for (const key of subscription.filters.flatMap(filterKeys)) {
      const subscriptions = this.#byKey.get(key);
      subscriptions?.delete(subscription);
      if (subscriptions?.size === 0) this.#byKey.delete(key);
    }
  }

  /**
   * The subscriptions one of whose filters may match; the filters have yet to be asked.
   * @param event The event.
   * @returns Each subscription once.
   */
  candidates(event: NostrEvent): ReadonlySet<S> {
    const found = new Set<S>();
    for (const key of eventKeys(event)) {
      for (const subscription of this.#byKey.get(key) ?? []) found.add(subscription);
    }
    return found;
  }
}

function filterKeys(filter: Filter): string[] {
  if (filter.ids !== undefined) return filter.ids.map((id) => `id:${id}`);
  const recipients = filter["#p"];
  if (recipients !== undefined) return recipients.map((pubkey) => `p:${pubkey}`);
  if (filter.authors !== undefined) return filter.authors.map((pubkey) => `author:${pubkey}`);
  if (filter.kinds !== undefined) return filter.kinds.map((kind) => `kind:${kind}`);
  return ["any"];
}

function eventKeys(event: NostrEvent): string[] {
  const keys = ["any", `id:${event.id}`, `author:${event.pubkey}`, `kind:${event.kind}`];
  for (const [name, value] of event.tags) {
    if (name === "p" && value !== undefined) keys.push(`p:${value}`);
  }
  return keys;
}
