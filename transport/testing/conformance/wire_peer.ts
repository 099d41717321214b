/**
 * A peer that signs, wraps and reads every event by hand.
 *
 * @module
 */
import {
  type EventTemplate,
  isNostrEvent,
  type NostrEvent,
  verifyEvent,
} from "../../../crypto/event.ts";
import {
  EPHEMERAL_GIFT_WRAP_KIND,
  GIFT_WRAP_KIND,
  type GiftWrapKind,
  unwrapEvent,
  wrapEvent,
} from "../../../crypto/gift_wrap.ts";
import { PrivateKeySigner } from "../../../crypto/private_key_signer.ts";
import type { Filter } from "../../relay/filter.ts";
import type { WebSocketLike } from "../../relay/websocket.ts";
import type { JsonRpcMessage } from "../../types.ts";
import { MESSAGE_KIND } from "../../wire/kinds.ts";
import { parseMessage } from "../../wire/message.ts";
import { isAddressedTo, tagValue } from "../../wire/tags.ts";
import { ConformanceFailure, type WaitBounds, waitFor, within } from "./failure.ts";
import type { ConformanceRelay } from "./target.ts";

/** How far back a peer's subscription reaches, seconds. */
const SINCE_MARGIN = 10;

/** How a message travels. */
export type Wrap = "plain" | GiftWrapKind;

/** A message that has come to a peer. */
export interface WireMessage {
  /** The event that came from the relay. */
  readonly outer: NostrEvent;
  /** The signed message event: the same one, or the one inside the gift wrap. */
  readonly event: NostrEvent;
  /** How it came. */
  readonly wrap: Wrap;
  /** What it says. */
  readonly message: JsonRpcMessage;
}

/** Where a message goes. */
export interface WireEnvelope {
  /** The recipient's public key. */
  readonly to: string;
  /** How it travels. */
  readonly wrap: Wrap;
  /** Tags after `p`. */
  readonly tags?: readonly (readonly string[])[];
}

/** A Nostr peer on a bare WebSocket. */
export class WirePeer {
  /** The messages that have come, opened, each event once. */
  readonly messages: WireMessage[] = [];
  /** Events that have come and are no messages: what is wrong with each. */
  readonly problems: string[] = [];
  readonly #relay: ConformanceRelay;
  readonly #bounds: WaitBounds;
  readonly #signer: PrivateKeySigner;
  readonly #answers = new Map<string, (frame: readonly unknown[]) => void>();
  readonly #seen = new Set<string>();
  #opening: Promise<void> = Promise.resolve();
  #socket: WebSocketLike | undefined;
  #closed: Promise<void> = Promise.resolve();
  #watched: readonly string[] = [];
  #requests = 0;
  #onMessage: ((message: WireMessage) => void) | undefined;

  /** @param relay Where it connects. @param bounds How long things may take. @param signer Its key. */
  constructor(
    relay: ConformanceRelay,
    bounds: WaitBounds,
    signer: PrivateKeySigner = PrivateKeySigner.generate(),
  ) {
    this.#relay = relay;
    this.#bounds = bounds;
    this.#signer = signer;
  }

  /** Its public key. */
  get publicKey(): string {
    return this.#signer.pubkey;
  }

  /** Told each message as it is opened. */
  set onMessage(handler: (message: WireMessage) => void) {
    this.#onMessage = handler;
  }

  /** Connects, or connects again, and subscribes to what is addressed to it, or to others that it watches. */
  async open(watched: readonly string[] = [this.publicKey]): Promise<void> {
    await this.close();
    this.#watched = watched;
    const [url] = this.#relay.urls;
    if (url === undefined) throw new ConformanceFailure("the triple names no relay");
    const socket: WebSocketLike = this.#relay.webSocket?.(url) ?? new WebSocket(url);
    const opened = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    socket.onopen = () => opened.resolve();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onerror = (event) => {
      if (event instanceof Event) event.preventDefault();
    };
    socket.onclose = () => {
      opened.reject(new ConformanceFailure(`the relay ${url} ended the connection`));
      closed.resolve();
    };
    this.#socket = socket;
    this.#closed = closed.promise;
    await within(`a connection to ${url}`, opened.promise, this.#bounds);
    const since = Math.floor(Date.now() / 1000) - SINCE_MARGIN;
    // Stored wraps stand alone: some relays keep them back (F37).
    for (const kinds of [[MESSAGE_KIND, EPHEMERAL_GIFT_WRAP_KIND], [GIFT_WRAP_KIND]]) {
      await this.#ask({ kinds, "#p": [...watched], since }, true);
    }
  }

  /** The stored events that match. */
  query(filter: Filter): Promise<NostrEvent[]> {
    return this.#ask(filter, false);
  }

  /** A signed message event. */
  sign(
    message: unknown,
    to: string,
    change: Partial<EventTemplate> = {},
  ): Promise<NostrEvent> {
    return this.#signer.signEvent({
      kind: MESSAGE_KIND,
      created_at: Math.floor(Date.now() / 1000),
      tags: [["p", to]],
      content: JSON.stringify(message),
      ...change,
    });
  }

  /** Publishes an event as it is; resolves when the relay has said OK. */
  async publish(event: NostrEvent): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<readonly unknown[]>();
    this.#answers.set(event.id, resolve);
    this.post(event);
    const [, , accepted, reason] = await within("the relay's OK", promise, this.#bounds);
    if (accepted !== true) throw new ConformanceFailure(`the relay refused an event: ${reason}`);
  }

  /** Publishes an event and does not wait. */
  post(event: NostrEvent): void {
    this.#socket?.send(JSON.stringify(["EVENT", event]));
  }

  /** Puts an event into a gift wrap, or leaves it plain. */
  wrap(event: NostrEvent, to: string, wrap: Wrap): NostrEvent {
    return wrap === "plain" ? event : wrapEvent(event, to, { kind: wrap });
  }

  /** Signs, wraps and publishes a message; returns the signed message event. */
  async send(message: unknown, { to, wrap, tags = [] }: WireEnvelope): Promise<NostrEvent> {
    const event = await this.sign(message, to, {
      tags: [["p", to], ...tags.map((tag) => [...tag])],
    });
    await this.publish(this.wrap(event, to, wrap));
    return event;
  }

  /** Waits for a message that is what is looked for. */
  next(what: string, isIt: (message: WireMessage) => boolean): Promise<WireMessage> {
    return waitFor(what, () => this.messages.find(isIt), this.#bounds);
  }

  /** Waits for the JSON-RPC answer to a message event. */
  answerTo(event: NostrEvent): Promise<WireMessage> {
    return this.next("the answer", ({ event: { tags }, message }) => {
      return tagValue(tags, "e") === event.id && ("result" in message || "error" in message);
    });
  }

  /** Closes its socket; resolves when that has ended. */
  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    if (socket.readyState < 2) socket.close();
    await this.#closed;
  }

  async #ask(filter: Filter, live: boolean): Promise<NostrEvent[]> {
    const id = `conformance-${++this.#requests}`;
    const events: NostrEvent[] = [];
    const { promise, resolve } = Promise.withResolvers<readonly unknown[]>();
    this.#answers.set(id, (frame) => {
      if (frame[0] === "EVENT" && !live && isNostrEvent(frame[2])) events.push(frame[2]);
      else if (frame[0] !== "EVENT") resolve(frame);
    });
    this.#socket?.send(JSON.stringify(["REQ", id, filter]));
    const [type, , reason] = await within("the relay's EOSE", promise, this.#bounds);
    if (type !== "EOSE") {
      throw new ConformanceFailure(`the relay refused a subscription: ${reason}`);
    }
    if (!live) this.#socket?.send(JSON.stringify(["CLOSE", id]));
    return events;
  }

  #receive(data: unknown): void {
    const frame: unknown = JSON.parse(String(data));
    if (!Array.isArray(frame)) return;
    this.#answers.get(String(frame[1]))?.(frame);
    const event: unknown = frame[2];
    if (frame[0] !== "EVENT" || !isNostrEvent(event)) return;
    const isMessage = [MESSAGE_KIND, GIFT_WRAP_KIND, EPHEMERAL_GIFT_WRAP_KIND].includes(event.kind);
    // Some relays deliver what is addressed to others too (R2).
    const isWatched = this.#watched.some((publicKey) => isAddressedTo(event, publicKey));
    if (!isMessage || !isWatched || this.#seen.has(event.id)) return;
    this.#seen.add(event.id);
    this.#opening = this.#opening.then(() => this.#open(event));
  }

  /** Opens what is for this peer; what it watches of others it can only see from outside. */
  async #open(outer: NostrEvent): Promise<void> {
    const wrap = wrapOf(outer);
    if (wrap !== "plain" && !isAddressedTo(outer, this.publicKey)) return;
    try {
      if (!verifyEvent(outer)) return this.#complain(outer, "its signature does not hold");
      const event = wrap === "plain" ? outer : await unwrapEvent(outer, this.#signer);
      const message = { outer, event, wrap, message: parseMessage(event.content) };
      this.messages.push(message);
      this.#onMessage?.(message);
    } catch (error) {
      this.#complain(outer, error instanceof Error ? error.message : String(error));
    }
  }

  #complain({ id, kind }: NostrEvent, problem: string): void {
    this.problems.push(`event ${id} of kind ${kind}: ${problem}`);
  }
}

function wrapOf({ kind }: NostrEvent): Wrap {
  return kind === GIFT_WRAP_KIND || kind === EPHEMERAL_GIFT_WRAP_KIND ? kind : "plain";
}
