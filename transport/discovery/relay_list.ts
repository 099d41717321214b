/**
 * The relays on which a server can be reached (CEP-17, NIP-65).
 *
 * @module
 */
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type EventTemplate, type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import { CvmError } from "../../errors.ts";
import type { RelayPool } from "../relay/pool.ts";
import { normalizeRelayUrl } from "../relay/url.ts";
import { RELAY_LIST_KIND } from "../wire/kinds.ts";

/** Relays that are taken from a relay list; a longer list is nobody's real one. */
const MAX_RELAYS = 8;

/**
 * The relays where servers are looked up when nothing else says where: those
 * that the other implementations use for the same purpose.
 */
export const DEFAULT_DISCOVERY_RELAYS: readonly string[] = [
  "wss://relay.damus.io",
  "wss://relay.primal.net",
  "wss://nos.lol",
  "wss://relay.snort.social",
  "wss://nostr.mom",
  "wss://nostr.oxtr.dev",
];

/** Options of queries for public events. */
export interface LookupOptions {
  /** Gives up the lookup. */
  readonly signal?: AbortSignal;
  /** How long to wait for slow relays, in milliseconds. Default: the pool's `queryTimeoutMs`. */
  readonly timeoutMs?: number;
  /** The engine that verifies. */
  readonly engine?: CryptoEngine;
}

/**
 * The newest of several events: the highest `created_at`, then the lowest id
 * (NIP-01). Events whose signature does not hold do not count.
 */
export function newestGenuine(
  events: readonly NostrEvent[],
  engine?: CryptoEngine,
): NostrEvent | undefined {
  return [...events]
    .sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1))
    .find((event) => verifyEvent(event, engine));
}

/**
 * Looks up the relays of a server.
 *
 * @param pool The relays to ask; all of them are waited for, up to the deadline.
 * @param server The server's public key, hex.
 * @param options The deadline and the engine.
 * @returns Normalized URLs, unmarked ones first; `undefined` when there is no relay list.
 * @throws {RelayError} RELAY_UNREACHABLE when no relay could be asked.
 */
export async function fetchRelayList(
  pool: RelayPool,
  server: string,
  options: LookupOptions = {},
): Promise<readonly string[] | undefined> {
  const events = await pool.query([{ kinds: [RELAY_LIST_KIND], authors: [server] }], options);
  const event = newestGenuine(events, options.engine);
  return event && parseRelayList(event);
}

/** The relays of a relay list: normalized, without what is not a relay URL, unmarked ones first, 8 at most. */
export function parseRelayList(event: NostrEvent): readonly string[] {
  const entries = event.tags.filter((tag) => tag[0] === "r" && tag[1] !== undefined);
  const ordered = [
    ...entries.filter((tag) => tag[2] === undefined),
    ...entries.filter((tag) => tag[2] !== undefined),
  ];
  const urls = ordered.flatMap((tag) => {
    try {
      return [normalizeRelayUrl(tag[1]!)];
    } catch (error) {
      if (error instanceof CvmError) return []; // what a stranger wrote there is no relay
      throw error;
    }
  });
  return [...new Set(urls)].slice(0, MAX_RELAYS);
}

/** A relay list without markers, as CEP-17 recommends; `createdAt` in seconds. */
export function relayListTemplate(urls: readonly string[], createdAt: number): EventTemplate {
  return {
    kind: RELAY_LIST_KIND,
    created_at: createdAt,
    tags: urls.map((url) => ["r", url]),
    content: "",
  };
}
