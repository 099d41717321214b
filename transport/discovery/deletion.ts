/**
 * Taking back what was published (NIP-09).
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { RelayPool } from "../relay/pool.ts";
import { DELETION_KIND } from "../wire/kinds.ts";
import { addressOf, tagValues } from "../wire/tags.ts";
import { takeGenuine } from "./_listing.ts";
import type { ReadOptions } from "./list_options.ts";
import {
  type EventDraft,
  type EventReceipt,
  publishDraft,
  type SignedPublishOptions,
} from "./publish_event.ts";

/** Event ids in one filter: a relay bounds a filter's size. */
const IDS_PER_FILTER = 200;

/** Options of {@linkcode withdrawEvents}. */
export interface WithdrawOptions extends SignedPublishOptions {
  /**
   * Why, for people.
   * @default {""}
   */
  readonly reason?: string;
}

/**
 * Asks all relays of a pool to delete events: notes, reviews, a profile.
 * Relays and readers may still have copies, and need not heed the request.
 *
 * @param pool The relays that may hold the events.
 * @param events What to take back; all of it by the signer's key.
 * @param options The author's key and the reason. Every relay's answer is waited for, unless `all` is `false`.
 * @returns The deletion request, and who took it.
 * @throws {TypeError} When there is no event, or one that someone else wrote.
 * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took the request.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { listNotes, publishNote, withdrawEvents } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const signer = PrivateKeySigner.generate();
 * const { event } = await publishNote(pool, { text: "down on Mondy" }, { signer });
 * await withdrawEvents(pool, [event], { signer, reason: "a typo" });
 * assertEquals(await listNotes(pool, signer.pubkey), []);
 * ```
 */
export async function withdrawEvents(
  pool: RelayPool,
  events: readonly NostrEvent[],
  options: WithdrawOptions,
): Promise<EventReceipt> {
  const { reason = "", ...publishing } = options;
  if (events.length === 0) throw new TypeError("there is nothing to withdraw");
  const author = await options.signer.getPublicKey();
  if (events.some(({ pubkey }) => pubkey !== author)) {
    throw new TypeError("an event can be withdrawn by its author only");
  }
  return await publishDraft(pool, deletionDraft(events, reason), { all: true, ...publishing });
}

/** A deletion request for events of one author; later than each of them, so that it holds for all. */
export function deletionDraft(events: readonly NostrEvent[], reason: string): EventDraft {
  const addresses = events.filter(({ kind }) => isReplaceable(kind))
    .map(({ kind, pubkey }) => addressOf(kind, pubkey));
  const tagged = (name: string, values: readonly string[]) =>
    [...new Set(values)].map((value) => [name, value]);
  return {
    kind: DELETION_KIND,
    tags: [
      ...tagged("e", events.map(({ id }) => id)),
      ...tagged("a", addresses),
      ...tagged("k", events.map(({ kind }) => String(kind))),
    ],
    content: reason,
    notBefore: Math.max(...events.map(({ created_at }) => created_at)),
  };
}

/**
 * Leaves out events that their authors have deleted. Someone else's request
 * deletes nothing, whatever a relay says.
 *
 * @param pool Where to look for deletion requests.
 * @param events Genuine events that nothing replaces.
 * @param options The deadline and the engine.
 * @throws {RelayError} When no relay answers: what is deleted must not be shown for want of an answer.
 */
export async function withoutDeleted(
  pool: RelayPool,
  events: readonly NostrEvent[],
  options: ReadOptions,
): Promise<NostrEvent[]> {
  if (events.length === 0) return [];
  const authors = new Map(events.map(({ id, pubkey }) => [id, pubkey]));
  const filters = [];
  for (let start = 0; start < events.length; start += IDS_PER_FILTER) {
    const some = events.slice(start, start + IDS_PER_FILTER);
    filters.push({
      kinds: [DELETION_KIND],
      authors: [...new Set(some.map(({ pubkey }) => pubkey))],
      "#e": some.map(({ id }) => id),
    });
  }
  const ownTargets = ({ tags, pubkey }: NostrEvent) =>
    tagValues(tags, "e").filter((id) => authors.get(id) === pubkey);
  const requests = takeGenuine(await pool.query(filters, options), {
    limit: Infinity,
    engine: options.engine,
    isWanted: (request) => ownTargets(request).length > 0,
  });
  const deleted = new Set(requests.flatMap(ownTargets));
  return events.filter(({ id }) => !deleted.has(id));
}

function isReplaceable(kind: number): boolean {
  return kind === 0 || kind === 3 || (kind >= 10_000 && kind < 20_000);
}
