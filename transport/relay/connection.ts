/**
 * One relay: a connection that comes back, and what lives on it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND, MESSAGE_KIND } from "../wire/kinds.ts";
import { Authenticator, type AuthOutcome } from "./_auth.ts";
import type { EventFrame } from "./_event_frame.ts";
import { readFrame, type RelayMessage } from "./_frame.ts";
import { InfoFetcher } from "./_info.ts";
import { RelayLine } from "./_line.ts";
import type { LinkMember, RelayLink, RequestSink } from "./_link.ts";
import { Publish, type PublishOutcome } from "./_publish.ts";
import { PublishQueue } from "./_publish_queue.ts";
import { Query, type QueryHandlers } from "./_query.ts";
import type { RelaySettings } from "./_settings.ts";
import { Subscription } from "./_subscription.ts";
import { settleWithin } from "./_timer.ts";
import type { Filter } from "./filter.ts";
import type { SubscribeOptions, SubscriptionHandlers } from "./options.ts";
import type { RelayInfo } from "./nip11.ts";
import type { RelayStatus } from "./status.ts";

/** After so many failures in a row nobody should wait for the next attempt. */
const HOPELESS_AFTER = 3;

/** How long `close()` waits for the platform to let go of sockets, milliseconds. */
const CLOSE_TIMEOUT_MS = 1_000;

/** No event has this id: what a ping asks for. */
const IMPOSSIBLE_FILTER: Filter = { ids: ["0".repeat(64)], limit: 1 };

/** What carries messages: a relay that refuses announcements may still carry answers. */
const CARRIERS: readonly number[] = [MESSAGE_KIND, EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND];

/** A refusal that says who may write, and nothing about one event (NIP-01, NIP-42). */
const STANDING_REFUSAL = /^(restricted|blocked|auth-required):/;

const logger = getLogger(["cvm", "relay"]);

/** Told what happens to a {@linkcode RelayConnection}. */
export interface RelayObserver {
  /** The status has changed. */
  onStatus(status: RelayStatus): void;
  /** The relay may have become ready, or hopeless. */
  onReadiness(): void;
}

/** One relay: the line to it, and the subscriptions, publishes and queries that outlast its sockets. */
export class RelayConnection implements RelayLink {
  /** The relay's normalized URL. */
  readonly url: string;
  /** The pool's settings. */
  readonly settings: RelaySettings;
  readonly #observer: RelayObserver;
  readonly #line: RelayLine;
  readonly #auth: Authenticator;
  readonly #info: InfoFetcher;
  readonly #subscriptions = new Set<Subscription>();
  readonly #publishes = new PublishQueue();
  readonly #queries = new Set<Query>();
  readonly #requests = new Map<string, RequestSink>();
  #requestCount = 0;
  #pingId = "";
  #noticeCount = 0;
  #lastNotice: string | undefined;
  #refusal: string | undefined;
  #dropped = 0;

  /**
   * @param url The relay's normalized URL.
   * @param settings The pool's settings.
   * @param observer Told of changes.
   */
  constructor(url: string, settings: RelaySettings, observer: RelayObserver) {
    this.url = url;
    this.settings = settings;
    this.#observer = observer;
    this.#info = new InfoFetcher(url, settings.fetchRelayInfo, settings.connectTimeoutMs);
    this.#line = new RelayLine(url, settings, {
      onOpen: () => {
        for (const member of this.#members()) member.onOpen();
      },
      onFrame: (data) => this.#onFrame(data),
      onDrop: (reason) => this.#onDrop(reason),
      onState: () => this.#onState(),
      onIdle: () => this.#ping(),
      isWanted: () => !this.#publishes.isEmpty,
    });
    this.#auth = new Authenticator({
      url,
      signer: settings.signer,
      timeoutMs: settings.publishTimeoutMs,
      now: settings.now,
      send: (frame) => this.send(frame),
      onAuthenticated: () => this.#onAuthenticated(),
    });
  }

  /** Whether frames can be sent. */
  get isOpen(): boolean {
    return this.#line.state === "open";
  }

  /** Whether the relay is open and every essential subscription is live (F12). */
  get isReady(): boolean {
    return this.isOpen && this.#blocking() === undefined;
  }

  /** Whether the relay has failed so often in a row that waiting for it is no use. */
  get isHopeless(): boolean {
    const failures = this.isOpen ? this.#blocking()?.refusals ?? 0 : this.#line.failures;
    return failures >= HOPELESS_AFTER;
  }

  /** Whether the relay has refused an essential subscription, and not only kept silent. */
  get isRefused(): boolean {
    return this.isOpen && this.#blocking()?.isRefused === true;
  }

  /** When the relay's last frame came, by the pool's clock, milliseconds. */
  get lastHeardAt(): number {
    return this.#line.lastHeardAt;
  }

  /** How many NOTICEs have come. */
  get noticeCount(): number {
    return this.#noticeCount;
  }

  /** The last NOTICE: one printable line. */
  get lastNotice(): string | undefined {
    return this.#lastNotice;
  }

  /** What waits to be sent, bytes. */
  get bufferedBytes(): number {
    return this.#line.bufferedBytes;
  }

  /** The relay's information document (NIP-11), once it is known. */
  get info(): RelayInfo | undefined {
    return this.#info.info;
  }

  /** How the relay is doing. */
  get status(): RelayStatus {
    const { state, since, attempts, lastError, retryAt } = this.#line;
    const { info } = this.#info;
    return {
      url: this.url,
      state,
      since,
      attempts,
      authenticated: this.#auth.authenticated,
      dropped: this.#dropped,
      ...(lastError !== undefined && { lastError }),
      ...(this.#lastNotice !== undefined && { lastNotice: this.#lastNotice }),
      ...(this.#refusal !== undefined && { refusal: this.#refusal }),
      ...(retryAt !== undefined && { retryAt }),
      ...(info !== undefined && { info }),
    };
  }

  /** Opens the connection, if nobody has yet. */
  connect(): void {
    this.#line.connect();
  }

  /**
   * Subscribes, and keeps the subscription alive.
   * @param filter What to subscribe to.
   * @param options The handlers; essential? live?
   * @returns Ends the subscription.
   */
  subscribe(
    filter: Filter,
    options: SubscribeOptions & { readonly handlers: SubscriptionHandlers },
  ): () => void {
    const subscription = new Subscription(this, filter, options);
    this.#subscriptions.add(subscription);
    if (this.isOpen) subscription.onOpen();
    return () => {
      this.#subscriptions.delete(subscription);
      subscription.close();
    };
  }

  /**
   * Publishes as soon as the relay is ready, until it has answered or the publish is cancelled.
   * @param frame The event, in its frame.
   * @param onDone Told how it ended.
   * @returns The publish.
   */
  publish(frame: EventFrame, onDone: (outcome: PublishOutcome) => void): Publish {
    const publish = new Publish(this, frame, (outcome) => {
      this.#publishes.delete(publish);
      if (CARRIERS.includes(frame.event.kind)) this.#noteAnswer(outcome);
      onDone(outcome);
    });
    this.#publishes.add(publish);
    this.#line.hurry();
    publish.flush();
    return publish;
  }

  /** Ends a publish without a word. */
  cancelPublish(publish: Publish): void {
    this.#publishes.delete(publish);
    publish.cancel();
  }

  /**
   * Asks for stored events. A relay whose last attempt to connect failed fails in a moment.
   * @param filters What to ask for.
   * @param handlers Whom to tell; not before this method has returned.
   * @returns The query.
   */
  query(filters: readonly Filter[], handlers: QueryHandlers): Query {
    const query = new Query(this, filters, {
      onEvent: (event) => handlers.onEvent(event),
      onDone: (reason) => {
        this.#queries.delete(query);
        handlers.onDone(reason);
      },
    });
    this.#queries.add(query);
    if (this.isOpen) query.onOpen();
    else if (this.#line.state === "waiting" && this.#line.failures > 0) {
      queueMicrotask(() => query.onDrop(this.describeUnready()));
    }
    return query;
  }

  /** Ends a query without a word. */
  cancelQuery(query: Query): void {
    this.#queries.delete(query);
    query.cancel();
  }

  /** Sends a frame; nothing when the connection is not open. */
  send(frame: readonly unknown[]): void {
    if (this.isOpen) this.sendText(JSON.stringify(frame));
  }

  /** Sends a frame that is a text already; nothing when the connection is not open. */
  sendText(text: string): void {
    this.#line.send(text);
  }

  /** Sends a REQ. Its id is new: some relays keep the old filters of an id that comes again. */
  request(filters: readonly Filter[], sink: RequestSink): string {
    const id = `r${++this.#requestCount}`;
    this.#requests.set(id, sink);
    this.send(["REQ", id, ...filters]);
    return id;
  }

  /** Ends a REQ; nothing when it has ended. */
  release(id: string): void {
    if (this.#requests.delete(id)) this.send(["CLOSE", id]);
  }

  /** Authenticates, or waits until that is done. Never rejects. */
  authenticate(): Promise<AuthOutcome> {
    return this.#auth.request();
  }

  /** Counts something that was dropped. */
  drop(): void {
    this.#dropped++;
  }

  /** Why publishing can't begin, in words. */
  describeUnready(): string {
    const { state, lastError } = this.#line;
    if (state === "open") return this.#blocking()?.problem ?? "open";
    if (state === "connecting") return lastError ?? "the connection is not open yet";
    return lastError ?? (state === "idle" ? "not connected" : state);
  }

  /** A subscription became live, or ceased to be. */
  onReadinessChange(): void {
    if (this.isReady) this.#publishes.flush();
    this.#observer.onReadiness();
  }

  /** Closes for good; resolves when the sockets have closed, or after 1 s. */
  async close(): Promise<void> {
    this.#auth.reset();
    this.#requests.clear();
    const closed = this.#line.close();
    for (const subscription of this.#subscriptions) subscription.close();
    for (const query of this.#queries) query.cancel();
    this.#subscriptions.clear();
    this.#queries.clear();
    this.#publishes.clear();
    await settleWithin(Promise.all([closed, this.#info.stop()]), CLOSE_TIMEOUT_MS);
  }

  /** Keeps what a relay says that takes nothing from us, until it takes something. */
  #noteAnswer({ reason }: PublishOutcome): void {
    if (reason === this.#refusal) return;
    if (reason !== undefined && !STANDING_REFUSAL.test(reason)) return;
    this.#refusal = reason;
    this.#observer.onStatus(this.status);
  }

  #onState(): void {
    if (this.#line.state === "connecting") {
      this.#info.start(() => this.#observer.onStatus(this.status));
    }
    this.#observer.onStatus(this.status);
    this.#observer.onReadiness();
  }

  #onDrop(reason: string): void {
    this.#requests.clear();
    this.#auth.reset();
    for (const member of this.#members()) member.onDrop(reason);
  }

  #onAuthenticated(): void {
    this.#observer.onStatus(this.status);
    for (const subscription of [...this.#subscriptions]) subscription.onAuthenticated();
  }

  /** What a handler throws is reported, and breaks nothing. */
  #onFrame(data: unknown): void {
    const message = readFrame(data, this.settings.maxFrameBytes);
    if (message === undefined) return this.drop();
    try {
      this.#dispatch(message, typeof data === "string" ? data.length : 0);
    } catch (error) {
      this.settings.report(error);
    }
  }

  #dispatch(message: RelayMessage, frameLength: number): void {
    switch (message.type) {
      case "EVENT": {
        const sink = this.#requests.get(message.id);
        if (sink === undefined) this.drop();
        else sink.onEvent(message.event, frameLength);
        break;
      }
      case "EOSE":
        this.#requests.get(message.id)?.onEose();
        break;
      case "CLOSED": {
        const sink = this.#requests.get(message.id);
        this.#requests.delete(message.id);
        sink?.onClosed(message.reason);
        break;
      }
      case "OK": {
        const { id, accepted, reason } = message;
        if (!this.#auth.onOk(id, accepted, reason)) this.#publishes.onOk(id, accepted, reason);
        break;
      }
      case "AUTH":
        this.#auth.onChallenge(message.challenge);
        break;
      case "NOTICE":
        this.#noticeCount++;
        this.#lastNotice = message.text;
        logger.debug("relay {url} says: {text}", { url: this.url, text: message.text });
        this.#observer.onStatus(this.status);
    }
  }

  /** Asks for what does not exist; any frame that comes is a sign of life (F17). */
  #ping(): void {
    this.release(this.#pingId);
    const end = () => this.release(this.#pingId);
    const sink = { onEvent: () => this.drop(), onEose: end, onClosed: end };
    this.#pingId = this.request([IMPOSSIBLE_FILTER], sink);
  }

  /** An essential subscription that is not live. */
  #blocking(): Subscription | undefined {
    for (const subscription of this.#subscriptions) {
      if (subscription.essential && !subscription.isLive) return subscription;
    }
    return undefined;
  }

  #members(): LinkMember[] {
    return [...this.#subscriptions, ...this.#queries, ...this.#publishes];
  }
}
