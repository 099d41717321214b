/**
 * What people say of a server, and what others answer (CEP-24, NIP-22). CEP-24
 * has no rating: a review is a text.
 *
 * @module
 */
import { type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import { parsePublicKey } from "../../crypto/keys.ts";
import { EventError } from "../../errors.ts";
import type { RelayPool } from "../relay/pool.ts";
import { COMMENT_KIND, SERVER_ANNOUNCEMENT_KIND } from "../wire/kinds.ts";
import type { Tags } from "../wire/tags.ts";
import {
  announcementAddress,
  type Comment,
  commentedServer,
  parentTags,
  readComment,
  rootTags,
  serverTags,
} from "./_comment.ts";
import { boundedFilter, isShortEnough, resolveLimit, takeGenuine } from "./_listing.ts";
import { mentionedKeys } from "./_mentions.ts";
import { fetchAnnouncement } from "./announcement.ts";
import { withoutDeleted } from "./deletion.ts";
import type { ListOptions } from "./list_options.ts";
import {
  checkText,
  type EventReceipt,
  publishDraft,
  relayHint,
  type SignedPublishOptions,
} from "./publish_event.ts";
import { buildThreads, type ReviewThreads } from "./review_threads.ts";

const DEFAULT_MAX_DEPTH = 16;
const MAX_MAX_DEPTH = 100;

/** A review to publish. */
export interface ReviewDraft {
  /** The server, in any form that `parsePublicKey` reads. */
  readonly server: string;
  /** The text, without markup. Whom it mentions as `nostr:npub…` or `nostr:nprofile…` is notified. */
  readonly text: string;
  /**
   * The server's announcement, which the review then names as the state of
   * things that it speaks of; `false` names none. Default: the newest one, looked up on the relays.
   */
  readonly announcement?: NostrEvent | false;
}

/** A reply to publish. */
export interface ReplyDraft {
  /** The review or reply that it answers. */
  readonly parent: NostrEvent;
  /** The text, without markup. Whom it mentions as `nostr:npub…` or `nostr:nprofile…` is notified. */
  readonly text: string;
}

/** Options of {@linkcode listReviews}. */
export interface ListReviewsOptions extends ListOptions {
  /**
   * How deep a thread may be: 1 is reviews without replies, 100 the greatest value.
   * @default {16}
   */
  readonly maxDepth?: number;
}

/**
 * Publishes a review of a server.
 *
 * @param pool Where it goes, and where the server's announcement is looked up.
 * @param review The server and the text.
 * @param options The reviewer's key.
 * @returns The review and who took it.
 * @throws {InputError} KEY_INVALID when `server` is no public key; MESSAGE_TOO_LARGE when the review does not fit an event.
 * @throws {TypeError} When the text is empty, or `announcement` is not this server's.
 * @throws {RelayError} When no relay could be asked for the announcement, or none took the review.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { listReviews, publishReview, replyToReview } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const alice = PrivateKeySigner.generate();
 * const server = PrivateKeySigner.generate();
 *
 * const { event } = await publishReview(
 *   pool,
 *   { server: server.pubkey, text: "Quick, and right." },
 *   { signer: alice },
 * );
 * await replyToReview(pool, { parent: event, text: "Thank you!" }, { signer: server });
 *
 * const { reviews } = await listReviews(pool, server.pubkey);
 * assertEquals(reviews[0]?.text, "Quick, and right.");
 * assertEquals(reviews[0]?.replies[0]?.author, server.pubkey);
 * ```
 */
export async function publishReview(
  pool: RelayPool,
  review: ReviewDraft,
  options: SignedPublishOptions,
): Promise<EventReceipt> {
  const server = parsePublicKey(review.server);
  const text = checkText(review.text);
  const announcementId = await findAnnouncement(pool, review, server, options);
  const hint = relayHint(pool);
  const tags = [...rootTags(server, hint), ...serverTags(server, hint, announcementId)];
  return await publishDraft(pool, commentDraft(text, tags), options);
}

/**
 * Publishes a reply to a review, or to another reply.
 *
 * @param pool Where it goes.
 * @param reply What it answers, and the text.
 * @param options The author's key.
 * @returns The reply and who took it.
 * @throws {EventError} SIGNATURE_INVALID when the parent is forged; EVENT_INVALID when it is no comment on a server.
 * @throws {InputError} MESSAGE_TOO_LARGE when the reply does not fit an event.
 * @throws {TypeError} When the text is empty.
 * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took it.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { publishReview, replyToReview } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const [alice, bob] = [PrivateKeySigner.generate(), PrivateKeySigner.generate()];
 * const server = PrivateKeySigner.generate().pubkey;
 * const review = await publishReview(pool, { server, text: "Slow today." }, { signer: alice });
 * const reply = await replyToReview(
 *   pool,
 *   { parent: review.event, text: "For me, too." },
 *   { signer: bob },
 * );
 * assertEquals(reply.accepted, [relay.url]);
 * ```
 */
export async function replyToReview(
  pool: RelayPool,
  reply: ReplyDraft,
  options: SignedPublishOptions,
): Promise<EventReceipt> {
  const { parent } = reply;
  const server = commentedServer(parent);
  if (server === undefined) {
    throw new EventError("EVENT_INVALID", "what is replied to is not a comment on a server");
  }
  if (!verifyEvent(parent, options.signer.engine)) {
    throw new EventError("SIGNATURE_INVALID", `the comment ${parent.id} is not its author's`);
  }
  const hint = relayHint(pool);
  const tags = [...rootTags(server, hint), ...parentTags(parent, hint)];
  return await publishDraft(pool, commentDraft(checkText(reply.text), tags), options);
}

/**
 * The reviews of a server with the replies to them. Each event's signature and
 * root have been checked, and what its author has deleted is left out.
 *
 * @param pool The relays to ask; all of them are waited for, up to the deadline.
 * @param server The server's public key, in any form that `parsePublicKey` reads.
 * @param options The bounds, the deadline and the engine. `limit` counts reviews and replies together.
 * @returns The threads.
 * @throws {InputError} KEY_INVALID when `server` is no public key.
 * @throws {RangeError} When a bound is out of range.
 * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay answered.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { listReviews, publishReview } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const signer = PrivateKeySigner.generate();
 * const server = PrivateKeySigner.generate().pubkey;
 * await publishReview(pool, { server, text: "Slow today." }, { signer });
 * const { reviews, orphans, truncated } = await listReviews(pool, server, { limit: 100 });
 * assertEquals(reviews.map(({ text }) => text), ["Slow today."]);
 * assertEquals([orphans, truncated], [[], false]);
 * ```
 */
export async function listReviews(
  pool: RelayPool,
  server: string,
  options: ListReviewsOptions = {},
): Promise<ReviewThreads> {
  const { maxDepth = DEFAULT_MAX_DEPTH, engine } = options;
  if (!(Number.isInteger(maxDepth) && maxDepth >= 1 && maxDepth <= MAX_MAX_DEPTH)) {
    throw new RangeError(
      `maxDepth must be a whole number from 1 to ${MAX_MAX_DEPTH}, got ${maxDepth}`,
    );
  }
  const limit = resolveLimit(options);
  const root = parsePublicKey(server);
  const filter = {
    ...boundedFilter(options),
    kinds: [COMMENT_KIND],
    "#K": [String(SERVER_ANNOUNCEMENT_KIND)],
    "#A": [announcementAddress(root)],
  };
  const found = takeGenuine(await pool.query([filter], options), {
    limit: limit + 1,
    engine,
    isWanted: (event) => isShortEnough(event, options) && readComment(event, root) !== undefined,
  });
  const kept = await withoutDeleted(pool, found.slice(0, limit), options);
  const comments = kept.map((event) => readComment(event, root))
    .filter((comment): comment is Comment => comment !== undefined);
  const threads = buildThreads(comments, maxDepth);
  return { ...threads, truncated: threads.truncated || found.length > limit };
}

async function findAnnouncement(
  pool: RelayPool,
  { announcement }: ReviewDraft,
  server: string,
  { signer, signal }: SignedPublishOptions,
): Promise<string | undefined> {
  if (announcement === false) return undefined;
  if (announcement === undefined) {
    return (await fetchAnnouncement(pool, server, { signal, engine: signer.engine }))?.event.id;
  }
  const { kind, pubkey, id } = announcement;
  if (kind === SERVER_ANNOUNCEMENT_KIND && pubkey === server) return id;
  throw new TypeError(`the event ${id} is not an announcement of the server`);
}

/** A comment; whom the text mentions comes after the author of what is commented on. */
function commentDraft(text: string, tags: Tags) {
  const named = new Set(tags.filter((tag) => tag[0] === "p").map((tag) => tag[1]));
  const mentioned = mentionedKeys(text).filter((key) => !named.has(key));
  return {
    kind: COMMENT_KIND,
    tags: [...tags, ...mentioned.map((key) => ["p", key])],
    content: text,
  };
}
