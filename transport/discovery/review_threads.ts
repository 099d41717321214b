/**
 * Reviews in threads: each reply below the comment that it replies to.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { Comment } from "./_comment.ts";

/** A review, or a reply to one, genuine. */
export interface Review {
  /** The signed event. */
  readonly event: NostrEvent;
  /** Who wrote it, hex; anybody may, the server too. */
  readonly author: string;
  /** The text as its author wrote it: escape it before it goes to a terminal or a page. */
  readonly text: string;
  /** When it was written, by its author's word, seconds since the epoch. */
  readonly createdAt: number;
  /** The id of what it replies to; `undefined` for a review of the server itself. */
  readonly parent: string | undefined;
  /** The replies to it, the oldest first. */
  readonly replies: readonly Review[];
}

/** What people say of a server. */
export interface ReviewThreads {
  /** The reviews, the newest first. */
  readonly reviews: readonly Review[];
  /**
   * Replies whose parent was not found, was deleted, or is by someone else than
   * they say, the newest first, with the replies to them.
   */
  readonly orphans: readonly Review[];
  /** Whether there are more than the bounds allowed. */
  readonly truncated: boolean;
}

/**
 * Builds the threads. A reply is attached only to a comment that is there and
 * by the author whom the reply names; comments that would form a circle hang
 * on nothing, so they are not reached.
 *
 * @param comments Genuine comments on one server, each once.
 * @param maxDepth How deep a thread may be; a comment on the server has depth 1.
 * @returns The threads; `truncated` when some lie too deep.
 */
export function buildThreads(comments: readonly Comment[], maxDepth: number): ReviewThreads {
  const byId = new Map(comments.map((comment) => [comment.event.id, comment]));
  const replies = new Map<string, Comment[]>();
  const reviews: Comment[] = [];
  const orphans: Comment[] = [];
  for (const comment of comments) {
    if (comment.parent === undefined) reviews.push(comment);
    else if (!isParent(byId.get(comment.parent.id), comment)) orphans.push(comment);
    else replies.set(comment.parent.id, [...replies.get(comment.parent.id) ?? [], comment]);
  }
  let truncated = false;
  const toReview = ({ event, parent }: Comment, depth: number): Review => {
    const below = replies.get(event.id) ?? [];
    if (depth >= maxDepth && below.length > 0) truncated = true;
    return {
      event,
      author: event.pubkey,
      text: event.content,
      createdAt: event.created_at,
      parent: parent?.id,
      replies: depth < maxDepth
        ? below.toSorted(oldestFirst).map((reply) => toReview(reply, depth + 1))
        : [],
    };
  };
  const toReviews = (some: Comment[]) =>
    some.toSorted((a, b) => oldestFirst(b, a)).map((comment) => toReview(comment, 1));
  return { reviews: toReviews(reviews), orphans: toReviews(orphans), truncated };
}

function isParent(parent: Comment | undefined, { parent: named }: Comment): boolean {
  if (parent === undefined || named === undefined) return false;
  const { pubkey } = parent.event;
  return (named.authors.length === 0 || named.authors.includes(pubkey)) &&
    (named.author === undefined || named.author === pubkey);
}

function oldestFirst(a: Comment, b: Comment): number {
  return a.event.created_at - b.event.created_at || (a.event.id < b.event.id ? -1 : 1);
}
