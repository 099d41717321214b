/**
 * Where a client meets a server (CEP-17): on the relays of its address, else
 * on those of its relay list, else on the fallback, else where its list was
 * looked for. The first place where a relay can be reached is taken.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { InputError, RelayError, type RelayFailure } from "../../errors.ts";
import {
  DEFAULT_DISCOVERY_RELAYS,
  fetchRelayList,
  isUnmarked,
  type RelayList,
  relayUrls,
} from "../discovery/relay_list.ts";
import { settleWithin } from "../relay/_timer.ts";
import { RelayPool, type RelayPoolOptions } from "../relay/pool.ts";
import { normalizeRelayUrl } from "../relay/url.ts";

const logger = getLogger(["cvm", "discovery"]);

/** How long a list that is there waits for the relays that may know a newer one, milliseconds. */
const OTHER_RELAYS_WAIT_MS = 1_000;

/** What {@linkcode meetServer} works from. */
export interface RelaySources {
  /** The server's public key, hex. */
  readonly server: string;
  /** Relay hints of the server's address. */
  readonly hints: readonly string[];
  /** Where to look the relay list up, and the last resort. */
  readonly discoveryRelays?: readonly string[];
  /** What to use when there is no relay list, or none of its relays can be reached. */
  readonly fallbackRelays?: readonly string[];
  /** How to connect. */
  readonly poolOptions: RelayPoolOptions;
  /** The engine that verifies. */
  readonly engine?: CryptoEngine;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/**
 * Connects to the first of the places where the server may be met that can be reached.
 *
 * @param sources What is known of the server.
 * @returns The relays there; one of them at least is connected.
 * @throws {RelayError} RELAY_UNREACHABLE with the reason of each relay when no place could be reached.
 * @throws {InputError} RELAY_URL_INVALID when there is no relay to try at all.
 */
export async function meetServer(sources: RelaySources): Promise<RelayPool> {
  const { discoveryRelays = DEFAULT_DISCOVERY_RELAYS, fallbackRelays = [] } = sources;
  const hints = relayUrls(sources.hints);
  if (hints.length < sources.hints.length) {
    logger.warn("not all relay hints of the server's address are used: {hints}", {
      hints: sources.hints,
    });
  }
  const places = new Places(sources);
  let pool = await places.tryRelays(hints);
  if (pool !== undefined) return pool;
  let bootstrap = discoveryRelays.map(normalizeRelayUrl);
  try {
    for await (const { relays } of relayLists(bootstrap, sources)) {
      // The unmarked relays are the server's usual ones; the others count only where those can't be reached.
      pool = await places.tryRelays(relays.filter(isUnmarked).map(({ url }) => url)) ??
        await places.tryRelays(relays.map(({ url }) => url));
      if (pool !== undefined) return pool;
    }
  } catch (error) {
    places.noteFailure(error);
    bootstrap = []; // they were just tried
  }
  pool = await places.tryRelays(fallbackRelays.map(normalizeRelayUrl)) ??
    await places.tryRelays(bootstrap);
  return pool ?? places.giveUp();
}

/** The relay list that those know who answer soon, and the newest of all, if that is another one. */
async function* relayLists(
  urls: readonly string[],
  { server, poolOptions, signal, engine }: RelaySources,
): AsyncGenerator<RelayList> {
  if (urls.length === 0) return;
  // Not `await using`: Node 22 and some browsers can't read it.
  const pool = new RelayPool(urls, poolOptions);
  try {
    const heard = Promise.withResolvers<RelayList | undefined>();
    const newest = fetchRelayList(pool, server, { signal, engine, onHeard: heard.resolve });
    const soon = heard.promise.then(async (list) => {
      await settleWithin(newest, OTHER_RELAYS_WAIT_MS);
      return list;
    });
    const first = await Promise.race([newest, soon]);
    if (first !== undefined) yield first;
    const last = await newest;
    if (last !== undefined && last.event.id !== first?.event.id) yield last;
  } finally {
    await pool.close();
  }
}

/** Tries relays, each once, and remembers what was wrong with them. */
class Places {
  readonly #sources: RelaySources;
  readonly #tried = new Set<string>();
  readonly #failures: RelayFailure[] = [];

  constructor(sources: RelaySources) {
    this.#sources = sources;
  }

  /** A pool of those relays that were not tried before, if one of them can be reached. */
  async tryRelays(urls: readonly string[]): Promise<RelayPool | undefined> {
    const fresh = urls.filter((url) => !this.#tried.has(url));
    if (fresh.length === 0) return undefined;
    for (const url of fresh) this.#tried.add(url);
    const pool = new RelayPool(fresh, this.#sources.poolOptions);
    try {
      await pool.ready({ signal: this.#sources.signal });
      return pool;
    } catch (error) {
      await pool.close();
      this.noteFailure(error);
      return undefined;
    }
  }

  /** Keeps what was wrong with relays. @throws What is no failure of relays. */
  noteFailure(error: unknown): void {
    if (!(error instanceof RelayError) || this.#sources.signal.aborted) throw error;
    logger.warn("the server can't be met there: {error}", { error });
    this.#failures.push(...error.failures);
  }

  giveUp(): never {
    if (this.#failures.length > 0) {
      const tried = "none of the relays on which the server may be met can be reached";
      throw new RelayError("RELAY_UNREACHABLE", tried, this.#failures);
    }
    throw new InputError(
      "RELAY_URL_INVALID",
      "no relay to reach the server on: name one, or use an nprofile address that does",
    );
  }
}
