/**
 * `cvm inspect watch` and `replay`: the traffic of our keys, live or from a
 * recording.
 *
 * @module
 */
import type { NostrEvent } from "../../../crypto/event.ts";
import { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND } from "../../../crypto/gift_wrap.ts";
import { formatNpub } from "../../../crypto/keys.ts";
import { InputError } from "../../../errors.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { MESSAGE_KIND } from "../../../transport/wire/kinds.ts";
import { loadConfig } from "../../config.ts";
import { poolOptions, visitorKey } from "../../connection.ts";
import { DEFAULT_RELAYS } from "../../default_relays.ts";
import { UsageError } from "../../exit_codes.ts";
import { type CliIo, untilAborted } from "../../io.ts";
import { loadKey, type StoredKey } from "../../key_store.ts";
import type { NetworkArguments, OutputArguments } from "../../options.ts";
import { Output } from "../../output.ts";
import { toSafeJson } from "../../sanitize.ts";
import { readInput } from "../../text_input.ts";
import { decode, entryText, messageOf, parseEntry, type TrafficEntry } from "./traffic.ts";

/** Events that wait to be decoded; what comes beyond is dropped, and said to be. */
const MAX_WAITING = 10_000;
/** Ids that are remembered, so that each event is shown once. */
const MAX_SEEN = 10_000;

/** What was said on the command line about watching. */
export interface WatchArguments extends NetworkArguments, OutputArguments {
  /** Further keys whose traffic is shown. */
  readonly withKey: readonly string[];
  /** The file that keeps what is shown. */
  readonly record?: string;
  /** How long a bunker may take to answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** Shows what comes until it is interrupted. */
export async function runWatch(args: WatchArguments, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  const signers = await ownKeys(args, io);
  const [first] = signers.values();
  const relays = args.relay.length > 0
    ? args.relay
    : (await loadConfig(io)).relays ?? DEFAULT_RELAYS;
  await using recording = args.record === undefined ? undefined : await openRecording(args.record);
  await using pool = new RelayPool(relays, { ...poolOptions(args), signer: first });
  const queue = new EventQueue();
  const keys = [...signers.keys()];
  const filters = [
    { kinds: [MESSAGE_KIND, EPHEMERAL_GIFT_WRAP_KIND], "#p": keys },
    // By itself: some relays refuse it, or give it to whom it is for alone.
    { kinds: [GIFT_WRAP_KIND], "#p": keys },
    { kinds: [MESSAGE_KIND], authors: keys },
  ];
  for (const [index, filter] of filters.entries()) {
    pool.subscribe(filter, {
      onEvent: (event, { url, stored }) =>
        queue.push({ event, at: Date.now(), relay: url, stored }),
    }, { live: true, essential: index === 0 });
  }
  await pool.ready({ signal: io.signal });
  const names = keys.map(formatNpub).join(", ");
  await output.note(`cvm: watching ${names} on ${pool.urls.join(" ")}; interrupt to end`);
  const ended = untilAborted(io.signal).then(() => queue.end());
  for await (const { event, ...from } of queue) {
    const entry = await decode(event, from, signers);
    await recording?.write(entry);
    await show(entry, output, io);
  }
  await ended;
  if (queue.dropped > 0) {
    await output.note(`cvm: ${queue.dropped} events came too fast to be shown`);
  }
  io.signal.throwIfAborted();
}

/** Shows a recording. */
export async function runReplay(
  file: string,
  args: OutputArguments,
  io: CliIo,
): Promise<void> {
  const output = new Output(io, args.format);
  const text = await readInput(file === "-" ? "-" : `@${file}`, "replay", io);
  const entries = text.split("\n").filter((line) => line.trim() !== "").map((line, index) => {
    const entry = parseEntry(jsonOf(line));
    if (entry !== undefined) return entry;
    throw new InputError("CONFIG_INVALID", `${file}: line ${index + 1} is no recorded event`);
  });
  if (args.format === "json") return await output.list(entries.map(shownEntry), () => "");
  for (const entry of entries) await show(entry, output, io);
}

async function show(entry: TrafficEntry, output: Output, io: CliIo): Promise<void> {
  const line = output.format === "text" ? entryText(entry) : toSafeJson(shownEntry(entry));
  await io.stdout.write(`${line}\n`);
}

/** An entry with its message beside it. */
function shownEntry(entry: TrafficEntry) {
  return { ...entry, message: messageOf(entry) ?? null };
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // the caller names the line
    throw error;
  }
}

/** The keys that are watched: the one that visits servers, or that of `--key-file`, and the further ones. */
async function ownKeys(
  args: WatchArguments,
  io: CliIo,
): Promise<ReadonlyMap<string, StoredKey["signer"]>> {
  const { signer } = await visitorKey({ ...args, bunkerTimeoutMs: args.timeoutMs }, io);
  const signers = new Map([[signer.pubkey, signer]]);
  for (const file of args.withKey) {
    const { passwordFile, connectTimeoutMs, timeoutMs: bunkerTimeoutMs } = args;
    const waits = { connectTimeoutMs, bunkerTimeoutMs };
    const key = await loadKey({ file, defaultFile: () => file, io, passwordFile, ...waits });
    if (key === undefined) throw new UsageError(`--with-key ${file}: there is no such file`);
    signers.set(key.signer.pubkey, key.signer);
  }
  return signers;
}

interface Arrival {
  readonly event: NostrEvent;
  readonly at: number;
  readonly relay: string;
  readonly stored: boolean;
}

/** Events that wait for their turn, each once, and not too many. */
class EventQueue implements AsyncIterable<Arrival> {
  /** How many found no place. */
  dropped = 0;
  readonly #waiting: Arrival[] = [];
  readonly #seen = new Set<string>();
  #wake: (() => void) | undefined;
  #isOver = false;

  push(arrival: Arrival): void {
    const { id } = arrival.event;
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    if (this.#seen.size > MAX_SEEN) {
      const [oldest = ""] = this.#seen;
      this.#seen.delete(oldest);
    }
    if (this.#waiting.length >= MAX_WAITING) this.dropped++;
    else this.#waiting.push(arrival);
    this.#wake?.();
  }

  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Arrival> {
    while (!this.#isOver) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

/** A file that is made for this, readable by its owner alone: it holds what was encrypted. */
async function openRecording(path: string) {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError("CONFIG_INVALID", `--record ${path}: ${reason}`, { cause });
  }
  const writer = file.writable.getWriter();
  const encoder = new TextEncoder();
  return {
    write: (entry: TrafficEntry) => writer.write(encoder.encode(toSafeJson(entry) + "\n")),
    [Symbol.asyncDispose]: () => writer.close(),
  };
}
