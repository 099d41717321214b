/**
 * `cvm review`: what people say of a server.
 *
 * @module
 */
import { formatNpub } from "../../../crypto/keys.ts";
import { InputError } from "../../../errors.ts";
import { withdrawEvents } from "../../../transport/discovery/deletion.ts";
import type { EventReceipt } from "../../../transport/discovery/publish_event.ts";
import { fetchRelayList } from "../../../transport/discovery/relay_list.ts";
import type { Review, ReviewThreads } from "../../../transport/discovery/review_threads.ts";
import { listReviews, publishReview, replyToReview } from "../../../transport/discovery/reviews.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { ageText } from "../../ages.ts";
import { loadConfig } from "../../config.ts";
import { askingPoolOptions, lookupPoolOptions, visitorKey } from "../../connection.ts";
import { didYouMean } from "../../did_you_mean.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import type { StoredKey } from "../../key_store.ts";
import { lookupRelays } from "../../lookup_relays.ts";
import { Output } from "../../output.ts";
import { sanitizeLine, sanitizeText } from "../../sanitize.ts";
import { resolveServer } from "../../server_address.ts";
import { readInput } from "../../text_input.ts";
import type { ReviewArguments } from "./command.ts";

/** Digits of an id that the list shows, and that are enough to name it as long as no other begins so. */
const SHORT_ID = 12;
/** What is shown of one review, UTF-16 code units. */
const MAX_SHOWN = 4_000;

/** How many words each subcommand takes. */
const WORDS: ReadonlyMap<string, number> = new Map([["write", 1], ["reply", 2], ["delete", 1]]);

/** Where reviews are, and whose. */
interface Place {
  readonly pool: RelayPool;
  readonly server: string;
  readonly args: ReviewArguments;
  readonly io: CliIo;
  readonly output: Output;
}

/** Lists, writes, answers or deletes. */
export async function runReview(args: ReviewArguments, io: CliIo): Promise<void> {
  const [what, ...words] = args.what;
  checkWords(what, words);
  const config = await loadConfig(io);
  const { publicKey: server, hints } = await resolveServer(args.server, {
    config,
    fetch: io.fetch,
    signal: io.signal,
    timeoutMs: args.connectTimeoutMs,
  });
  const output = new Output(io, args.format);
  const key = what === undefined ? undefined : await ownKey(args, io, output);
  await using pool = new RelayPool(
    await reviewRelays(args, server, hints, io),
    key === undefined
      ? lookupPoolOptions(args)
      : { ...askingPoolOptions(args), signer: key.signer },
  );
  const place = { pool, server, args, io, output };
  const [first = "", second = ""] = words;
  if (key === undefined) return await list(place);
  const { signer } = key;
  const options = { signer, signal: io.signal, all: true };
  if (what === "write") {
    const text = await textOf(first, io);
    return await report(await publishReview(pool, { server, text }, options), place);
  }
  const { event } = await find(first, place);
  if (what === "reply") {
    const text = await textOf(second, io);
    return await report(await replyToReview(pool, { parent: event, text }, options), place);
  }
  if (event.pubkey !== signer.pubkey) {
    throw new UsageError(
      `${first} is by ${formatNpub(event.pubkey)}; you are ${
        formatNpub(signer.pubkey)
      }, and everybody deletes only what is theirs`,
    );
  }
  await report(await withdrawEvents(pool, [event], options), place);
}

/** Reviews are looked for where the server is, too. */
async function reviewRelays(
  args: ReviewArguments,
  server: string,
  hints: readonly string[],
  io: CliIo,
): Promise<readonly string[]> {
  const known = await lookupRelays(args, hints, io);
  if (args.relay.length > 0) return known;
  await using pool = new RelayPool(known, lookupPoolOptions(args));
  const listed = await fetchRelayList(pool, server, { signal: io.signal });
  return [...new Set([...known, ...listed?.relays.map(({ url }) => url) ?? []])];
}

function checkWords(what: string | undefined, words: readonly string[]): void {
  if (what === undefined) return;
  const count = WORDS.get(what);
  if (count === undefined) {
    throw new UsageError(
      `there is no "${what}"; there are: ${[...WORDS.keys()].join(", ")}${
        didYouMean(what, WORDS.keys())
      }`,
    );
  }
  if (words.length === count) return;
  const usage = { write: "write TEXT", reply: "reply ID TEXT", delete: "delete ID" }[what];
  throw new UsageError(`it is: cvm review SERVER ${usage}; a text of several words needs quotes`);
}

async function ownKey(args: ReviewArguments, io: CliIo, output: Output): Promise<StoredKey> {
  const key = await visitorKey({ ...args, bunkerTimeoutMs: args.timeoutMs }, io);
  if (key.warning !== undefined) await output.warn(key.warning);
  return key;
}

async function textOf(word: string, io: CliIo): Promise<string> {
  const text = word === "-" ? await readInput("-", "TEXT", io) : word;
  if (text.trim() === "") throw new UsageError("the text is empty");
  return text.trimEnd();
}

/** The review or reply that an id means, which may be cut short. */
async function find(id: string, { pool, server, args, io }: Place): Promise<Review> {
  if (!/^[0-9a-f]{4,64}$/i.test(id)) {
    throw new UsageError(`"${id}" is no id: those have 4 to 64 hexadecimal digits`);
  }
  const { limit } = args;
  const threads = await listReviews(pool, server, { limit, signal: io.signal });
  const all = [...threads.reviews, ...threads.orphans].flatMap(flatten);
  const found = all.filter(({ event }) => event.id.startsWith(id.toLowerCase()));
  const [only] = found;
  if (only === undefined) throw new InputError("NOT_FOUND", `there is no review or reply ${id}`);
  if (found.length > 1) {
    throw new UsageError(`${found.length} ids begin with ${id}; write more of it`);
  }
  return only;
}

function flatten(review: Review): Review[] {
  return [review, ...review.replies.flatMap(flatten)];
}

async function list(place: Place): Promise<void> {
  const { pool, server, args, io, output } = place;
  const threads = await listReviews(pool, server, { limit: args.limit, signal: io.signal });
  const entries = [...threads.reviews, ...threads.orphans];
  if (args.format === "jsonl") return await output.list(entries.map(entryOf), () => "");
  const { truncated } = threads;
  const shown = {
    reviews: threads.reviews.map(entryOf),
    orphans: threads.orphans.map(entryOf),
    truncated,
  };
  await output.result(shown, () => treeText(threads, server));
}

interface Entry {
  readonly id: string;
  readonly author: string;
  readonly createdAt: number;
  readonly text: string;
  readonly parent: string | null;
  readonly replies: readonly Entry[];
}

function entryOf({ event, author, createdAt, text, parent, replies }: Review): Entry {
  const npub = formatNpub(author);
  return {
    id: event.id,
    author: npub,
    createdAt,
    text,
    parent: parent ?? null,
    replies: replies.map(entryOf),
  };
}

function treeText({ reviews, orphans, truncated }: ReviewThreads, server: string): string {
  if (reviews.length + orphans.length === 0) return "nobody has said anything";
  return [
    ...reviews.flatMap((review) => branch(review, server, 0)),
    ...(orphans.length === 0 ? [] : ["", "replies to what is not there:"]),
    ...orphans.flatMap((review) => branch(review, server, 0)),
    ...(truncated ? ["", "there are more"] : []),
  ].join("\n");
}

function branch(review: Review, server: string, depth: number): string[] {
  const indent = "  ".repeat(depth);
  const npub = formatNpub(review.author);
  const who = review.author === server ? `${npub} (the server)` : npub;
  const text = sanitizeText(review.text.slice(0, MAX_SHOWN));
  return [
    `${indent}${review.event.id.slice(0, SHORT_ID)}  ${who}  ${ageText(review.createdAt)}`,
    ...text.split("\n").map((line) => `${indent}  ${line}`),
    ...(review.text.length > MAX_SHOWN ? [`${indent}  …`] : []),
    ...review.replies.flatMap((reply) => branch(reply, server, depth + 1)),
  ];
}

async function report(
  { event, accepted, refused }: EventReceipt,
  { output }: Place,
): Promise<void> {
  await output.result({ id: event.id, kind: event.kind, accepted, refused }, () =>
    [
      event.id,
      ...accepted.map((url) => `  taken by ${url}`),
      ...refused.map(({ url, reason }) => `  not taken by ${url}: ${sanitizeLine(reason, 200)}`),
    ].join("\n"));
}
