/**
 * Finding servers by what they say of themselves (CEP-6, CEP-15).
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import { CvmError } from "../../errors.ts";
import type { RelayPool, RelaySubscription } from "../relay/pool.ts";
import { RateLimiter } from "../session/limits.ts";
import { DELETION_KIND } from "../wire/kinds.ts";
import { Catalog } from "./_catalog.ts";
import { matchesServer, mayMatch, relayFilter, type ServerFilter } from "./_server_filter.ts";
import { ANNOUNCEMENT_KINDS, type PublicServer, readPublicServer } from "./public_server.ts";
import type { LookupOptions } from "./relay_list.ts";

export type { PriceFilter, ServerFilter } from "./_server_filter.ts";

const logger = getLogger(["cvm", "discovery"]);

/** Servers that are looked up with one query. */
const BATCH = 20;
/** After so many signatures others get their turn. */
const CHECKS_IN_A_ROW = 32;

/** Options of {@linkcode discover}. */
export interface DiscoverOptions extends ServerFilter, LookupOptions {
  /**
   * Whether to go on after the stored events, with what servers announce and delete from then on.
   * @default {false}
   */
  readonly live?: boolean;
  /**
   * How many servers are looked at, those announced last first; with `live`, how many are kept in mind.
   * @default {1_000}
   */
  readonly maxServers?: number;
  /**
   * How much is kept in mind of all of them together, characters of their events.
   * @default {67_108_864}
   */
  readonly maxSize?: number;
  /**
   * With `live`, how many signatures are checked a second for one relay. What it sends beyond is dropped.
   * @default {100}
   */
  readonly maxChecksPerSecond?: number;
  /** The clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

/** A server that was found. */
export interface DiscoveredServer extends PublicServer {
  /**
   * Whether it is one no longer: it has deleted its announcement, or does not fit the search any more. Only with
   * `live`, and only for a server that was found before.
   */
  readonly gone: boolean;
}

/**
 * Searches relays for servers. Of each server the newest genuine events count,
 * and what it has deleted does not. Each server comes once; with `live` it
 * comes again whenever it has changed, a slow reader gets its latest state, and
 * the search goes on until the signal, or until the loop is left.
 *
 * @param pool The relays. They are asked for the servers, then for everything about each, and all are waited for, up to the deadline of a query.
 * @param options Which servers, and the bounds. The signal ends the search without an error.
 * @returns The servers, those first whose event was found to be the newest.
 * @throws {RelayError} RELAY_UNREACHABLE when no relay could be asked, at the first step.
 * @throws {RangeError} When a bound is not a positive number.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { discover } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * for (const tool of ["forecast", "translate"]) {
 *   const signer = PrivateKeySigner.generate();
 *   const content = JSON.stringify({ capabilities: { tools: {} } });
 *   const tools = JSON.stringify({ tools: [{ name: tool }] });
 *   const common = { created_at: 1, tags: [] };
 *   await pool.publish(await signer.signEvent({ ...common, kind: 11316, content }));
 *   await pool.publish(await signer.signEvent({ ...common, kind: 11317, content: tools }));
 * }
 *
 * const found = await Array.fromAsync(discover(pool, { tool: "forecast" }));
 * assertEquals(found.map(({ tools }) => tools?.items), [[{ name: "forecast" }]]);
 * ```
 */
export function discover(
  pool: RelayPool,
  options: DiscoverOptions = {},
): AsyncIterableIterator<DiscoveredServer> {
  return new Search(pool, options).run();
}

class Search {
  readonly #pool: RelayPool;
  readonly #options: DiscoverOptions;
  readonly #live: boolean;
  readonly #maxServers: number;
  readonly #now: () => number;
  readonly #catalog: Catalog;
  readonly #stop = new AbortController();
  /** Authors to be looked up. */
  readonly #candidates = new Set<string>();
  /** Servers that have changed. */
  readonly #changed = new Set<string>();
  /** Servers that were found, and the ids of the events that made them up. */
  readonly #found = new Map<string, string>();
  readonly #budgets = new Map<string, RateLimiter>();
  #wake: (() => void) | undefined;
  #checks = 0;

  constructor(pool: RelayPool, options: DiscoverOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#live = options.live ?? false;
    this.#now = options.now ?? Date.now;
    this.#maxServers = bound("maxServers", options.maxServers ?? 1_000);
    this.#catalog = new Catalog({
      kinds: ANNOUNCEMENT_KINDS,
      engine: options.engine,
      maxSize: bound("maxSize", options.maxSize ?? 67_108_864),
    });
    bound("maxChecksPerSecond", options.maxChecksPerSecond ?? 100);
  }

  async *run(): AsyncIterableIterator<DiscoveredServer> {
    const { signal } = this.#options;
    if (signal?.aborted) return;
    const onAbort = () => this.#end();
    signal?.addEventListener("abort", onAbort, { once: true });
    let subscription: RelaySubscription | undefined;
    try {
      if (this.#live) subscription = this.#subscribe();
      const filter = relayFilter(this.#options, this.#now(), this.#maxServers);
      const authors = this.#authorsOf(await this.#pool.query([filter], this.#lookup));
      while (!this.#stop.signal.aborted) {
        const batch = await this.#nextBatch(authors);
        const isLookedUp = await this.#lookUp(batch);
        for (const author of isLookedUp ? [...batch, ...this.#changed] : []) {
          if (this.#stop.signal.aborted) return;
          yield* this.#show(author);
        }
        if (batch.length > 0 || this.#changed.size + this.#candidates.size > 0) continue;
        if (!this.#live) return;
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      subscription?.close();
      this.#end();
    }
  }

  get #lookup(): LookupOptions {
    const { timeoutMs, engine } = this.#options;
    return { timeoutMs, engine, signal: this.#stop.signal };
  }

  /** Learns all about some authors; false when the relays did not tell. Once live, that is no error. */
  async #lookUp(authors: readonly string[]): Promise<boolean> {
    if (authors.length === 0) return true;
    try {
      await this.#catalog.fetch(authors, this.#pool, this.#lookup);
      return true;
    } catch (error) {
      if (!(error instanceof CvmError) || !this.#live) throw error;
      logger.warn("servers could not be looked up: {error}", { error });
      for (const author of authors) if (!this.#found.has(author)) this.#catalog.forget(author);
      return false;
    }
  }

  /** The authors of stored events, the newest first, each once, if one of the events is genuine. */
  async *#authorsOf(stored: readonly NostrEvent[]): AsyncGenerator<string> {
    const seen = new Set<string>();
    for (const event of stored) {
      if (seen.size === this.#maxServers) return;
      if (seen.has(event.pubkey) || !this.#concerns(event)) continue;
      if (++this.#checks % CHECKS_IN_A_ROW === 0) await new Promise((turn) => setTimeout(turn));
      if (!verifyEvent(event, this.#options.engine)) continue;
      seen.add(event.pubkey);
      yield event.pubkey;
    }
  }

  async #nextBatch(authors: AsyncGenerator<string>): Promise<readonly string[]> {
    const batch = [...this.#candidates].slice(0, BATCH);
    for (const author of batch) this.#candidates.delete(author);
    while (batch.length < BATCH) {
      const { value, done } = await authors.next();
      if (done) break;
      if (!batch.includes(value)) batch.push(value);
    }
    return batch;
  }

  /** What there is to say of a server now, unless it was said before. */
  *#show(author: string): Generator<DiscoveredServer> {
    this.#changed.delete(author);
    const events = this.#catalog.events(author);
    const server = readPublicServer(author, events, this.#now());
    const fits = events.size > 0 && matchesServer(server, this.#options);
    const ids = [...events.values()].map(({ id }) => id).sort().join();
    const before = this.#found.get(author);
    if (!fits || !this.#live) this.#catalog.forget(author);
    if (fits) {
      if (this.#live) this.#found.set(author, ids);
      if (before !== ids) yield { ...server, gone: false };
    } else if (this.#found.delete(author)) {
      yield { ...server, gone: true };
    }
  }

  #subscribe(): RelaySubscription {
    void this.#endWithPool();
    // All deletions of everybody come along; those of strangers are dropped before anything is computed.
    return this.#pool.subscribe({ kinds: [...ANNOUNCEMENT_KINDS, DELETION_KIND] }, {
      onEvent: (event, { url }) => this.#receive(event, url),
    }, { live: true, essential: false });
  }

  #receive(event: NostrEvent, url: string): void {
    const author = event.pubkey;
    if (this.#stop.signal.aborted || !this.#concerns(event)) return;
    const isKnown = this.#catalog.has(author);
    if (!isKnown && (this.#candidates.has(author) || this.#isFull)) return;
    if (!this.#mayCheck(url)) return;
    if (isKnown) {
      if (!this.#catalog.take(event)) return;
      this.#changed.add(author);
    } else {
      if (!verifyEvent(event, this.#options.engine)) return;
      this.#candidates.add(author);
    }
    this.#wake?.();
  }

  /** Whether an event may matter; costs little. Any event of a known server does, also one with which it stops to fit. */
  #concerns(event: NostrEvent): boolean {
    return this.#catalog.concerns(event) &&
      (this.#catalog.has(event.pubkey) || mayMatch(event, this.#options));
  }

  get #isFull(): boolean {
    return this.#catalog.authors + this.#candidates.size >= this.#maxServers;
  }

  #mayCheck(url: string): boolean {
    const now = this.#now();
    let budget = this.#budgets.get(url);
    if (budget === undefined) {
      budget = new RateLimiter(this.#options.maxChecksPerSecond ?? 100, now);
      this.#budgets.set(url, budget);
    }
    return budget.take(now);
  }

  /** A pool that is closed says nothing more. */
  async #endWithPool(): Promise<void> {
    for await (const _ of this.#pool.status({ signal: this.#stop.signal }));
    this.#end();
  }

  #end(): void {
    this.#stop.abort();
    this.#wake?.();
  }
}

function bound(name: string, value: number): number {
  if (!(value > 0)) throw new RangeError(`${name} must be a positive number, got ${value}`);
  return value;
}
