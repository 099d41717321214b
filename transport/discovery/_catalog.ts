/**
 * The public events of servers while they are looked at: the newest genuine
 * one of each kind, and what was deleted.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import type { RelayPool } from "../relay/pool.ts";
import { DELETION_KIND } from "../wire/kinds.ts";
import { addressOf } from "../wire/tags.ts";
import type { LookupOptions } from "./relay_list.ts";

const logger = getLogger(["cvm", "discovery"]);

/** A larger event is nobody's announcement: content and tags, characters. */
const MAX_EVENT_SIZE = 131_072;
/** Deleted ids that are remembered of a server whose event may still come. */
const MAX_DELETED_IDS = 64;

/** What is known of one author. */
interface Entry {
  readonly events: Map<number, NostrEvent>;
  /** By kind: events up to this time are deleted, seconds. */
  readonly deletedUntil: Map<number, number>;
  readonly deletedIds: Set<string>;
}

/** Options of a {@linkcode Catalog}. */
export interface CatalogOptions {
  /** The kinds that are kept. */
  readonly kinds: readonly number[];
  /** The engine that verifies. */
  readonly engine?: CryptoEngine;
  /** How much is kept in total: content and tags, characters. */
  readonly maxSize: number;
}

/** The newest genuine events of some authors. */
export class Catalog {
  readonly #options: CatalogOptions;
  readonly #entries = new Map<string, Entry>();
  #size = 0;

  /** @param options What is kept. */
  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** How many authors there are. */
  get authors(): number {
    return this.#entries.size;
  }

  /** Whether anything is kept of an author. */
  has(author: string): boolean {
    return this.#entries.has(author);
  }

  /** An author's events by kind, those that are deleted left out; empty for an unknown author. */
  events(author: string): ReadonlyMap<number, NostrEvent> {
    return this.#entries.get(author)?.events ?? new Map();
  }

  /** Whether an event could change anything. Costs little: its signature is not looked at. */
  concerns(event: NostrEvent): boolean {
    if (sizeOf(event) > MAX_EVENT_SIZE) return false;
    const entry = this.#entries.get(event.pubkey);
    if (event.kind === DELETION_KIND) return entry !== undefined;
    if (!this.#options.kinds.includes(event.kind)) return false;
    if (entry === undefined) return true;
    const held = entry.events.get(event.kind);
    return (held === undefined || isNewer(event, held)) &&
      event.created_at > (entry.deletedUntil.get(event.kind) ?? -1) &&
      !entry.deletedIds.has(event.id);
  }

  /**
   * Takes an event in, if it is genuine and changes anything.
   *
   * @returns Whether it did.
   */
  take(event: NostrEvent): boolean {
    if (!this.concerns(event) || !verifyEvent(event, this.#options.engine)) return false;
    if (event.kind === DELETION_KIND) return this.#delete(event);
    const entry = this.#entry(event.pubkey);
    const held = entry.events.get(event.kind);
    const grown = sizeOf(event) - (held === undefined ? 0 : sizeOf(held));
    if (this.#size + grown > this.#options.maxSize) {
      logger.debug("an event of {author} is left out: maxSize is reached", {
        author: event.pubkey,
      });
      return false;
    }
    this.#size += grown;
    entry.events.set(event.kind, event);
    return true;
  }

  /** Takes events in, the newest first, so that older ones are not verified. */
  takeAll(events: readonly NostrEvent[]): void {
    for (const event of [...events].sort((a, b) => isNewer(a, b) ? -1 : 1)) this.take(event);
  }

  /** Forgets an author. */
  forget(author: string): void {
    for (const event of this.events(author).values()) this.#size -= sizeOf(event);
    this.#entries.delete(author);
  }

  /**
   * Asks relays for everything about some authors, and takes it in.
   *
   * @param authors Their public keys.
   * @param pool The relays.
   * @param options The deadline.
   */
  async fetch(
    authors: readonly string[],
    pool: RelayPool,
    options: LookupOptions,
  ): Promise<void> {
    const { kinds } = this.#options;
    this.takeAll(await pool.query([{ kinds, authors }], options));
    const held = authors.flatMap((author) => [...this.events(author).values()]);
    if (held.length === 0) return;
    const common = {
      kinds: [DELETION_KIND],
      authors: [...new Set(held.map(({ pubkey }) => pubkey))],
    };
    const deletions = await pool.query([
      { ...common, "#e": held.map(({ id }) => id) },
      { ...common, "#a": held.map(({ kind, pubkey }) => addressOf(kind, pubkey)) },
    ], options);
    this.takeAll(deletions);
  }

  #entry(author: string): Entry {
    const known = this.#entries.get(author);
    if (known !== undefined) return known;
    const entry = { events: new Map(), deletedUntil: new Map(), deletedIds: new Set<string>() };
    this.#entries.set(author, entry);
    return entry;
  }

  /** NIP-09: what an author deletes is his own, by id, or by address up to the time of the deletion. */
  #delete(deletion: NostrEvent): boolean {
    const entry = this.#entry(deletion.pubkey);
    let changed = false;
    for (const kind of this.#options.kinds) {
      const held = entry.events.get(kind);
      const address = addressOf(kind, deletion.pubkey);
      let until = entry.deletedUntil.get(kind) ?? -1;
      for (const [name, value] of deletion.tags) {
        if (name === "a" && value === address) until = Math.max(until, deletion.created_at);
        // A deleted event takes those with it that it had replaced.
        if (name === "e" && value === held?.id) until = Math.max(until, held?.created_at ?? -1);
      }
      if (until >= 0) entry.deletedUntil.set(kind, until);
      if (held === undefined || held.created_at > until) continue;
      entry.events.delete(kind);
      this.#size -= sizeOf(held);
      changed = true;
    }
    for (const [name, value] of deletion.tags) {
      if (entry.deletedIds.size === MAX_DELETED_IDS) break;
      if (name === "e" && value !== undefined && value.length === 64) entry.deletedIds.add(value);
    }
    return changed;
  }
}

/** The size of an event: content and tags, characters. */
function sizeOf(event: NostrEvent): number {
  let size = event.content.length;
  for (const tag of event.tags) for (const part of tag) size += part.length;
  return size;
}

function isNewer(a: NostrEvent, b: NostrEvent): boolean {
  return a.created_at > b.created_at || (a.created_at === b.created_at && a.id < b.id);
}
