/**
 * A relay that misbehaves on purpose.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { FaultyConnection } from "./faulty_connection.ts";
import type { RelayInformation } from "./information.ts";
import type { RelayClientConnection, RelayConnectOptions, RelayEndpoint } from "./endpoint.ts";

/** An event on its way to a subscription. */
export interface Delivery {
  /** The event. */
  readonly event: NostrEvent;
  /** The subscription. */
  readonly subscriptionId: string;
  /** `true` for an event that was just published, `false` for a stored one before EOSE. */
  readonly live: boolean;
}

/**
 * What becomes of a delivery: `"pass"`, `"drop"`, `"duplicate"` (sent twice), or `"hold"` until
 * {@linkcode RelayFaults.release}.
 */
export type DeliveryAction = "pass" | "drop" | "duplicate" | "hold";

/** A refusal of events or subscriptions. */
export interface Refusal {
  /**
   * The relay's words, such as `"rate-limited: slow down"`. With `"auth-required:"` a challenge
   * is sent first.
   */
  readonly reason: string;
  /**
   * How many times; then things are taken again.
   * @default {Infinity}
   */
  readonly times?: number;
  /** Only events of these kinds, or subscriptions that ask for one of them. */
  readonly kinds?: readonly number[];
  /**
   * Only frames of at least so many characters, as a relay with a limit does.
   * @default {0}
   */
  readonly minLength?: number;
  /**
   * Only while the client has not authenticated.
   * @default {false}
   */
  readonly untilAuthenticated?: boolean;
  /**
   * Says so in a bare NOTICE, with no OK and no CLOSED.
   * @default {false}
   */
  readonly asNotice?: boolean;
}

/** What a relay does wrong. What is not set, it does right. */
export interface RelayFaultSettings {
  /** Connections are refused: `onerror`, then `onclose` with 1006. */
  readonly refuseConnections?: boolean;
  /** Connections are neither opened nor refused. */
  readonly neverOpen?: boolean;
  /** Frames are accepted and nothing is ever answered, not even a closing handshake. */
  readonly halfOpen?: boolean;
  /** Every frame to a client leaves this much later, milliseconds, in order. */
  readonly latencyMs?: number;
  /** EOSE is never sent. */
  readonly withholdEose?: boolean;
  /**
   * EOSE waits for {@linkcode RelayFaults.release}; the subscription is granted. With kinds: only where a filter asks
   * for one of them.
   */
  readonly holdEose?: boolean | readonly number[];
  /** OK is never sent; the event is taken and delivered. */
  readonly withholdOk?: boolean;
  /** OK waits for {@linkcode RelayFaults.release}; the event is taken and delivered. */
  readonly holdOk?: boolean;
  /** Events are answered with OK `false` and not taken. */
  readonly refuseEvents?: Refusal;
  /** Subscriptions are answered with CLOSED and not granted. */
  readonly refuseSubscriptions?: Refusal;
  /** Events of these kinds are taken and then silently kept from everybody, as stock strfry does with 1059. */
  readonly withholdKinds?: readonly number[];
  /** Tag filters are ignored on live delivery: everybody's messages arrive, as with `@nostr-relay`. */
  readonly ignoreTagFilters?: boolean;
  /** A REQ with the id of an open subscription gets EOSE and changes nothing, as with khatru. */
  readonly keepOldFilters?: boolean;
  /** Events are delivered with a signature that does not hold: all, or those for which the function says so. */
  readonly corruptSignatures?: boolean | ((event: NostrEvent) => boolean);
  /** Deliveries leave in groups of this many, each group last to first. */
  readonly reverseEvery?: number;
  /** Decides about each delivery. */
  readonly onDelivery?: (delivery: Delivery) => DeliveryAction;
}

/**
 * A relay that misbehaves on purpose, in front of one that works. Settings
 * last until they are changed; methods act at once, on every open connection.
 *
 * @example
 * ```ts
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * relay.faults.set({ refuseConnections: true });
 * const socket = relay.webSocket(relay.url);
 * const { promise, resolve } = Promise.withResolvers<number>();
 * socket.onclose = ({ code }) => resolve(code);
 * assertEquals(await promise, 1006);
 * relay.faults.clear();
 * ```
 */
export class RelayFaults implements RelayEndpoint {
  readonly #endpoint: RelayEndpoint;
  readonly #connections = new Set<FaultyConnection>();
  #settings: RelayFaultSettings = {};
  #used = new Map<Refusal, number>();

  /**
   * Stands in front of a relay; nothing is wrong yet.
   * @param endpoint The relay that works.
   */
  constructor(endpoint: RelayEndpoint) {
    this.#endpoint = endpoint;
  }

  /** What is set. */
  get settings(): RelayFaultSettings {
    return this.#settings;
  }

  /**
   * Sets faults and leaves the others as they are; `undefined` ends one.
   * @param settings The faults.
   */
  set(settings: RelayFaultSettings): void {
    this.#settings = { ...this.#settings, ...settings };
  }

  /** Ends all faults. What is held stays held until {@linkcode RelayFaults.release}. */
  clear(): void {
    this.#settings = {};
    this.#used = new Map();
  }

  /** How many frames `"hold"`, `holdEose`, `holdOk` and `reverseEvery` hold back now. */
  get held(): number {
    let count = 0;
    for (const connection of this.#connections) count += connection.held;
    return count;
  }

  /**
   * Lets go of what `"hold"`, `holdEose`, `holdOk` and `reverseEvery` hold back.
   * @param options `reversed`: last to first.
   * @returns How many frames left.
   */
  release(options: { readonly reversed?: boolean } = {}): number {
    let count = 0;
    for (const connection of this.#connections) count += connection.release(options);
    return count;
  }

  /**
   * Ends every connection.
   * @param code 1006 as if the line were cut, else the code of the closing handshake.
   * @param reason The reason of the closing handshake.
   */
  closeConnections(code: number = 1006, reason: string = ""): void {
    for (const connection of [...this.#connections]) connection.terminate(code, reason);
  }

  /**
   * Leaves every open connection half-open for good: nothing that comes from the client is read and nothing is sent,
   * until it closes. New connections work.
   * @returns How many there were.
   */
  freezeConnections(): number {
    for (const connection of this.#connections) connection.freeze();
    return this.#connections.size;
  }

  /**
   * Ends open subscriptions with CLOSED.
   * @param reason The relay's words, such as `"error: shutting down"`.
   * @returns How many there were.
   */
  closeSubscriptions(reason: string): number {
    let count = 0;
    for (const connection of this.#connections) count += connection.closeSubscriptions(reason);
    return count;
  }

  /** Sends every client a challenge (NIP-42), asked or not. */
  challenge(): void {
    for (const connection of this.#connections) connection.challenge();
  }

  /**
   * Sends every client a NOTICE.
   * @param text The relay's words.
   */
  notice(text: string): void {
    this.send(JSON.stringify(["NOTICE", text]));
  }

  /**
   * Sends every client a frame as it is, well-formed or not.
   * @param frame The frame.
   */
  send(frame: string): void {
    for (const connection of this.#connections) connection.emit(frame);
  }

  /**
   * Takes a connection, as {@linkcode RelayEndpoint.connect} says.
   * @param send Called with each frame for the client; must not throw.
   * @param options What may be asked of the connection.
   * @returns Where the client's frames go.
   */
  connect(send: (frame: string) => void, options: RelayConnectOptions = {}): RelayClientConnection {
    const connection = new FaultyConnection({
      settings: () => this.#settings,
      spend: (refusal) => this.#spend(refusal),
      send,
      terminate: options.terminate ?? (() => {}),
      onClose: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    connection.attach(this.#endpoint);
    return connection;
  }

  /**
   * The relay's NIP-11 document.
   * @returns The document, ready for `JSON.stringify`.
   */
  information(): RelayInformation {
    return this.#endpoint.information();
  }

  /** Counts a use of a refusal; `false` when it is used up. */
  #spend(refusal: Refusal): boolean {
    const used = this.#used.get(refusal) ?? 0;
    if (used >= (refusal.times ?? Infinity)) return false;
    this.#used.set(refusal, used + 1);
    return true;
  }
}
