/**
 * Several relays used as one.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { RelayError } from "../../errors.ts";
import { DEFAULT_MAX_EVENT_BYTES } from "../wire/event_size.ts";
import { Inquiry } from "./_inquiry.ts";
import { Publication } from "./_publication.ts";
import { Readiness } from "./_readiness.ts";
import { positive, type RelaySettings, resolveSettings } from "./_settings.ts";
import { RelayConnection } from "./connection.ts";
import type { Filter } from "./filter.ts";
import type {
  PublishOptions,
  PublishReceipt,
  QueryOptions,
  RelayPoolOptions,
  RelaySubscription,
  SubscribeOptions,
  SubscriptionHandlers,
  WaitOptions,
} from "./options.ts";
import { type RelayStatus, StatusBoard } from "./status.ts";
import { normalizeRelayUrl } from "./url.ts";

export type {
  EventOrigin,
  PublishOptions,
  PublishReceipt,
  RelayPoolOptions,
  RelaySubscription,
  SubscribeOptions,
  SubscriptionHandlers,
  WaitOptions,
} from "./options.ts";

/** A wait that `close()` must end. */
interface Pending {
  fail(error: unknown): void;
}

/**
 * Several relays used as one. Each has a connection of its own that comes back after every end;
 * none holds the others up.
 *
 * @example
 * ```ts ignore
 * import { RelayPool } from "@cvm/toolkit/transport";
 *
 * await using pool = new RelayPool(["wss://relay.example.com", "wss://relay.example.org"]);
 * pool.subscribe({ kinds: [25910], "#p": [publicKey] }, {
 *   onEvent: (event, { url }) => console.log(url, event.id),
 * }, { live: true });
 * await pool.ready();
 * const { accepted } = await pool.publish(event);
 * ```
 */
export class RelayPool implements AsyncDisposable {
  /** The relays, normalized, each once. */
  readonly urls: readonly string[];
  readonly #settings: RelaySettings;
  readonly #connections = new Map<string, RelayConnection>();
  readonly #board = new StatusBoard(() => this.snapshot());
  readonly #pending = new Set<Pending>();
  readonly #readiness = new Set<Readiness>();
  /** Those that one relay has taken, and others not yet, the oldest first. */
  readonly #trailing = new Set<Publication>();
  #trailingBytes = 0;
  #closed: Promise<void> | undefined;

  /**
   * Connects at first use.
   * @param urls The relays.
   * @param options Options.
   * @throws {InputError} RELAY_URL_INVALID when a URL can't be used.
   * @throws {RangeError} When a number is out of range.
   */
  constructor(urls: readonly string[], options: RelayPoolOptions = {}) {
    this.#settings = resolveSettings(options);
    this.urls = [...new Set(urls.map(normalizeRelayUrl))];
    for (const url of this.urls) {
      const connection = new RelayConnection(url, this.#settings, {
        onStatus: (status) => this.#board.update(status),
        onReadiness: () => {
          for (const readiness of [...this.#readiness]) readiness.check();
        },
      });
      this.#connections.set(url, connection);
    }
  }

  /** Connects to every relay, without waiting. What uses the pool does so by itself. */
  connect(): void {
    this.#assertOpen();
    for (const connection of this.#connections.values()) connection.connect();
  }

  /**
   * Waits until one relay is open and has granted the essential subscriptions. Gives up at the
   * deadline, or when every relay has failed three times in a row.
   * @param options When to give up; by default after `connectTimeoutMs`.
   * @throws {RelayError} RELAY_UNREACHABLE, or SUBSCRIPTION_REFUSED when one refused, with the reason of each relay;
   *   CLOSED when the pool is closed.
   */
  async ready(options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const timeoutMs = positive("timeoutMs", options.timeoutMs ?? this.#settings.connectTimeoutMs);
    this.connect();
    const readiness: Readiness = new Readiness({
      connections: this.#select(),
      timeoutMs,
      signal: options.signal,
      onEnd: () => {
        this.#pending.delete(readiness);
        this.#readiness.delete(readiness);
      },
    });
    this.#pending.add(readiness);
    this.#readiness.add(readiness);
    readiness.check();
    await readiness.done;
  }

  /**
   * Subscribes on every relay, and keeps the subscription alive there until it or the pool is
   * closed: over lost connections, `CLOSED` and AUTH.
   * @param filter What to subscribe to.
   * @param handlers What to tell whom. What they throw goes to `onError`.
   * @param options Essential? Live?
   * @returns The subscription.
   * @throws {RelayError} CLOSED when the pool is closed.
   */
  subscribe(
    filter: Filter,
    handlers: SubscriptionHandlers,
    options: SubscribeOptions = {},
  ): RelaySubscription {
    this.connect();
    const ends = Array.from(
      this.#connections.values(),
      (connection) => connection.subscribe(filter, { ...options, handlers }),
    );
    return {
      close: () => {
        for (const end of ends) end();
      },
    };
  }

  /**
   * Publishes on each relay as soon as it is open and its essential subscriptions are live. The
   * first OK is enough; the other relays get the event in the background until the deadline.
   * `rate-limited:` is tried again with back-off, `auth-required:` once after AUTH, `duplicate:`
   * counts as taken.
   * @param event The signed event.
   * @param options When to give up (by default after `publishTimeoutMs`), and where to publish.
   * @returns Who had taken it by then.
   * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT with the last words of each relay;
   *   CLOSED when the pool is closed.
   * @throws {TypeError} When `relays` names a relay that is not in the pool.
   */
  async publish(event: NostrEvent, options: PublishOptions = {}): Promise<PublishReceipt> {
    this.#assertOpen();
    options.signal?.throwIfAborted();
    const timeoutMs = positive("timeoutMs", options.timeoutMs ?? this.#settings.publishTimeoutMs);
    const connections = this.#select(options.relays);
    for (const connection of connections) connection.connect();
    const publication: Publication = new Publication(event, {
      connections,
      timeoutMs,
      signal: options.signal,
      all: options.all ?? false,
      onFirst: () => this.#trail(publication),
      onEnd: () => {
        this.#pending.delete(publication);
        if (this.#trailing.delete(publication)) this.#trailingBytes -= publication.bytes;
      },
    });
    this.#pending.add(publication);
    return await publication.receipt;
  }

  /**
   * Asks every relay for stored events, until each is through or has failed, or the deadline. A
   * relay that can't be reached holds nobody up.
   * @param filters What to ask for: events that match any of them.
   * @param options When to stop waiting, by default after `queryTimeoutMs`, and whom to tell of
   *   what is there before.
   * @returns The events, each once, the newest first. Their ids are their own, but their signatures
   *   are not verified: should a relay forge one, the forged copy is listed beside the genuine.
   * @throws {RelayError} RELAY_UNREACHABLE when no relay could be asked, SUBSCRIPTION_REFUSED when
   *   none of those that were asked answered; CLOSED when the pool is closed.
   */
  async query(filters: readonly Filter[], options: QueryOptions = {}): Promise<NostrEvent[]> {
    options.signal?.throwIfAborted();
    const timeoutMs = positive("timeoutMs", options.timeoutMs ?? this.#settings.queryTimeoutMs);
    this.connect();
    const inquiry: Inquiry = new Inquiry(filters, {
      connections: this.#select(),
      timeoutMs,
      signal: options.signal,
      onHeard: options.onHeard,
      report: this.#settings.report,
      onEnd: () => this.#pending.delete(inquiry),
    });
    this.#pending.add(inquiry);
    return await inquiry.events;
  }

  /**
   * How each relay is doing.
   * @returns One status for each relay, in the order of `urls`.
   */
  snapshot(): readonly RelayStatus[] {
    return Array.from(this.#connections.values(), (connection) => connection.status);
  }

  /**
   * How each relay is doing, now and from now on. A slow reader gets the latest status of each
   * relay and not those between. The stream ends with the signal, or after `close()`.
   * @param options `signal`: ends the stream, without an error.
   * @returns The stream.
   */
  status(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<RelayStatus> {
    return this.#board.stream(options.signal);
  }

  /**
   * What every relay takes (NIP-11). A relay counts for more than 64 KiB only when it states both
   * the greatest frame and the greatest content: stock strfry states a frame of 128 KiB, and takes
   * events of 64 KiB.
   * @returns `maxMessageBytes`: the smallest of the greatest frames; 65,536 where nothing is stated.
   */
  limits(): { readonly maxMessageBytes: number } {
    let maxMessageBytes = Infinity;
    for (const { info } of this.#connections.values()) {
      const { max_message_length: frame, max_content_length: content } = info?.limitation ?? {};
      const greatest = Math.min(
        frame ?? DEFAULT_MAX_EVENT_BYTES,
        content ?? DEFAULT_MAX_EVENT_BYTES,
      );
      maxMessageBytes = Math.min(maxMessageBytes, greatest);
    }
    return {
      maxMessageBytes: Number.isFinite(maxMessageBytes) ? maxMessageBytes : DEFAULT_MAX_EVENT_BYTES,
    };
  }

  /** Ends every wait and every connection; resolves when the sockets have closed, or after 1 s. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Closes the pool. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const pending of [...this.#pending]) pending.fail(closedError());
    const closing = Array.from(this.#connections.values(), (connection) => connection.close());
    this.#board.close();
    await Promise.all(closing);
  }

  /** Relays that say nothing must not make events pile up. */
  #trail(publication: Publication): void {
    this.#trailing.add(publication);
    this.#trailingBytes += publication.bytes;
    for (const oldest of this.#trailing) {
      if (this.#trailingBytes <= this.#settings.maxTrailingBytes) return;
      oldest.end();
    }
  }

  /** The connections to some relays, or to all. */
  #select(relays: readonly string[] = this.urls): readonly RelayConnection[] {
    if (relays.length === 0) {
      throw new RelayError("RELAY_UNREACHABLE", "there is no relay; name at least one", []);
    }
    if (relays === this.urls) return [...this.#connections.values()];
    return [...new Set(relays.map(normalizeRelayUrl))].map((url) => {
      const connection = this.#connections.get(url);
      if (connection === undefined) throw new TypeError(`${url} is not a relay of this pool`);
      return connection;
    });
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw closedError();
  }
}

function closedError(): RelayError {
  return new RelayError("CLOSED", "the relay pool is closed", []);
}
