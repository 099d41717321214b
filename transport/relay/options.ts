/**
 * What a relay pool can be told, and what it hands back.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { Signer } from "../../crypto/signer.ts";
import type { RelayFailure } from "../../errors.ts";
import type { RelayInfo } from "./nip11.ts";
import type { WebSocketFactory } from "./websocket.ts";

/** Options of a relay pool. */
export interface RelayPoolOptions {
  /** Answers NIP-42 challenges. Without it relays that ask for AUTH refuse, and the errors say so. */
  readonly signer?: Signer;
  /**
   * Opens WebSockets.
   * @default {globalThis.WebSocket}
   */
  readonly webSocket?: WebSocketFactory;
  /**
   * How long one attempt to connect may take, and `ready()` by default, milliseconds.
   * @default {5_000}
   */
  readonly connectTimeoutMs?: number;
  /**
   * How long a publish may take by default, and a relay to finish an AUTH, milliseconds.
   * @default {10_000}
   */
  readonly publishTimeoutMs?: number;
  /**
   * How long a query may take by default, milliseconds.
   * @default {5_000}
   */
  readonly queryTimeoutMs?: number;
  /**
   * The silence after which a relay is asked for a sign of life, milliseconds.
   * @default {30_000}
   */
  readonly idlePingMs?: number;
  /**
   * How long a relay may take to give a sign of life, or the first answer to a subscription,
   * milliseconds.
   * @default {10_000}
   */
  readonly pingTimeoutMs?: number;
  /** The first and the greatest bound of the delays between attempts, milliseconds: 500 and 30_000. */
  readonly backoff?: {
    /** The bound of the first delay, milliseconds. */
    readonly initialMs?: number;
    /** The greatest bound, milliseconds. */
    readonly maxMs?: number;
    /**
     * The bound of the first 16 delays while something waits to be sent, milliseconds.
     * @default {2_000}
     */
    readonly soonMs?: number;
  };
  /**
   * By how much the clocks of peers may differ from ours: the margin of `since`, milliseconds.
   * @default {300_000}
   */
  readonly clockSkewMs?: number;
  /**
   * A larger frame from a relay is dropped unread, bytes.
   * @default {1_048_576}
   */
  readonly maxFrameBytes?: number;
  /**
   * What may wait to leave to one relay before the next event waits for it, bytes.
   * @default {4_194_304}
   */
  readonly maxBufferedBytes?: number;
  /**
   * How much of what one relay has taken may still be on its way to others, bytes; with more, the
   * oldest event is not sent to them any more.
   * @default {8_388_608}
   */
  readonly maxTrailingBytes?: number;
  /**
   * Asks a relay for its NIP-11 document. A failure is not fatal and holds nothing up.
   * @default {fetchRelayInfo}
   */
  readonly fetchRelayInfo?: (url: string, signal: AbortSignal) => Promise<RelayInfo | undefined>;
  /**
   * Told what a handler threw, of a subscription or a query. Default: it is logged as an error of
   * the category `cvm`, `relay`.
   */
  readonly onError?: (error: unknown) => void;
  /**
   * The clock, milliseconds since the epoch.
   * @default {Date.now}
   */
  readonly now?: () => number;
  /**
   * Randomness in [0, 1), for the delays.
   * @default {Math.random}
   */
  readonly random?: () => number;
}

/** Where an event came from. */
export interface EventOrigin {
  /** The relay's normalized URL. */
  readonly url: string;
  /** Whether it arrived before the relay's EOSE: the relay had it in store. */
  readonly stored: boolean;
}

/** What a subscription is told. */
export interface SubscriptionHandlers {
  /**
   * Called with each event that has the shape of one and matches the filter. Its signature is not
   * verified, and several relays may each deliver it.
   * @param event The event.
   * @param from Which relay sent it.
   */
  onEvent(event: NostrEvent, from: EventOrigin): void;
  /**
   * Called when a relay has sent all that it had in store; again after each reconnect.
   * @param url The relay's normalized URL.
   */
  onEose?(url: string): void;
  /**
   * Called when a relay ended the subscription. The pool asks again by itself.
   * @param url The relay's normalized URL.
   * @param reason The relay's words.
   */
  onClosed?(url: string, reason: string): void;
}

/** Options of a subscription. */
export interface SubscribeOptions {
  /**
   * Whether `ready()` and `publish()` wait for it on each relay.
   * @default {true}
   */
  readonly essential?: boolean;
  /**
   * Whether the pool sets `since` itself: first to now, after a reconnect to the last moment in
   * which the subscription was known to work on that relay, both less `clockSkewMs`.
   * @default {false}
   */
  readonly live?: boolean;
}

/** A subscription on every relay of a pool. */
export interface RelaySubscription {
  /** Ends it. Idempotent; no handler is called afterwards. */
  close(): void;
}

/** Options of a wait. */
export interface WaitOptions {
  /** Ends the wait; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long the wait may last, milliseconds. */
  readonly timeoutMs?: number;
}

/** Options of a query. */
export interface QueryOptions extends WaitOptions {
  /**
   * Told once, when every relay that is connected is through, or has been silent for 500 ms after
   * another was, while some are still waited for: the events so far, the newest first. The query
   * goes on for the others. What it throws goes to the pool's `onError`.
   */
  readonly onHeard?: (events: readonly NostrEvent[]) => void;
}

/** Options of a publish. */
export interface PublishOptions extends WaitOptions {
  /** Which relays of the pool to publish on, by URL; all of them by default. */
  readonly relays?: readonly string[];
  /**
   * Whether to wait for every relay's answer, or the deadline, in place of the first OK.
   * @default {false}
   */
  readonly all?: boolean;
}

/** Who took an event. */
export interface PublishReceipt {
  /** The relays that had taken it when the publish was done. */
  readonly accepted: readonly string[];
  /** The relays that had not, with their reasons, as far as they were known by then. */
  readonly refused: readonly RelayFailure[];
}
