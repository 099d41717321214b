/**
 * One query on one relay.
 *
 * @module
 */
import { hasOwnId, isNostrEvent, type NostrEvent } from "../../crypto/event.ts";
import type { LinkMember, RelayLink, RequestSink } from "./_link.ts";
import { type Filter, matchFilter } from "./filter.ts";

/** The most that one relay may answer to one query: events, and characters of frames. */
const MAX_EVENTS = 5_000;
const MAX_CHARACTERS = 33_554_432;
/** How often a relay may deliver each event: khatru does it twice. */
const MAX_DELIVERIES = 2;

/** What a {@linkcode Query} tells its owner. */
export interface QueryHandlers {
  /** An event that matches, with an id that is its own; its signature is not verified. */
  onEvent(event: NostrEvent): void;
  /** The relay is through, or failed for a reason. Called once. */
  onDone(reason?: string): void;
}

/** One query on one relay: asked once the connection is open, over with EOSE or any failure. */
export class Query implements LinkMember, RequestSink {
  readonly #link: RelayLink;
  readonly #filters: readonly Filter[];
  readonly #handlers: QueryHandlers;
  readonly #maxEvents: number;
  #id: string | undefined;
  #events = 0;
  #characters = 0;
  #authRetried = false;
  #done = false;

  /**
   * @param link The relay's connection.
   * @param filters What to ask for: events that match any of them.
   * @param handlers Whom to tell.
   */
  constructor(link: RelayLink, filters: readonly Filter[], handlers: QueryHandlers) {
    this.#link = link;
    this.#filters = filters;
    this.#handlers = handlers;
    const wanted = filters.reduce((sum, { limit = Infinity }) => sum + limit, 0);
    this.#maxEvents = Math.min(MAX_EVENTS, MAX_DELIVERIES * wanted);
  }

  /** Whether the relay was asked. */
  get wasAsked(): boolean {
    return this.#id !== undefined;
  }

  /** Why it is not done, in words. */
  get problem(): string {
    if (!this.#link.isOpen) return this.#link.describeUnready();
    const { lastNotice } = this.#link;
    return lastNotice === undefined ? "no EOSE came" : `no EOSE; its last NOTICE: ${lastNotice}`;
  }

  /** The connection is open: ask. */
  onOpen(): void {
    if (!this.#done) this.#id = this.#link.request(this.#filters, this);
  }

  /** The connection ended, or could not be opened. */
  onDrop(reason: string): void {
    this.#finish(reason);
  }

  /** An event came: any value. */
  onEvent(value: unknown, frameLength: number): void {
    this.#characters += frameLength;
    if (++this.#events > this.#maxEvents || this.#characters > MAX_CHARACTERS) {
      return this.#finish("the relay sent more than a query may return");
    }
    const { signer } = this.#link.settings;
    const fits = isNostrEvent(value) &&
      this.#filters.some((filter) => matchFilter(filter, value)) &&
      hasOwnId(value, signer?.engine);
    if (fits) this.#handlers.onEvent(value);
    else this.#link.drop();
  }

  /** The relay is through. */
  onEose(): void {
    this.#finish();
  }

  /** The relay refused. */
  onClosed(reason: string): void {
    if (!reason.startsWith("auth-required:") || this.#authRetried) {
      return this.#finish(`CLOSED ${reason}`);
    }
    this.#authRetried = true;
    this.#link.authenticate().then((outcome) => {
      if (this.#done) return;
      if (outcome.ok && this.#link.isOpen) this.onOpen();
      else this.#finish(`CLOSED ${reason}${outcome.ok ? "" : `; ${outcome.reason}`}`);
    });
  }

  /** Ends it without a word. */
  cancel(): void {
    this.#done = true;
    if (this.#id !== undefined) this.#link.release(this.#id);
  }

  #finish(reason?: string): void {
    if (this.#done) return;
    this.cancel();
    this.#handlers.onDone(reason);
  }
}
