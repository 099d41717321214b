/**
 * What a server tells the public: text notes (CEP-23, NIP-10).
 *
 * @module
 */
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import { parsePublicKey } from "../../crypto/keys.ts";
import { EventError } from "../../errors.ts";
import type { RelayPool } from "../relay/pool.ts";
import { NOTE_KIND } from "../wire/kinds.ts";
import { type Tags, tagValues } from "../wire/tags.ts";
import { boundedFilter, isShortEnough, resolveLimit, takeGenuine } from "./_listing.ts";
import { mentionedKeys } from "./_mentions.ts";
import { withoutDeleted } from "./deletion.ts";
import type { ListOptions } from "./list_options.ts";
import {
  checkText,
  type EventReceipt,
  publishDraft,
  relayHint,
  type SignedPublishOptions,
} from "./publish_event.ts";

/** People that a reply notifies at most; a note that names more is meant to annoy. */
const MAX_NOTIFIED = 50;

/** A note to publish. */
export interface NoteDraft {
  /** The text, without markup. Whom it mentions as `nostr:npub…` or `nostr:nprofile…` is notified. */
  readonly text: string;
  /** The note that it replies to. */
  readonly replyTo?: NostrEvent;
}

/** A note, genuine. */
export interface Note {
  /** The signed event. */
  readonly event: NostrEvent;
  /** The text as its author wrote it: escape it before it goes to a terminal or a page. */
  readonly text: string;
  /** When it was written, by its author's word, seconds since the epoch. */
  readonly createdAt: number;
  /** The id of the note that it replies to. */
  readonly replyTo: string | undefined;
}

/**
 * Publishes a note: news, a changelog, an answer.
 *
 * @param pool Where it goes.
 * @param note The text, and what it replies to.
 * @param options The author's key: for a server's note, the server's.
 * @returns The note and who took it.
 * @throws {TypeError} When the text is empty, or `replyTo` is not a note.
 * @throws {EventError} SIGNATURE_INVALID when `replyTo` is forged.
 * @throws {InputError} MESSAGE_TOO_LARGE when the note does not fit an event.
 * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took it.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { listNotes, publishNote } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const signer = PrivateKeySigner.generate();
 * const { accepted } = await publishNote(pool, { text: "Two new tools today." }, { signer });
 * assertEquals(accepted, [relay.url]);
 * const [note] = await listNotes(pool, signer.pubkey);
 * assertEquals(note?.text, "Two new tools today.");
 * ```
 */
export async function publishNote(
  pool: RelayPool,
  note: NoteDraft,
  options: SignedPublishOptions,
): Promise<EventReceipt> {
  const { text, replyTo } = note;
  const thread = replyTo === undefined
    ? []
    : replyTags(replyTo, relayHint(pool)[0] ?? "", options.signer.engine);
  const notified = new Set([
    ...mentionedKeys(text),
    ...(replyTo === undefined ? [] : [replyTo.pubkey, ...tagValues(replyTo.tags, "p")]),
  ]);
  const people = [...notified].slice(0, MAX_NOTIFIED).map((key) => ["p", key]);
  const draft = { kind: NOTE_KIND, tags: [...thread, ...people], content: checkText(text) };
  return await publishDraft(pool, draft, options);
}

/**
 * The notes of a server, the newest first. What its key has deleted is left out.
 *
 * @param pool The relays to ask; all of them are waited for, up to the deadline.
 * @param server The server's public key, in any form that `parsePublicKey` reads.
 * @param options The bounds, the deadline and the engine.
 * @returns Notes whose signature holds, each once.
 * @throws {InputError} KEY_INVALID when `server` is no public key.
 * @throws {RangeError} When `limit` is out of range.
 * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay answered.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { listNotes, publishNote } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const signer = PrivateKeySigner.generate();
 * await publishNote(pool, { text: "Version 2 is here." }, { signer });
 * const notes = await listNotes(pool, signer.pubkey, { limit: 10 });
 * assertEquals(notes.map(({ text }) => text), ["Version 2 is here."]);
 * ```
 */
export async function listNotes(
  pool: RelayPool,
  server: string,
  options: ListOptions = {},
): Promise<readonly Note[]> {
  const filter = {
    ...boundedFilter(options),
    kinds: [NOTE_KIND],
    authors: [parsePublicKey(server)],
  };
  const events = takeGenuine(await pool.query([filter], options), {
    limit: resolveLimit(options),
    engine: options.engine,
    isWanted: (event) => isShortEnough(event, options),
  });
  const kept = await withoutDeleted(pool, events, options);
  return kept.map((event) => ({
    event,
    text: event.content,
    createdAt: event.created_at,
    replyTo: repliedTo(event.tags)?.[1],
  }));
}

/** The thread tags of a reply: marked, from the root to the parent (NIP-10). */
function replyTags(parent: NostrEvent, hint: string, engine?: CryptoEngine): Tags {
  if (parent.kind !== NOTE_KIND) {
    throw new TypeError(`a note replies to notes (kind ${NOTE_KIND}), not to kind ${parent.kind}`);
  }
  if (!verifyEvent(parent, engine)) {
    throw new EventError("SIGNATURE_INVALID", `the note ${parent.id} is not its author's`);
  }
  const marked = (marker: string) => ["e", parent.id, hint, marker, parent.pubkey];
  const root = threadRoot(parent.tags);
  if (root === undefined) return [marked("root")];
  const [, id = "", url = "", , author] = root;
  return [["e", id, url, "root", ...(author === undefined ? [] : [author])], marked("reply")];
}

/** The `e` tag that names a thread's root: the marked one, else the first one (NIP-10). */
function threadRoot(tags: Tags): readonly string[] | undefined {
  const { root, plain } = threadTags(tags);
  return root ?? plain[0];
}

/** The `e` tag that names what a note replies to: the marked one, else the last one (NIP-10). */
function repliedTo(tags: Tags): readonly string[] | undefined {
  const { root, reply, plain } = threadTags(tags);
  return reply ?? root ?? plain.at(-1);
}

function threadTags(tags: Tags) {
  const named = tags.filter((tag) => tag[0] === "e" && tag[1] !== undefined);
  const marked = (marker: string) => named.find((tag) => tag[3] === marker);
  const plain = named.filter((tag) => tag[3] === undefined || tag[3] === "");
  return { root: marked("root"), reply: marked("reply"), plain };
}
