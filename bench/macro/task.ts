/**
 * What a process of the benchmark is asked to do, and what it prints.
 *
 * @module
 */

/** One way to speak ContextVM: a library, on a runtime. */
export interface Variant {
  /** Its name in tables. */
  readonly name: string;
  readonly library: "ours" | "sdk";
  readonly runtime: "deno" | "node";
  /** The engine of ours. */
  readonly engine: "pure" | "wasm" | "native";
  /** The WebSocket of ours: `ws` from npm, or that of the runtime. */
  readonly socket: "ws" | "builtin";
  /** The name of what it is compared with. */
  readonly base: string;
  /** Whether all clients share one MCP server; else ours gives each its own. */
  readonly shared?: boolean;
}

/** Whether messages are encrypted. */
export type Mode = "plain" | "encrypted";

/** What both sides have to know. */
export interface Side {
  readonly variant: Variant;
  readonly relays: readonly string[];
  readonly mode: Mode;
  /** Whether calls may have streams beside them (CEP-41). */
  readonly streams: boolean;
}

/** What a client is to measure. */
export type Scenario =
  | {
    readonly name: "calls";
    readonly sequential: number;
    readonly inFlight: readonly number[];
    /** How long each number of calls in flight is kept up. */
    readonly ms: number;
  }
  | {
    readonly name: "answers";
    readonly answers: readonly { readonly bytes: number; readonly repeats: number }[];
    readonly timeoutMs: number;
  }
  | { readonly name: "streams"; readonly chunks: number; readonly timeoutMs: number }
  | { readonly name: "sessions"; readonly sessions: number; readonly calls: number }
  | { readonly name: "relays"; readonly calls: number };

/** What one process does. */
export type Task =
  | Side & { readonly role: "server" }
  | Side & { readonly role: "client"; readonly server: string; readonly scenario: Scenario };

/** What a server's process has used so far. */
export interface Usage {
  readonly cpuMs: number;
  /** JavaScript's heap, and the buffers that it holds. */
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** Calls a second with so many in flight, and what one costs each side. */
export interface LoadFigures {
  readonly inFlight: number;
  readonly callsPerSecond: number;
  readonly clientCpuMs: number;
  readonly serverCpuMs: number;
}

/** Of {@linkcode Scenario} `calls`. */
export interface CallFigures {
  readonly p50: number;
  readonly p99: number;
  readonly loads: readonly LoadFigures[];
}

/** Of `answers`, for one size. */
export interface AnswerFigures {
  readonly bytes: number;
  readonly ms?: number;
  readonly clientCpuMs?: number;
  readonly serverCpuMs?: number;
  readonly error?: string;
}

/** Of `streams`. */
export interface StreamFigures {
  readonly chunksPerSecond?: number;
  readonly clientCpuMs?: number;
  readonly serverCpuMs?: number;
  readonly error?: string;
}

/** Of `sessions`. */
export interface SessionFigures {
  readonly serverCpuMs: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** Of `relays`. */
export interface RelayFigures {
  readonly connectMs: number;
  readonly p50: number;
  readonly publishMs: number;
}
