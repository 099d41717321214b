/**
 * One relay: a connection that comes back, and what lives on it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { NostrEvent } from "../../crypto/event.ts";
import { Authenticator, type AuthOutcome } from "./_auth.ts";
import { readFrame, type RelayMessage } from "./_frame.ts";
import { Heartbeat } from "./_heartbeat.ts";
import { InfoFetcher } from "./_info.ts";
import type { LinkMember, RelayLink, RequestSink } from "./_link.ts";
import { Publish, type PublishOutcome } from "./_publish.ts";
import { Query, type QueryHandlers } from "./_query.ts";
import type { RelaySettings } from "./_settings.ts";
import { RelaySocket } from "./_socket.ts";
import { Subscription } from "./_subscription.ts";
import { Timer } from "./_timer.ts";
import type { Backoff } from "./backoff.ts";
import type { Filter } from "./filter.ts";
import type { SubscribeOptions, SubscriptionHandlers } from "./options.ts";
import type { RelayState, RelayStatus } from "./status.ts";

/** How long `close()` waits for the platform to let go of sockets, milliseconds. */
const CLOSE_TIMEOUT_MS = 1_000;

/** After so many failures in a row nobody should wait for the next attempt. */
const HOPELESS_AFTER = 3;

/** No event has this id: what a ping asks for. */
const IMPOSSIBLE_FILTER: Filter = { ids: ["0".repeat(64)], limit: 1 };

const logger = getLogger(["cvm", "relay"]);

/**
 * One relay: one WebSocket at a time, opened again with back-off after every end, and the
 * subscriptions, publishes and queries that outlast its sockets.
 */
export class RelayConnection implements RelayLink {
  /** The relay's normalized URL. */
  readonly url: string;
  /** The pool's settings. */
  readonly settings: RelaySettings;
  readonly #onChange: (status: RelayStatus) => void;
  readonly #auth: Authenticator;
  readonly #heartbeat: Heartbeat;
  readonly #info: InfoFetcher;
  readonly #backoff: Backoff;
  readonly #retryTimer = new Timer();
  readonly #subscriptions = new Set<Subscription>();
  readonly #publishes = new Set<Publish>();
  readonly #publishesById = new Map<string, Set<Publish>>();
  readonly #queries = new Set<Query>();
  readonly #requests = new Map<string, RequestSink>();
  readonly #closing = new Set<Promise<void>>();
  #socket: RelaySocket | undefined;
  #state: RelayState = "idle";
  #since: number;
  #attempts = 0;
  #openedAt = 0;
  #retryAt: number | undefined;
  #lastError: string | undefined;
  #lastNotice: string | undefined;
  #lastHeardAt = 0;
  #noticeCount = 0;
  #dropped = 0;
  #requestCount = 0;
  #pingId = "";
  #closed: Promise<void> | undefined;

  /**
   * @param url The relay's normalized URL.
   * @param settings The pool's settings.
   * @param onChange Told of each change of the status.
   */
  constructor(url: string, settings: RelaySettings, onChange: (status: RelayStatus) => void) {
    this.url = url;
    this.settings = settings;
    this.#onChange = onChange;
    this.#since = settings.now();
    this.#backoff = settings.newBackoff();
    this.#info = new InfoFetcher(url, settings.fetchRelayInfo, settings.connectTimeoutMs);
    this.#auth = new Authenticator({
      url,
      signer: settings.signer,
      timeoutMs: settings.publishTimeoutMs,
      now: settings.now,
      send: (frame) => this.send(frame),
      onAuthenticated: () => this.#onAuthenticated(),
    });
    this.#heartbeat = new Heartbeat({
      idleMs: settings.idlePingMs,
      timeoutMs: settings.pingTimeoutMs,
      probe: () => this.#ping(),
      onDead: (reason) => this.#fail(reason),
    });
  }

  /** Whether frames can be sent. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether the relay is open and every essential subscription is live (F12). */
  get isReady(): boolean {
    return this.isOpen && this.#blocking() === undefined;
  }

  /** Whether the relay has failed so often in a row that waiting for it is no use. */
  get isHopeless(): boolean {
    if (this.isOpen) return (this.#blocking()?.refusals ?? 0) >= HOPELESS_AFTER;
    return this.#attempts >= HOPELESS_AFTER;
  }

  /** When the relay's last frame came, by the pool's clock, milliseconds. */
  get lastHeardAt(): number {
    return this.#lastHeardAt;
  }

  /** How many NOTICEs have come. */
  get noticeCount(): number {
    return this.#noticeCount;
  }

  /** The last NOTICE: one printable line. */
  get lastNotice(): string | undefined {
    return this.#lastNotice;
  }

  /** What waits in the socket to be sent, bytes. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedBytes ?? 0;
  }

  /** How the relay is doing. */
  get status(): RelayStatus {
    return {
      url: this.url,
      state: this.#state,
      since: this.#since,
      attempts: this.#attempts,
      authenticated: this.#auth.authenticated,
      dropped: this.#dropped,
      ...(this.#lastError !== undefined && { lastError: this.#lastError }),
      ...(this.#lastNotice !== undefined && { lastNotice: this.#lastNotice }),
      ...(this.#retryAt !== undefined && { retryAt: this.#retryAt }),
      ...(this.#info.info !== undefined && { info: this.#info.info }),
    };
  }

  /** Opens the connection, if nobody has yet. */
  connect(): void {
    if (this.#state === "idle") this.#open();
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
   * @param event The event.
   * @param onDone Told how it ended.
   * @returns The publish.
   */
  publish(event: NostrEvent, onDone: (outcome: PublishOutcome) => void): Publish {
    const publish = new Publish(this, event, (outcome) => {
      this.cancelPublish(publish);
      onDone(outcome);
    });
    const sameId = this.#publishesById.get(event.id) ?? new Set();
    this.#publishesById.set(event.id, sameId.add(publish));
    this.#publishes.add(publish);
    publish.flush();
    return publish;
  }

  /** Ends a publish without a word. */
  cancelPublish(publish: Publish): void {
    publish.cancel();
    this.#publishes.delete(publish);
    const sameId = this.#publishesById.get(publish.event.id);
    sameId?.delete(publish);
    if (sameId?.size === 0) this.#publishesById.delete(publish.event.id);
  }

  /**
   * Asks for stored events. A relay whose last attempt to connect failed fails at once.
   * @param filters What to ask for.
   * @param handlers Whom to tell.
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
    else if (this.#state === "waiting" && this.#attempts > 0) query.onDrop(this.describeUnready());
    return query;
  }

  /** Ends a query without a word. */
  cancelQuery(query: Query): void {
    this.#queries.delete(query);
    query.cancel();
  }

  /** Sends a frame; nothing when the connection is not open. */
  send(frame: readonly unknown[]): void {
    if (this.isOpen) this.#socket?.send(JSON.stringify(frame));
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
    switch (this.#state) {
      case "open":
        return this.#blocking()?.problem ?? "open";
      case "connecting":
        return this.#lastError ?? "the connection is not open yet";
      case "waiting":
        return this.#lastError ?? "waiting to connect";
      default:
        return this.#state === "idle" ? "not connected" : "closed";
    }
  }

  /** A subscription became live, or ceased to be. */
  onReadinessChange(): void {
    if (!this.isReady) return;
    for (const publish of [...this.#publishes]) publish.flush();
    this.#onChange(this.status);
  }

  /** Closes for good; resolves when the sockets have closed, or after 1 s. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#retryTimer.clear();
    this.#detach();
    this.#become("closed");
    for (const subscription of this.#subscriptions) subscription.close();
    for (const publish of this.#publishes) publish.cancel();
    for (const query of this.#queries) query.cancel();
    this.#subscriptions.clear();
    this.#publishes.clear();
    this.#publishesById.clear();
    this.#queries.clear();
    const bound = Promise.withResolvers<void>();
    const timer = new Timer();
    timer.set(CLOSE_TIMEOUT_MS, bound.resolve);
    await Promise.race([Promise.all([...this.#closing, this.#info.stop()]), bound.promise]);
    timer.clear();
  }

  #open(): void {
    this.#attempts++;
    this.#retryAt = undefined;
    this.#become("connecting");
    this.#socket = new RelaySocket(this.url, {
      onOpen: () => this.#onOpen(),
      onFrame: (data) => this.#onFrame(data),
      onEnd: (reason) => this.#fail(reason),
    }, this.settings);
    this.#info.start(() => this.#onChange(this.status));
  }

  #onOpen(): void {
    this.#attempts = 0;
    this.#openedAt = performance.now();
    this.#lastHeardAt = this.settings.now();
    this.#heartbeat.start();
    this.#become("open");
    logger.info("relay {url} is open", { url: this.url });
    for (const member of this.#members()) member.onOpen();
  }

  /** The socket ended, could not be opened, or is as good as dead: whatever it was, come back. */
  #fail(reason: string): void {
    if (this.#state === "closed") return;
    const workedMs = this.isOpen ? performance.now() - this.#openedAt : 0;
    const level = this.isOpen ? "warning" : "debug";
    this.#detach();
    const delayMs = this.#backoff.next(workedMs);
    this.#lastError = reason;
    this.#retryAt = this.settings.now() + delayMs;
    this.#retryTimer.set(delayMs, () => this.#open());
    this.#become("waiting");
    logger[level]("relay {url}: {reason}; next attempt in {delayMs} ms", {
      url: this.url,
      reason,
      delayMs: Math.round(delayMs),
    });
    for (const member of this.#members()) member.onDrop(reason);
  }

  /** Lets go of the socket and of all that belongs to it. */
  #detach(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#heartbeat.stop();
    this.#requests.clear();
    this.#auth.reset();
    if (socket === undefined) return;
    socket.close();
    const closed = socket.closed.then(() => void this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  #onAuthenticated(): void {
    this.#onChange(this.status);
    for (const subscription of [...this.#subscriptions]) subscription.onAuthenticated();
  }

  /** What a handler throws is reported, and breaks nothing. */
  #onFrame(data: unknown): void {
    this.#lastHeardAt = this.settings.now();
    this.#heartbeat.touch();
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
        if (this.#auth.onOk(id, accepted, reason)) break;
        const publishes = this.#publishesById.get(id);
        if (publishes === undefined) break;
        for (const publish of [...publishes]) publish.onOk(accepted, reason);
        break;
      }
      case "AUTH":
        this.#auth.onChallenge(message.challenge);
        break;
      case "NOTICE":
        this.#noticeCount++;
        this.#lastNotice = message.text;
        logger.debug("relay {url} says: {text}", { url: this.url, text: message.text });
        this.#onChange(this.status);
    }
  }

  /** Asks for what does not exist; any frame that comes is a sign of life (F17). */
  #ping(): void {
    this.release(this.#pingId);
    const end = () => this.release(this.#pingId);
    this.#pingId = this.request([IMPOSSIBLE_FILTER], {
      onEvent: () => this.drop(),
      onEose: end,
      onClosed: end,
    });
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

  #become(state: RelayState): void {
    this.#state = state;
    this.#since = this.settings.now();
    if (state !== "waiting") this.#retryAt = undefined;
    this.#onChange(this.status);
  }
}
