/**
 * What a relay engine offers to whoever carries its frames.
 *
 * @module
 */
import type { Filter } from "../relay/filter.ts";
import type { RelayInformation } from "./information.ts";

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
