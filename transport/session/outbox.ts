/**
 * The way out: from a message to an event that a relay has taken.
 *
 * message → tags → fits? → sign → wrap → publish
 *
 * @module
 */
import type { CryptoEngine } from "../../crypto/engine.ts";
import type { NostrEvent } from "../../crypto/event.ts";
import { type GiftWrapKind, wrapEvent } from "../../crypto/gift_wrap.ts";
import type { Signer } from "../../crypto/signer.ts";
import { SessionError } from "../../errors.ts";
import type { RelayPool } from "../relay/pool.ts";
import type { JsonRpcMessage } from "../types.ts";
import { signedEventBytes, wrapBytes } from "../wire/event_size.ts";
import { MESSAGE_KIND } from "../wire/kinds.ts";
import type { Tags } from "../wire/tags.ts";
import { UniqueEvents } from "../wire/unique_events.ts";

/** The frame around an event: `["EVENT",…]`. */
const FRAME_BYTES = 10;
/** The largest event where relays do not say that they take larger ones: the stock limit of strfry. */
const DEFAULT_MAX_EVENT_BYTES = 65_536;
/** The largest plaintext that older NIP-44 implementations decrypt. */
const MAX_PLAINTEXT_BYTES = 65_534;

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

  /** @param options Where events go and who signs them. */
  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#unique = new UniqueEvents(options.salt);
  }

  /**
   * Signs a message and starts to publish it.
   *
   * @returns The event, once it is signed and handed to the relays.
   * @throws {SessionError} MESSAGE_TOO_LARGE when the message does not fit an event.
   */
  post(message: JsonRpcMessage, envelope: Envelope): Promise<Posted> {
    // Signers may be remote; signing one after the other keeps the order of messages.
    const posted = this.#tail.then(() => this.#post(message, envelope));
    this.#tail = posted.catch(() => undefined);
    return posted;
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
    const { pool, engine, now, signal } = this.#options;
    const outer = wrapKind === undefined
      ? event
      : wrapEvent(event, recipient, { kind: wrapKind, engine, now });
    await pool.publish(outer, { signal });
  }

  async #post(message: JsonRpcMessage, envelope: Envelope): Promise<Posted> {
    const { signer, now, signal } = this.#options;
    signal.throwIfAborted();
    const { recipient, tags = [], wrapKind } = envelope;
    const template = this.#unique.stamp({
      kind: MESSAGE_KIND,
      created_at: Math.floor(now() / 1000),
      tags: [["p", recipient], ...tags],
      content: JSON.stringify(message),
    });
    this.#checkSize(signedEventBytes(template), wrapKind !== undefined);
    const event = await signer.signEvent(template);
    envelope.onSigned?.(event);
    const taken = this.publish(event, recipient, wrapKind);
    taken.catch(() => undefined); // reported to whoever awaits it; nobody has to
    return { event, taken };
  }

  #checkSize(eventBytes: number, wrapped: boolean): void {
    const maxBytes = (this.#options.pool.limits().maxMessageBytes ?? DEFAULT_MAX_EVENT_BYTES) -
      FRAME_BYTES;
    const bytes = wrapped ? wrapBytes(eventBytes) : eventBytes;
    if (bytes <= maxBytes && (!wrapped || eventBytes <= MAX_PLAINTEXT_BYTES)) return;
    throw new SessionError(
      "MESSAGE_TOO_LARGE",
      `the message makes an event of ${bytes} bytes; ${maxBytes} bytes is what all relays in use take${
        wrapped ? `, and ${MAX_PLAINTEXT_BYTES} bytes what fits a gift wrap` : ""
      }`,
    );
  }
}
