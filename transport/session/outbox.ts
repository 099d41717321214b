/**
 * The way out: from a message to an event that a relay has taken.
 *
 * message → tags → fits? else parts (CEP-22) → sign → wrap → publish
 *
 * @module
 */
import type { CryptoEngine } from "../../crypto/engine.ts";
import type { EventTemplate, NostrEvent } from "../../crypto/event.ts";
import type { EventWorkers } from "../../crypto/event_workers.ts";
import { type GiftWrapKind, wrapEvent } from "../../crypto/gift_wrap.ts";
import type { Signer } from "../../crypto/signer.ts";
import { SessionError } from "../../errors.ts";
import type { RelayPool } from "../relay/pool.ts";
import type { OutgoingTransfer } from "../transfer/outgoing_transfer.ts";
import type { JsonRpcMessage } from "../types.ts";
import {
  EVENT_FRAME_BYTES,
  MAX_EVENT_BYTES,
  signedEventBytes,
  surelyFits,
  wrappedBytes,
} from "../wire/event_size.ts";
import { frameMessage, type FrameProfile, OVERSIZED_TRANSFER } from "../wire/frames.ts";
import { MESSAGE_KIND } from "../wire/kinds.ts";
import type { Tags } from "../wire/tags.ts";
import { UniqueEvents } from "../wire/unique_events.ts";

/** Kept free in each event: a salt against equal ones is added last, and numbers in frames grow. */
const MARGIN_BYTES = 64;

/** Frames that hold less are more envelope than message, in bytes. */
const MIN_CHUNK_BYTES = 1_024;

/** Options of an {@linkcode Outbox}. */
export interface OutboxOptions {
  /** The relays that events go to. */
  readonly pool: RelayPool;
  /** Our key. */
  readonly signer: Signer;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** The engine that wraps. */
  readonly engine?: CryptoEngine;
  /** Wrap in its place, when many events wait. */
  readonly workers?: EventWorkers;
  /** A tag value for every event, where other programs may use the same key at the same time. */
  readonly salt?: string;
  /** Ends all publishing. */
  readonly signal: AbortSignal;
}

/** Where a message goes, and how. */
export interface Envelope {
  /** The recipient's public key, hex. */
  readonly recipient: string;
  /** Tags beside `p`. */
  readonly tags?: Tags;
  /** The gift wrap; `undefined` sends in plain text. */
  readonly wrapKind: GiftWrapKind | undefined;
  /** Called with the signed event before anything leaves, so that no answer can come too early (faults F18). */
  readonly onSigned?: (event: NostrEvent) => void;
  /** Called with the signed event when it holds the whole message; not for one that leaves in parts. */
  readonly onWhole?: (event: NostrEvent) => void;
  /** Tags beside `p` of the first part, where they are not `tags`. */
  readonly startTags?: Tags;
  /** Sends the message in parts when it does not fit an event; without it, such a message is refused. */
  readonly transfer?: OutgoingTransfer;
}

/** A message that was signed and whose publishing is under way. */
export interface Posted {
  /** The signed message event; its id is what an answer refers to. */
  readonly event: NostrEvent;
  /** Resolves when a relay has taken it. */
  readonly taken: Promise<void>;
}

/** Sends the messages of one key, in the order in which they were handed over. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #unique: UniqueEvents;
  #tail: Promise<unknown> = Promise.resolve();
  /** Messages that are not handed to the relays yet, but for those that workers wrap. */
  #waiting = 0;
  /** Settles when what is being wrapped has left; `undefined` when nothing is. */
  #wrapped: Promise<void> | undefined;

  /** @param options Where events go and who signs them. */
  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#unique = new UniqueEvents(options.salt);
  }

  /**
   * Signs a message and starts to publish it, in parts where it is too large
   * for one event and the envelope has a transfer. Of parts, the last one
   * stands for the message; only the first one carries the envelope's tags
   * beside `e`.
   *
   * @returns The event, once it is signed and handed to the relays.
   * @throws {SessionError} MESSAGE_TOO_LARGE when the message does not fit an event and can't be sent in parts.
   */
  async post(message: JsonRpcMessage, envelope: Envelope): Promise<Posted> {
    const template = this.#template(JSON.stringify(message), envelope);
    const maxBytes = this.#maxEventBytes(envelope.wrapKind !== undefined);
    if (surelyFits(template, maxBytes)) return await this.#enqueue(template, envelope);
    const { transfer } = envelope;
    if (transfer === undefined || template.content.length <= maxBytes) {
      const bytes = signedEventBytes(template);
      if (bytes <= maxBytes) return await this.#enqueue(template, envelope);
      if (transfer === undefined) throw tooLarge(bytes, maxBytes);
    }
    return await this.#postInParts(template.content, envelope, transfer);
  }

  /** Sends a message and waits until a relay has taken it. */
  async send(message: JsonRpcMessage, envelope: Envelope): Promise<NostrEvent> {
    const { event, taken } = await this.post(message, envelope);
    await taken;
    return event;
  }

  /** Publishes an event, once more or in another wrap. */
  async publish(
    event: NostrEvent,
    recipient: string,
    wrapKind: GiftWrapKind | undefined,
  ): Promise<void> {
    const { pool, signal } = this.#options;
    const outer = wrapKind === undefined ? event : this.#wrap(event, recipient, wrapKind);
    if (this.#wrapped === undefined && !(outer instanceof Promise)) {
      await pool.publish(outer, { signal });
      return;
    }
    // Workers are not done in the order of the messages, but messages leave in it.
    const before = this.#wrapped ?? Promise.resolve();
    const turn = Promise.all([outer, before]).then(([wrapped]) => wrapped);
    const over = Promise.allSettled([turn, before]).then(() => {
      if (this.#wrapped === over) this.#wrapped = undefined;
    });
    this.#wrapped = over;
    await pool.publish(await turn, { signal });
  }

  #wrap(
    event: NostrEvent,
    recipient: string,
    kind: GiftWrapKind,
  ): NostrEvent | Promise<NostrEvent> {
    const { engine, now, workers } = this.#options;
    if (workers === undefined) return wrapEvent(event, recipient, { kind, engine, now });
    return workers.wrap(event, { recipient, kind, now: now(), waiting: this.#waiting });
  }

  /**
   * What the data of a chunk may take in a frame, escaped twice, in bytes.
   *
   * @throws {SessionError} MESSAGE_TOO_LARGE when relays take so little that frames are not worth sending.
   */
  chunkBytes(profile: FrameProfile, token: string, envelope: Envelope): number {
    const longest = frameMessage({
      profile,
      frameType: "chunk",
      token,
      progress: Number.MAX_SAFE_INTEGER,
      fields: { chunkIndex: Number.MAX_SAFE_INTEGER, data: "" },
    });
    const empty = this.#template(JSON.stringify(longest), envelope);
    const maxBytes = this.#maxEventBytes(envelope.wrapKind !== undefined);
    const room = maxBytes - signedEventBytes(empty);
    if (room < MIN_CHUNK_BYTES) throw tooLarge(signedEventBytes(empty) + MIN_CHUNK_BYTES, maxBytes);
    return room;
  }

  #template(content: string, { recipient, tags = [] }: Envelope): EventTemplate {
    return {
      kind: MESSAGE_KIND,
      created_at: Math.floor(this.#options.now() / 1000),
      tags: [["p", recipient], ...tags],
      content,
    };
  }

  #enqueue(template: EventTemplate, envelope: Envelope): Promise<Posted> {
    // Signers may be remote; signing one after the other keeps the order of messages.
    this.#waiting += 1;
    const posted = this.#tail.then(() => this.#sign(template, envelope));
    this.#tail = posted.catch(() => undefined);
    return posted;
  }

  async #sign(template: EventTemplate, envelope: Envelope): Promise<Posted> {
    const { signer, signal } = this.#options;
    try {
      signal.throwIfAborted();
      const { recipient, wrapKind } = envelope;
      const event = await signer.signEvent(this.#unique.stamp(template));
      envelope.onSigned?.(event);
      envelope.onWhole?.(event);
      const taken = this.publish(event, recipient, wrapKind);
      taken.catch(() => undefined); // reported to whoever awaits it; nobody has to
      return { event, taken };
    } finally {
      this.#waiting -= 1;
    }
  }

  #postInParts(content: string, envelope: Envelope, transfer: OutgoingTransfer): Promise<Posted> {
    const { tags = [], startTags = tags, onSigned, onWhole: _, ...way } = envelope;
    const others = tags.filter(([name]) => name === "e");
    return transfer.send<Posted>(content, {
      maxChunkBytes: this.chunkBytes(OVERSIZED_TRANSFER, transfer.token, { ...way, tags: others }),
      post: (frame, frameType) => {
        const part = {
          ...way,
          tags: frameType === "start" ? startTags : others,
          ...(frameType === "end" ? { onSigned } : {}),
        };
        return this.#enqueue(this.#template(JSON.stringify(frame), part), part);
      },
    });
  }

  /** The largest signed event that can leave, as JSON, in bytes. */
  #maxEventBytes(wrapped: boolean): number {
    const { maxMessageBytes } = this.#options.pool.limits();
    const maxBytes = Math.min(maxMessageBytes - EVENT_FRAME_BYTES, MAX_EVENT_BYTES);
    return (wrapped ? wrappedBytes(maxBytes) : maxBytes) - MARGIN_BYTES;
  }
}

function tooLarge(bytes: number, maxBytes: number): SessionError {
  return new SessionError(
    "MESSAGE_TOO_LARGE",
    `the message does not fit an event: it makes one of ${bytes} bytes, and ${maxBytes} bytes is the most that the relays in use and gift wraps take`,
  );
}
