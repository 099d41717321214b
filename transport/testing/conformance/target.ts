/**
 * What the conformance suite is run against: relays, and a client and a
 * server that meet there.
 *
 * @module
 */
import type { WebSocketFactory } from "../../relay/websocket.ts";
import type { McpServerLike } from "../../server.ts";
import type { EncryptionMode, GiftWrapMode } from "../../session/modes.ts";
import type { Transport } from "../../types.ts";
import type { RelayFaults } from "../faults.ts";

/** The relays of a triple. */
export interface ConformanceRelay {
  /** Where they are reached; one is enough. The suite's own peers use the first. */
  readonly urls: readonly string[];
  /**
   * Opens WebSockets for the suite's own peers.
   * @default {globalThis.WebSocket}
   */
  readonly webSocket?: WebSocketFactory;
  /** Makes the relay misbehave. Without it the cases that need a bad relay are skipped. */
  readonly faults?: RelayFaults;
}

/** How one side is to speak. */
export interface ConformanceModes {
  /** Whether messages are encrypted. */
  readonly encryption: EncryptionMode;
  /** Which gift wraps are used. */
  readonly giftWrap: GiftWrapMode;
}

/** How a server is to be started. */
export interface ConformanceServerOptions extends ConformanceModes {
  /**
   * Makes the MCP server that is to be offered: call it once for each client, or once for all,
   * as the implementation does it. It takes an MCP `Transport`.
   */
  readonly createMcpServer: () => McpServerLike;
  /** Whether the server is to be announced (CEP-6). */
  readonly announce: boolean;
}

/** A server under test that runs. */
export interface ConformanceServer {
  /** Its public key, hex. */
  readonly publicKey: string;
  /** Ends it. */
  close(): Promise<void>;
}

/** How a client is to be made. */
export interface ConformanceClientOptions extends ConformanceModes {
  /** The server's public key, hex. */
  readonly server: string;
  /** Whether the client is to leave the MCP handshake out. */
  readonly stateless: boolean;
}

/**
 * A relay, a server and a client. Where the server or the client is missing,
 * the cases that need it are skipped; the suite itself plays the counterpart
 * of each, event by event.
 */
export interface ConformanceTriple {
  /** The relays on which everybody meets. */
  readonly relay: ConformanceRelay;
  /** Starts the server under test, with a new key; resolves when it can be reached. */
  readonly startServer?: (options: ConformanceServerOptions) => Promise<ConformanceServer>;
  /**
   * Makes an MCP transport of the client under test, with a new key, not started yet. Closing it
   * ends everything that belongs to it.
   */
  readonly openClient?: (options: ConformanceClientOptions) => Transport | Promise<Transport>;
}

/** A part that a case can't do without. */
export type ConformancePart = "server" | "client" | "faults";

/** Bounds of one case. */
export interface ConformanceRunOptions {
  /**
   * How long anything that has to happen may take, milliseconds.
   * @default {5_000}
   */
  readonly timeoutMs?: number;
  /** Ends the case. */
  readonly signal?: AbortSignal;
}

/** One thing that an implementation has to do. */
export interface ConformanceCase {
  /** Its name for programs, such as `"server/answers-plain"`. */
  readonly id: string;
  /** What has to hold, in a sentence. */
  readonly title: string;
  /** What asks for it: a requirement or a fault of `docs/PROTOCOL.md`, such as `"CEP4-3"` or `"F05"`. */
  readonly requirement: string;
  /** The parts of a triple that it needs. */
  readonly needs: readonly ConformancePart[];
  /**
   * Tries it. Everything that it starts has ended when it returns.
   * @param triple What is under test.
   * @param options Bounds.
   * @throws {ConformanceFailure} When it does not hold.
   */
  run(triple: ConformanceTriple, options?: ConformanceRunOptions): Promise<void>;
}
