/**
 * A relay's events in memory.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { type Filter, matchFilter } from "../relay/filter.ts";
import {
  type AddResult,
  compareNewestFirst,
  DELETION_KIND,
  deletionTargets,
  eventAddress,
  type EventStore,
} from "./store.ts";

/** Settings of a {@linkcode MemoryEventStore}. */
export interface MemoryEventStoreOptions {
  /**
   * How many events are kept; the oldest go first. As many deletions are remembered.
   * @default {100_000}
   */
  readonly maxEvents?: number;
}

/**
 * An {@linkcode EventStore} in memory, indexed by author, kind and one-letter
 * tags. What it holds is bounded: above `maxEvents` the oldest event goes.
 */
export class MemoryEventStore implements EventStore {
  readonly #maxEvents: number;
  readonly #byId = new Map<string, NostrEvent>();
  readonly #byAddress = new Map<string, NostrEvent>();
  readonly #all = new SortedEvents();
  readonly #index = new Map<string, SortedEvents>();
  /** `pubkey:id` or an address → `created_at` of the newest deletion of it. */
  readonly #deletions = new Map<string, number>();

  /**
   * Makes an empty store.
   * @param options How much to keep.
   * @throws {RangeError} When `maxEvents` is below 1.
   */
  constructor(options: MemoryEventStoreOptions = {}) {
    this.#maxEvents = options.maxEvents ?? 100_000;
    if (!(this.#maxEvents >= 1)) {
      throw new RangeError(`maxEvents is ${this.#maxEvents}; it must be at least 1`);
    }
  }

  /** How many events are stored. */
  get size(): number {
    return this.#byId.size;
  }

  /**
   * Stores an event and does what it implies.
   * @param event A verified event that is not ephemeral.
   * @returns What happened.
   */
  add(event: NostrEvent): AddResult {
    if (this.#byId.has(event.id)) return "duplicate";
    const address = eventAddress(event);
    if (this.#isDeleted(event, address)) return "deleted";
    if (address !== undefined) {
      const held = this.#byAddress.get(address);
      if (held !== undefined) {
        if (compareNewestFirst(held, event) < 0) return "superseded";
        this.#remove(held);
      }
      this.#byAddress.set(address, event);
    }
    this.#byId.set(event.id, event);
    this.#all.add(event);
    for (const key of indexKeys(event)) {
      const list = this.#index.get(key);
      if (list === undefined) this.#index.set(key, new SortedEvents(event));
      else list.add(event);
    }
    if (event.kind === DELETION_KIND) this.#delete(event);
    while (this.#byId.size > this.#maxEvents) this.#remove(this.#all.oldest());
    return "stored";
  }

  /**
   * The events that match any of the filters.
   * @param filters The filters.
   * @param maxLimit The limit of a filter that has none, and the highest that counts.
   * @returns Each event once, newest first.
   */
  query(filters: readonly Filter[], maxLimit: number): NostrEvent[] {
    const found = new Set<NostrEvent>();
    for (const filter of filters) {
      const limit = Math.min(filter.limit ?? maxLimit, maxLimit);
      let count = 0;
      for (const event of this.#candidates(filter)) {
        if (count >= limit) break;
        if (!matchFilter(filter, event)) continue;
        found.add(event);
        count++;
      }
    }
    return [...found].sort(compareNewestFirst);
  }

  /** Forgets everything. */
  close(): void {
    this.#byId.clear();
    this.#byAddress.clear();
    this.#all.clear();
    this.#index.clear();
    this.#deletions.clear();
  }

  /** The shortest list of events, newest first, that holds all that can match. */
  #candidates(filter: Filter): Iterable<NostrEvent> {
    if (filter.ids !== undefined) {
      return mergeNewestFirst([
        [...new Set(filter.ids)].flatMap((id) => this.#byId.get(id) ?? []),
      ]);
    }
    let best: SortedEvents[] = [this.#all];
    let bestSize = this.#all.size;
    for (const keys of filterKeys(filter)) {
      const lists = [...new Set(keys)].flatMap((key) => this.#index.get(key) ?? []);
      const size = lists.reduce((sum, list) => sum + list.size, 0);
      if (size < bestSize) {
        best = lists;
        bestSize = size;
      }
    }
    return best.length === 1 ? best[0] : mergeNewestFirst(best);
  }

  #isDeleted(event: NostrEvent, address: string | undefined): boolean {
    if (event.kind === DELETION_KIND) return false;
    if (this.#deletions.has(`${event.pubkey}:${event.id}`)) return true;
    if (address === undefined) return false;
    return event.created_at <= (this.#deletions.get(address) ?? -1);
  }

  #delete(request: NostrEvent): void {
    const { ids, addresses } = deletionTargets(request);
    for (const id of ids) {
      this.#remember(`${request.pubkey}:${id}`, request.created_at);
      const held = this.#byId.get(id);
      if (held?.pubkey === request.pubkey && held.kind !== DELETION_KIND) this.#remove(held);
    }
    for (const address of addresses) {
      this.#remember(address, request.created_at);
      const held = this.#byAddress.get(address);
      if (held !== undefined && held.created_at <= request.created_at) this.#remove(held);
    }
  }

  #remember(target: string, createdAt: number): void {
    const newest = Math.max(createdAt, this.#deletions.get(target) ?? 0);
    this.#deletions.delete(target);
    this.#deletions.set(target, newest);
    if (this.#deletions.size > this.#maxEvents) {
      for (const oldest of this.#deletions.keys()) {
        this.#deletions.delete(oldest);
        break;
      }
    }
  }

  #remove(event: NostrEvent): void {
    this.#byId.delete(event.id);
    this.#all.remove(event);
    const address = eventAddress(event);
    if (address !== undefined && this.#byAddress.get(address) === event) {
      this.#byAddress.delete(address);
    }
    for (const key of indexKeys(event)) {
      const list = this.#index.get(key);
      list?.remove(event);
      if (list?.size === 0) this.#index.delete(key);
    }
  }
}

/** The keys under which an event is indexed, each once. */
function indexKeys(event: NostrEvent): Set<string> {
  const keys = new Set([`kind:${event.kind}`, `author:${event.pubkey}`]);
  for (const [name, value] of event.tags) {
    if (name?.length === 1 && value !== undefined) keys.add(`#${name}:${value}`);
  }
  return keys;
}

/** The alternatives by which a filter can be looked up. */
function filterKeys(filter: Filter): string[][] {
  const alternatives: string[][] = [];
  for (const [field, values] of Object.entries(filter)) {
    if (!Array.isArray(values)) continue;
    if (field === "kinds") alternatives.push(values.map((kind) => `kind:${kind}`));
    else if (field === "authors") alternatives.push(values.map((key) => `author:${key}`));
    else if (field.startsWith("#")) alternatives.push(values.map((value) => `${field}:${value}`));
  }
  return alternatives;
}

function mergeNewestFirst(lists: readonly Iterable<NostrEvent>[]): NostrEvent[] {
  const events = new Set<NostrEvent>();
  for (const list of lists) {
    for (const event of list) events.add(event);
  }
  return [...events].sort(compareNewestFirst);
}

/** Events in order; oldest first in memory, so that the usual insertion, of the newest, is an append. */
class SortedEvents implements Iterable<NostrEvent> {
  readonly #events: NostrEvent[];

  constructor(...events: NostrEvent[]) {
    this.#events = events;
  }

  get size(): number {
    return this.#events.length;
  }

  oldest(): NostrEvent {
    return this.#events[0];
  }

  add(event: NostrEvent): void {
    this.#events.splice(this.#position(event), 0, event);
  }

  remove(event: NostrEvent): void {
    const position = this.#position(event);
    if (this.#events[position] === event) this.#events.splice(position, 1);
  }

  clear(): void {
    this.#events.length = 0;
  }

  /** Newest first. */
  *[Symbol.iterator](): Iterator<NostrEvent> {
    for (let index = this.#events.length - 1; index >= 0; index--) yield this.#events[index];
  }

  /** The first place whose event is not older than this one. */
  #position(event: NostrEvent): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareNewestFirst(this.#events[middle], event) > 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
