/**
 * The protocol of a Nostr relay, without a network: text frames in, text
 * frames out. It follows NIP-01, NIP-09, NIP-11 and NIP-42.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { matchFilter, matchFilterIgnoringTags } from "../relay/filter.ts";
import { Connection, type Subscription } from "./_connection.ts";
import { mayRead, type RequireAuth } from "./authentication.ts";
import type {
  RelayClient,
  RelayClientConnection,
  RelayConnectOptions,
  RelayEndpoint,
  RelaySubscription,
} from "./endpoint.ts";
import {
  buildRelayInformation,
  type RelayDescription,
  type RelayInformation,
} from "./information.ts";
import { completeLimits, type RelayLimits } from "./limits.ts";
import { MemoryEventStore } from "./memory_store.ts";
import type { EventStore } from "./store.ts";
import { SubscriptionIndex } from "./subscription_index.ts";

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
   * Whether clients are sent a challenge although nobody must authenticate, so that a policy can
   * go by who they are.
   * @default {false}
   */
  readonly offerAuth?: boolean;
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

  /**
   * Makes an engine without connections.
   * @param options Settings.
   * @throws {RangeError} When a limit is negative or not a number.
   */
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
    const { requireAuth = false, offerAuth = false } = this.#options;
    if (requireAuth !== false || offerAuth) connection.challenge();
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
