/**
 * What is public about a server, gathered from where it may stand.
 *
 * @module
 */
import { CvmError } from "../../../errors.ts";
import {
  describeServer,
  type ServerDescription,
} from "../../../transport/discovery/describe_server.ts";
import { listReviews } from "../../../transport/discovery/reviews.ts";
import type { Review } from "../../../transport/discovery/review_threads.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { lookupPoolOptions } from "../../connection.ts";
import type { CliIo } from "../../io.ts";
import type { NetworkArguments } from "../../options.ts";

/** How many people have said something. */
export interface ReviewCount {
  /** Reviews of the server. */
  readonly reviews: number;
  /** Replies to them. */
  readonly replies: number;
  /** Whether there are more. */
  readonly more: boolean;
}

/** What is public about a server. */
export interface PublicRecord {
  /** What it says of itself. */
  readonly description: ServerDescription;
  /** What people say; `undefined` when no relay told. */
  readonly reviews: ReviewCount | undefined;
}

/**
 * Looks up what is public about a server.
 *
 * @returns What is there; `undefined` when no relay could be asked.
 */
export async function fetchPublicRecord(
  publicKey: string,
  urls: readonly string[],
  { args, io }: { readonly args: NetworkArguments; readonly io: CliIo },
): Promise<PublicRecord | undefined> {
  const { connectTimeoutMs } = args;
  await using pool = new RelayPool(urls, lookupPoolOptions({ connectTimeoutMs }));
  const { signal } = io;
  try {
    const description = await describeServer(pool, publicKey, { signal });
    const reviews = await countReviews(pool, publicKey, signal);
    return { description, reviews };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CvmError)) throw error;
    return undefined; // the report says that nothing could be looked up
  }
}

async function countReviews(
  pool: RelayPool,
  publicKey: string,
  signal: AbortSignal,
): Promise<ReviewCount | undefined> {
  try {
    const { reviews, truncated } = await listReviews(pool, publicKey, { signal });
    return { reviews: reviews.length, replies: sumReplies(reviews), more: truncated };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CvmError)) throw error;
    return undefined;
  }
}

function sumReplies(reviews: readonly Review[]): number {
  return reviews.reduce((sum, { replies }) => sum + replies.length + sumReplies(replies), 0);
}
