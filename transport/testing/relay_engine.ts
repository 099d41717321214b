/**
 * The protocol of a Nostr relay, without a network: text frames in, text
 * frames out. It follows NIP-01, NIP-09, NIP-11 and NIP-42.
 *
 * @module
 */
import { isNostrEvent, type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import { type Filter, matchFilter, matchFilterIgnoringTags } from "../relay/filter.ts";
import {
  AUTH_KIND,
  findAuthProblem,
  findReadProblem,
  mayRead,
  type RequireAuth,
} from "./authentication.ts";
import { parseClientMessage } from "./client_message.ts";
import {
  buildRelayInformation,
  type RelayDescription,
  type RelayInformation,
} from "./information.ts";
import { completeLimits, exceedsBytes, type RelayLimits } from "./limits.ts";
import { MemoryEventStore } from "./memory_store.ts";
import { type AddResult, type EventStore, kindClass } from "./store.ts";
import { SubscriptionIndex } from "./subscription_index.ts";

/** How many keys one connection may authenticate as. */
const MAX_KEYS = 16;

/** Settings of a {@linkcode RelayEngine}. */
export interface RelayEngineOptions {
  /**
   * The URLs under which clients reach the relay; an authentication event must name one of them.
   * @default {[]} any
   */
  readonly urls?: readonly string[];
  /**
   * Where events are kept. The engine closes it.
   * @default a {@linkcode MemoryEventStore}
   */
  readonly store?: EventStore;
  /** What is taken at most; {@linkcode DEFAULT_RELAY_LIMITS} for what is not said. */
  readonly limits?: Partial<RelayLimits>;
  /**
   * Who must authenticate.
   * @default {false}
   */
  readonly requireAuth?: RequireAuth;
  /**
   * Whether an event's id and signature hold. `() => true` makes a relay that trusts.
   * @default `verifyEvent` of `@cvm/toolkit/crypto`
   */
  readonly verify?: (event: NostrEvent) => boolean;
  /** Asked before an event is verified: a reason such as `"blocked: …"` refuses it. */
  readonly policy?: (event: NostrEvent, client: RelayClient) => string | undefined;
  /** What the relay says about itself in its NIP-11 document. */
  readonly description?: RelayDescription;
  /**
   * The time, milliseconds since the epoch.
   * @default {Date.now}
   */
  readonly now?: () => number;
  /** Told each event that was accepted, before it is delivered; must not throw. */
  readonly onAccept?: (event: NostrEvent) => void;
}

/** Settings of one connection. */
export interface RelayConnectOptions {
  /** Called when the engine wants the connection to end: a WebSocket close code, and why. */
  readonly terminate?: (code: number, reason: string) => void;
  /** Asked at each live delivery: `true` ignores the tags of this connection's filters, as some relays do. */
  readonly ignoreTagFilters?: () => boolean;
}

/** A client as a policy sees it. */
export interface RelayClient {
  /** The keys that it has proved to hold (NIP-42). */
  readonly pubkeys: ReadonlySet<string>;
}

/** A client's connection, as whoever carries its frames sees it. */
export interface RelayClientConnection extends RelayClient {
  /** Its open subscriptions, oldest first. */
  readonly subscriptions: readonly RelaySubscription[];
  /** Takes a frame from the client. Answers go out before it returns. Never throws. */
  receive(frame: string): void;
  /** Sends a new challenge (NIP-42). */
  challenge(): void;
  /** Ends the connection and its subscriptions. Idempotent. */
  close(): void;
}

/** What takes connections: a {@linkcode RelayEngine}, or one with faults in front. */
export interface RelayEndpoint {
  /**
   * Takes a connection.
   * @param send Called with each frame for the client; must not throw.
   * @param options What the engine may ask of the connection.
   */
  connect(send: (frame: string) => void, options?: RelayConnectOptions): RelayClientConnection;
  /** The relay's NIP-11 document. */
  information(): RelayInformation;
}

/** An open subscription. */
export interface RelaySubscription {
  /** Its id, the client's choice. */
  readonly id: string;
  /** Its filters. */
  readonly filters: readonly Filter[];
}

interface Subscription extends RelaySubscription {
  readonly connection: Connection;
  /** The start of each EVENT frame. */
  readonly prefix: string;
}

/**
 * The protocol of a Nostr relay. Whoever carries the frames calls
 * {@linkcode RelayEngine.connect} for each connection.
 *
 * @example
 * ```ts
 * import { RelayEngine } from "@cvm/toolkit/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const sent: string[] = [];
 * using engine = new RelayEngine();
 * const connection = engine.connect((frame) => sent.push(frame));
 * connection.receive(JSON.stringify(["REQ", "s", { kinds: [1] }]));
 * assertEquals(sent, ['["EOSE","s"]']);
 * ```
 */
export class RelayEngine implements RelayEndpoint {
  readonly #options: RelayEngineOptions;
  readonly #limits: RelayLimits;
  readonly #store: EventStore;
  readonly #connections = new Set<Connection>();
  /** Connections that may ignore tag filters: the index does not find all that they get. */
  readonly #unsure = new Set<Connection>();
  readonly #index = new SubscriptionIndex<Subscription>();

  /** @param options Settings. */
  constructor(options: RelayEngineOptions = {}) {
    this.#options = options;
    this.#limits = completeLimits(options.limits);
    this.#store = options.store ?? new MemoryEventStore();
  }

  /** What the relay takes at most. */
  get limits(): RelayLimits {
    return this.#limits;
  }

  /** Where events are kept. */
  get store(): EventStore {
    return this.#store;
  }

  /** The open subscriptions of all connections, oldest first. */
  get subscriptions(): readonly RelaySubscription[] {
    return [...this.#index.all];
  }

  /** How many connections are open. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Takes a connection.
   * @param send Called with each frame for the client; must not throw.
   * @param options What the engine may ask of the connection.
   * @returns Where the client's frames go.
   */
  connect(send: (frame: string) => void, options: RelayConnectOptions = {}): RelayClientConnection {
    const connection = new Connection({
      options: this.#options,
      limits: this.#limits,
      store: this.#store,
      index: this.#index,
      send,
      terminate: options.terminate ?? (() => {}),
      deliver: (event) => this.deliver(event),
      ignoreTagFilters: options.ignoreTagFilters,
      onClose: () => {
        this.#connections.delete(connection);
        this.#unsure.delete(connection);
      },
    });
    this.#connections.add(connection);
    if (options.ignoreTagFilters !== undefined) this.#unsure.add(connection);
    if ((this.#options.requireAuth ?? false) !== false) connection.challenge();
    return connection;
  }

  /**
   * Hands an event to every subscription that it matches, without storing or verifying it.
   * @param event The event.
   */
  deliver(event: NostrEvent): void {
    const candidates = new Set(this.#index.candidates(event));
    for (const connection of this.#unsure) {
      if (!connection.ignoresTags) continue;
      for (const subscription of connection.openSubscriptions()) candidates.add(subscription);
    }
    const requireAuth = this.#options.requireAuth ?? false;
    let json: string | undefined;
    for (const { connection, filters, prefix } of candidates) {
      const match = connection.ignoresTags ? matchFilterIgnoringTags : matchFilter;
      if (!filters.some((filter) => match(filter, event))) continue;
      if (!mayRead(event, requireAuth, connection.pubkeys)) continue;
      json ??= JSON.stringify(event);
      connection.send(`${prefix}${json}]`);
    }
  }

  /**
   * The relay's NIP-11 document.
   * @returns The document, ready for `JSON.stringify`.
   */
  information(): RelayInformation {
    return buildRelayInformation(this.#options.description ?? {}, this.#limits, {
      authRequired: this.#options.requireAuth === true,
      restrictedWrites: this.#options.policy !== undefined,
    });
  }

  /** Ends every connection's subscriptions and closes the store. Idempotent. */
  close(): void {
    for (const connection of [...this.#connections]) connection.close();
    this.#store.close();
  }

  /** The same as {@linkcode RelayEngine.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

interface ConnectionContext {
  readonly options: RelayEngineOptions;
  readonly limits: RelayLimits;
  readonly store: EventStore;
  readonly index: SubscriptionIndex<Subscription>;
  readonly send: (frame: string) => void;
  readonly terminate: (code: number, reason: string) => void;
  readonly deliver: (event: NostrEvent) => void;
  readonly ignoreTagFilters: (() => boolean) | undefined;
  readonly onClose: () => void;
}

class Connection implements RelayClientConnection {
  readonly #context: ConnectionContext;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #pubkeys = new Set<string>();
  #challenge: string | undefined;
  #closed = false;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  get pubkeys(): ReadonlySet<string> {
    return this.#pubkeys;
  }

  get subscriptions(): readonly RelaySubscription[] {
    return [...this.#subscriptions.values()];
  }

  get ignoresTags(): boolean {
    return this.#context.ignoreTagFilters?.() ?? false;
  }

  openSubscriptions(): Iterable<Subscription> {
    return this.#subscriptions.values();
  }

  send(frame: string): void {
    if (!this.#closed) this.#context.send(frame);
  }

  challenge(): void {
    this.#challenge = crypto.randomUUID();
    this.#answer("AUTH", this.#challenge);
  }

  receive(frame: string): void {
    if (this.#closed) return;
    const { limits } = this.#context;
    if (exceedsBytes(frame, limits.maxFrameBytes)) {
      const reason = `a frame has at most ${limits.maxFrameBytes} bytes`;
      this.#answer("NOTICE", `invalid: ${reason}`);
      this.close();
      this.#context.terminate(1009, reason);
      return;
    }
    const message = parseClientMessage(frame, limits);
    switch (message.type) {
      case "EVENT":
        return this.#takeEvent(message.event);
      case "AUTH":
        return this.#authenticate(message.event);
      case "REQ":
        return this.#subscribe(message.subscriptionId, message.filters);
      case "CLOSE":
        return this.#unsubscribe(message.subscriptionId);
      case "refused":
        this.#unsubscribe(message.subscriptionId);
        return this.#answer("CLOSED", message.subscriptionId, message.reason);
      case "malformed":
        return this.#answer("NOTICE", message.reason);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const id of [...this.#subscriptions.keys()]) this.#unsubscribe(id);
    this.#context.onClose();
  }

  #answer(...message: readonly unknown[]): void {
    this.send(JSON.stringify(message));
  }

  #takeEvent(value: unknown): void {
    if (!isNostrEvent(value)) return this.#refuseMalformed(value);
    const event = pickEvent(value);
    const problem = this.#findProblem(event);
    if (problem !== undefined) return this.#answer("OK", event.id, false, problem);
    const { options, store, deliver } = this.#context;
    if (kindClass(event.kind) === "ephemeral") {
      this.#answer("OK", event.id, true, "");
      options.onAccept?.(event);
      return deliver(event);
    }
    let result: AddResult;
    try {
      result = store.add(event);
    } catch (error) {
      // The client hears that it is the relay's fault, and the relay goes on for everybody else.
      const text = error instanceof Error ? error.message : String(error);
      return this.#answer("OK", event.id, false, `error: the event could not be stored: ${text}`);
    }
    this.#answer("OK", event.id, ...STORE_ANSWERS[result]);
    if (result !== "stored") return;
    options.onAccept?.(event);
    deliver(event);
  }

  #refuseMalformed(value: unknown): void {
    const reason = "invalid: not an event as NIP-01 defines it";
    const id = typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
    if (typeof id === "string") this.#answer("OK", id.slice(0, 64), false, reason);
    else this.#answer("NOTICE", reason);
  }

  /** Why an event is refused, cheap reasons first; `undefined` when it is not. */
  #findProblem(event: NostrEvent): string | undefined {
    const { options, limits } = this.#context;
    if (options.requireAuth === true && this.#pubkeys.size === 0) {
      return "auth-required: this relay takes events only from clients that authenticate";
    }
    if (event.kind === AUTH_KIND) return `invalid: kind ${AUTH_KIND} belongs in an AUTH message`;
    if (exceedsBytes(JSON.stringify(event), limits.maxEventBytes)) {
      return `invalid: an event has at most ${limits.maxEventBytes} bytes`;
    }
    const age = this.#nowSeconds() - event.created_at;
    if (age > limits.maxAgeSeconds) {
      return `invalid: created_at is more than ${limits.maxAgeSeconds} seconds in the past`;
    }
    const maxEphemeralAge = limits.maxEphemeralAgeSeconds;
    if (kindClass(event.kind) === "ephemeral" && age > maxEphemeralAge) {
      return `invalid: an ephemeral event is at most ${maxEphemeralAge} seconds old`;
    }
    if (-age > limits.maxFutureSeconds) {
      return `invalid: created_at is more than ${limits.maxFutureSeconds} seconds in the future`;
    }
    const refusal = options.policy?.(event, this);
    if (refusal !== undefined) return refusal;
    if (!(options.verify ?? verifyEvent)(event)) {
      return "invalid: the id or the signature does not hold";
    }
    return undefined;
  }

  #authenticate(value: unknown): void {
    if (!isNostrEvent(value)) return this.#refuseMalformed(value);
    const event = pickEvent(value);
    const { options } = this.#context;
    const problem = this.#challenge === undefined ? "I sent no challenge" : findAuthProblem(event, {
      challenge: this.#challenge,
      urls: options.urls ?? [],
      nowSeconds: this.#nowSeconds(),
    });
    if (problem !== undefined) return this.#answer("OK", event.id, false, `invalid: ${problem}`);
    if (!(options.verify ?? verifyEvent)(event)) {
      return this.#answer("OK", event.id, false, "invalid: the id or the signature does not hold");
    }
    if (this.#pubkeys.size >= MAX_KEYS && !this.#pubkeys.has(event.pubkey)) {
      const reason = `error: one connection authenticates as at most ${MAX_KEYS} keys`;
      return this.#answer("OK", event.id, false, reason);
    }
    this.#pubkeys.add(event.pubkey);
    this.#answer("OK", event.id, true, "");
  }

  #subscribe(id: string, filters: readonly Filter[]): void {
    const { options, limits, store, index } = this.#context;
    this.#unsubscribe(id);
    const requireAuth = options.requireAuth ?? false;
    const problem = findReadProblem(filters, requireAuth, this.#pubkeys);
    if (problem !== undefined) return this.#answer("CLOSED", id, problem);
    if (this.#subscriptions.size >= limits.maxSubscriptions) {
      const reason = `error: at most ${limits.maxSubscriptions} subscriptions; close one first`;
      return this.#answer("CLOSED", id, reason);
    }
    let stored: NostrEvent[];
    try {
      stored = store.query(filters, limits.maxLimit);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return this.#answer("CLOSED", id, `error: the events could not be read: ${text}`);
    }
    const prefix = `["EVENT",${JSON.stringify(id)},`;
    let replyLength = 0;
    for (const event of stored) {
      if (!mayRead(event, requireAuth, this.#pubkeys)) continue;
      const json = JSON.stringify(event);
      replyLength += json.length;
      if (replyLength > limits.maxReplyLength) break;
      this.send(`${prefix}${json}]`);
    }
    this.#answer("EOSE", id);
    if (this.#closed) return;
    const subscription = { id, filters, connection: this, prefix };
    this.#subscriptions.set(id, subscription);
    index.add(subscription);
  }

  #unsubscribe(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    this.#subscriptions.delete(id);
    this.#context.index.delete(subscription);
  }

  #nowSeconds(): number {
    return Math.floor((this.#context.options.now ?? Date.now)() / 1000);
  }
}

/** What a client hears of what the store did. */
const STORE_ANSWERS: Readonly<Record<AddResult, readonly [boolean, string]>> = {
  stored: [true, ""],
  duplicate: [true, "duplicate: already have this event"],
  superseded: [false, "replaced: already have a newer version of this event"],
  deleted: [false, "blocked: the author has deleted this event"],
};

/** The event without fields that NIP-01 doesn't know: nothing else is stored or passed on. */
function pickEvent({ id, pubkey, created_at, kind, tags, content, sig }: NostrEvent): NostrEvent {
  return { id, pubkey, created_at, kind, tags, content, sig };
}
