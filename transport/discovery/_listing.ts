/**
 * From what relays send to what can be shown: bounded, genuine, each once.
 *
 * @module
 */
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import type { Filter } from "../relay/filter.ts";
import { utf8Length } from "../wire/event_size.ts";
import type { ListOptions, ReadOptions } from "./list_options.ts";

const DEFAULT_LIMIT = 500;
/** A longer list would not fit one question about deletions. */
const MAX_LIMIT = 2_000;
const DEFAULT_MAX_CONTENT_BYTES = 65_536;
/** How far an event may lie ahead of our clock, seconds: what relays tolerate. */
const AHEAD_SECONDS = 900;

/** How many events a list may have. @throws {RangeError} When the option is out of range. */
export function resolveLimit({ limit = DEFAULT_LIMIT }: ListOptions): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new RangeError(`limit must be a whole number from 1 to ${MAX_LIMIT}, got ${limit}`);
}

/** The part of a filter that bounds a list. One event more than wanted shows whether there are more. */
export function boundedFilter(options: ListOptions): Filter {
  const { since, until, now = Date.now } = options;
  return {
    ...(since === undefined ? {} : { since }),
    until: until ?? Math.floor(now() / 1000) + AHEAD_SECONDS,
    limit: resolveLimit(options) + 1,
  };
}

/** Whether an event is short enough to be looked at. */
export function isShortEnough(event: NostrEvent, options: ReadOptions): boolean {
  return utf8Length(event.content) <= (options.maxContentBytes ?? DEFAULT_MAX_CONTENT_BYTES);
}

/**
 * The first so many events that are wanted and genuine, each once. What is
 * cheap to find out is asked before a signature is checked.
 *
 * @param events The events in their order.
 * @param options Which, and how many.
 */
export function takeGenuine(
  events: readonly NostrEvent[],
  options: {
    readonly limit: number;
    readonly engine?: CryptoEngine;
    readonly isWanted: (event: NostrEvent) => boolean;
  },
): NostrEvent[] {
  const { limit, engine, isWanted } = options;
  const taken = new Map<string, NostrEvent>();
  for (const event of events) {
    if (taken.size >= limit) break;
    if (taken.has(event.id) || !isWanted(event) || !verifyEvent(event, engine)) continue;
    taken.set(event.id, event);
  }
  return [...taken.values()];
}
