/**
 * What a client can be told.
 *
 * @module
 */
import type { CryptoEngine } from "../../crypto/engine.ts";
import type { EventWorkers } from "../../crypto/event_workers.ts";
import type { Signer } from "../../crypto/signer.ts";
import type { RelayPool, RelayPoolOptions } from "../relay/pool.ts";
import type { SessionLimits } from "../session/limits.ts";
import type { EncryptionMode, Features, GiftWrapMode } from "../session/modes.ts";

/** Options of a {@linkcode NostrClientTransport}. */
export interface NostrClientTransportOptions extends Features {
  /** The client's key. */
  readonly signer: Signer;
  /** The server: hex, npub, nprofile or naddr. The relay hints of the last two are used. */
  readonly server: string;
  /** The relays to meet the server on: URLs, or a pool that stays open when the transport closes. Default: looked up. */
  readonly relays?: readonly string[] | RelayPool;
  /** Where to look up the server's relays when neither `relays` nor hints name any that can be reached; the last resort, too. Default: `DEFAULT_DISCOVERY_RELAYS`. */
  readonly discoveryRelays?: readonly string[];
  /** The relays to use when the lookup finds none that can be reached, before the discovery relays. */
  readonly fallbackRelays?: readonly string[];
  /** How to connect, when no pool is given. */
  readonly pool?: RelayPoolOptions;
  /**
   * Whether messages are encrypted.
   * @default {"optional"}
   */
  readonly encryption?: EncryptionMode;
  /**
   * Which gift wraps are used.
   * @default {"optional"}
   */
  readonly giftWrap?: GiftWrapMode;
  /**
   * Whether to skip the MCP handshake: `initialize` is answered here, from the
   * server's announcement where there is one.
   * @default {false}
   */
  readonly stateless?: boolean;
  /**
   * How long the server may take to answer `initialize`, in milliseconds.
   * After that the request fails with an error that says what is likely wrong.
   * @default {15000}
   */
  readonly handshakeTimeoutMs?: number;
  /** The bounds that differ from the defaults. */
  readonly limits?: Partial<SessionLimits>;
  /** The engine that verifies and wraps. Default: the signer's, else the pure one. */
  readonly engine?: CryptoEngine;
  /** Verify and wrap in other threads, when many events wait: `CryptoWorkers` of `./crypto/workers`. They stay open. */
  readonly workers?: EventWorkers;
  /** The clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}
