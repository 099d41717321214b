/**
 * The relays on which a server can be reached (CEP-17, NIP-65).
 *
 * @module
 */
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import { CvmError } from "../../errors.ts";
import type { RelayPool } from "../relay/pool.ts";
import { normalizeRelayUrl } from "../relay/url.ts";
import { RELAY_LIST_KIND } from "../wire/kinds.ts";
import type { EventDraft } from "./publish_event.ts";

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

/** Options of {@linkcode fetchRelayList}. */
export interface RelayListLookupOptions extends LookupOptions {
  /** Told once what the relays know that answer, while others can't be reached or are silent. */
  readonly onHeard?: (list: RelayList | undefined) => void;
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

/** A relay of a relay list. */
export interface ListedRelay {
  /** Its normalized URL. */
  readonly url: string;
  /** Whether the server hears requests there: it is unmarked, or marked `read`. */
  readonly reads: boolean;
  /** Whether the server answers there: it is unmarked, or marked `write`. */
  readonly writes: boolean;
}

/** A server's relay list (kind 10002), verified. */
export interface RelayList {
  /** The signed event. */
  readonly event: NostrEvent;
  /** The relays, each once: those without a marker first, 8 at most. */
  readonly relays: readonly ListedRelay[];
}

/**
 * Looks up the relays of a server.
 *
 * @param pool The relays to ask; all of them are waited for, up to the deadline.
 * @param server The server's public key, hex.
 * @param options The deadline, the engine, and whom to tell before all have answered.
 * @returns The newest list whose signature holds; `undefined` when there is none.
 * @throws {RelayError} RELAY_UNREACHABLE when no relay could be asked.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { fetchRelayList } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const signer = PrivateKeySigner.generate();
 * const tags = [["r", "wss://a.example", "read"], ["r", "wss://b.example"]];
 * await pool.publish(await signer.signEvent({ kind: 10002, created_at: 1, tags, content: "" }));
 *
 * const list = await fetchRelayList(pool, signer.pubkey);
 * assertEquals(list?.relays.map(({ url }) => url), ["wss://b.example", "wss://a.example"]);
 * ```
 */
export async function fetchRelayList(
  pool: RelayPool,
  server: string,
  options: RelayListLookupOptions = {},
): Promise<RelayList | undefined> {
  const { onHeard, engine, ...wait } = options;
  const filter = { kinds: [RELAY_LIST_KIND], authors: [server] };
  const read = (events: readonly NostrEvent[]) => {
    const event = newestGenuine(events, engine);
    return event && parseRelayList(event);
  };
  return read(
    await pool.query([filter], { ...wait, onHeard: (events) => onHeard?.(read(events)) }),
  );
}

/** Reads a relay list; the event must have been verified. What is no relay URL is left out, and a marker that nobody knows does not count. */
export function parseRelayList(event: NostrEvent): RelayList {
  const relays = new Map<string, ListedRelay>();
  for (const [name, text, marker] of event.tags) {
    if (name !== "r" || text === undefined) continue;
    const [url] = relayUrls([text]);
    if (url === undefined) continue;
    const before = relays.get(url);
    const reads = marker !== "write" || (before?.reads ?? false);
    const writes = marker !== "read" || (before?.writes ?? false);
    relays.set(url, { url, reads, writes });
  }
  const marked = [...relays.values()].filter((relay) => !isUnmarked(relay));
  const unmarked = [...relays.values()].filter(isUnmarked);
  return { event, relays: [...unmarked, ...marked].slice(0, MAX_RELAYS) };
}

/** Whether a server both hears and answers on a relay. */
export function isUnmarked({ reads, writes }: ListedRelay): boolean {
  return reads && writes;
}

/** The relay URLs among what a stranger wrote: normalized, each once, 8 at most. */
export function relayUrls(texts: readonly string[]): readonly string[] {
  const urls = new Set<string>();
  for (const text of texts) {
    if (urls.size === MAX_RELAYS) break;
    try {
      urls.add(normalizeRelayUrl(text));
    } catch (error) {
      if (!(error instanceof CvmError)) throw error; // what a stranger wrote there is no relay
    }
  }
  return [...urls];
}

/** A relay list without markers, as CEP-17 recommends; what clients would not read is left out. */
export function relayListDraft(urls: readonly string[]): EventDraft {
  return {
    kind: RELAY_LIST_KIND,
    tags: urls.slice(0, MAX_RELAYS).map((url) => ["r", url]),
    content: "",
  };
}
