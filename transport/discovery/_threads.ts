/**
 * Comments put in order: each reply below the comment that it replies to.
 *
 * @module
 */
import type { Comment } from "./_comment.ts";
import type { Review } from "./reviews.ts";

/** Comments in threads. */
export interface Threads {
  /** Comments on the server itself, the newest first. */
  readonly reviews: readonly Review[];
  /** Replies without the comment that they reply to, the newest first. */
  readonly orphans: readonly Review[];
  /** Whether replies were left out because they lie too deep. */
  readonly truncated: boolean;
}

/**
 * Builds the threads. A reply is attached only to a comment that is there and
 * by the author whom the reply names; comments that would form a circle hang
 * on nothing, so they are not reached.
 *
 * @param comments Genuine comments on one server, each once.
 * @param maxDepth How deep a thread may be; a comment on the server has depth 1.
 */
export function buildThreads(comments: readonly Comment[], maxDepth: number): Threads {
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
