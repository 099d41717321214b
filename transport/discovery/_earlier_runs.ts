/**
 * What relays have of earlier runs of a server.
 *
 * @module
 */
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import type { Signer } from "../../crypto/signer.ts";
import { CvmError } from "../../errors.ts";
import { settleWithin } from "../relay/_timer.ts";
import type { RelayPool } from "../relay/pool.ts";
import { DELETION_KIND } from "../wire/kinds.ts";
import { addressOf } from "../wire/tags.ts";

/** How long relays that answer wait for the others, milliseconds. */
export const OTHER_RELAYS_WAIT_MS = 500;

/** Whose events are looked for, and where. */
export interface EarlierRunsOptions {
  readonly pools: readonly RelayPool[];
  /** The server's key. */
  readonly signer: Signer;
  readonly engine?: CryptoEngine;
  /** What is announced. */
  readonly kinds: readonly number[];
  /** Whether this run made an event. */
  readonly isCurrent: (event: NostrEvent) => boolean;
  /** Told why relays can't be asked. */
  readonly report: (error: unknown) => void;
  /** Ends the search. */
  readonly signal: AbortSignal;
}

/** A search that goes on. */
export interface EarlierRunsSearch {
  /** Settles when those that answer have been heard: whether that was all of them. */
  readonly heard: Promise<boolean>;
  /** All that is there; `undefined` when no relay can be asked. */
  readonly all: Promise<readonly NostrEvent[] | undefined>;
}

/** The server's own genuine events on relays, and when the newest of each kind was made. */
export class EarlierRuns {
  readonly #options: EarlierRunsOptions;
  /** By kind: when the newest event was made or deleted, seconds. */
  readonly #times = new Map<number, number>();

  /** @param options Whose events, and where. */
  constructor(options: EarlierRunsOptions) {
    this.#options = options;
  }

  /**
   * The latest time, in seconds, at which something of a kind was made or deleted, as far as has
   * been heard. What was deleted can't be announced at the same time: a deletion holds up to its own.
   */
  timeOf(kind: number): number | undefined {
    return this.#times.get(kind);
  }

  /** Asks all relays at once. */
  search(): EarlierRunsSearch {
    const searches = this.#options.pools.map((pool) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      return { heard: promise, all: this.#ask(pool, resolve).finally(resolve) };
    });
    const all = Promise.all(searches.map(({ all }) => all)).then((found) => {
      const known = found.filter((events) => events !== undefined);
      return known.length === 0 ? undefined : known.flat();
    });
    const each = searches.map(({ heard }) => heard);
    const soon = Promise.race(each)
      .then(() => settleWithin(Promise.all(each), OTHER_RELAYS_WAIT_MS));
    const heard = Promise.race([all.then(() => true), soon.then(() => false)]);
    heard.catch(() => {}); // who waits for all only is told there
    return { heard, all };
  }

  /** What the relays of a pool have; `undefined` when none of them can be asked. */
  async #ask(pool: RelayPool, onHeard: () => void): Promise<readonly NostrEvent[] | undefined> {
    const { signer, kinds, report, signal } = this.#options;
    try {
      const author = await signer.getPublicKey();
      const addresses = new Map(kinds.map((kind) => [addressOf(kind, author), kind]));
      const filters = [
        { kinds, authors: [author] },
        { kinds: [DELETION_KIND], authors: [author], "#a": [...addresses.keys()] },
      ];
      const events = await pool.query(filters, {
        signal,
        onHeard: (events) => {
          this.#note(events, addresses);
          onHeard();
        },
      });
      return this.#note(events, addresses);
    } catch (error) {
      if (!(error instanceof CvmError) && !signal.aborted) throw error;
      report(error);
      return undefined;
    }
  }

  /** Those that are genuine, deletions apart. */
  #note(
    events: readonly NostrEvent[],
    addresses: ReadonlyMap<string, number>,
  ): readonly NostrEvent[] {
    const { engine, isCurrent } = this.#options;
    const genuine = events.filter((event) => verifyEvent(event, engine));
    for (const event of genuine) {
      if (isCurrent(event)) continue;
      const kinds = event.kind === DELETION_KIND
        ? event.tags.flatMap(([name, value = ""]) => name === "a" ? addresses.get(value) ?? [] : [])
        : [event.kind];
      for (const kind of kinds) {
        this.#times.set(kind, Math.max(event.created_at, this.#times.get(kind) ?? 0));
      }
    }
    return genuine.filter(({ kind }) => kind !== DELETION_KIND);
  }
}
