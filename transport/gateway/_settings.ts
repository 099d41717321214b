/**
 * What both kinds of gateway need to know.
 *
 * @module
 */
import type { Transport } from "../types.ts";

/** Opens a connection to an MCP server, not started yet. */
export type UpstreamFactory = () => Transport | Promise<Transport>;

/** How the MCP server behind a gateway is doing. */
export interface GatewayStatus {
  /** Whether it answers; `restarting` when it died and will be started again. */
  readonly state: "up" | "restarting";
  /** Why it is not up. */
  readonly reason?: string;
  /** When it is started again, in milliseconds since the epoch. */
  readonly retryAt?: number;
  /** The client whose own server it is, hex; absent for a shared one. */
  readonly peer?: string;
}

/** What both kinds of gateway need to know. */
export interface UpstreamSettings {
  /** Opens a connection to the MCP server. */
  readonly upstream: UpstreamFactory;
  /** How long it may take to start and to answer `initialize`, in milliseconds. */
  readonly startTimeoutMs: number;
  /** The waiting times between restarts, in milliseconds. */
  readonly backoff: {
    /** The longest first wait. */
    readonly initialMs: number;
    /** The longest wait of all. */
    readonly maxMs: number;
    /** Numbers in [0, 1). */
    readonly random: () => number;
  };
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Told of each change of the MCP server's state. */
  readonly onStatus: (status: GatewayStatus) => void;
}
