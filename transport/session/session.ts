/**
 * One client of a server, as an MCP server and its handlers see it.
 *
 * @module
 */
import type { OpenStream } from "../transfer/open_stream.ts";
import type { RequestId, Transport } from "../types.ts";
import type { Tags } from "../wire/tags.ts";

/** Who asked, and in which event (CEP-16). It comes from the signature, not from what the client wrote. */
export interface RequestContext {
  /** The client's public key, hex. */
  readonly clientPubkey: string;
  /** The id of the event that the request came in; of a request in parts, of the last part. */
  readonly requestEventId: string;
  /** Whether it came in a gift wrap. */
  readonly encrypted: boolean;
}

/** One client of a server. */
export interface Session extends Transport {
  /** The client's public key, hex. */
  readonly peer: string;
  /** Unique among the sessions of a listener. */
  readonly sessionId: string;
  /** Whether the session speaks through gift wraps. It never changes: plain text and encryption are two sessions. */
  readonly encrypted: boolean;
  /** What the client said of itself with the first message: all tags but `p` and `e` (CEP-35). */
  readonly clientTags: Tags;
  /** The parameters of the client's `initialize`; `undefined` for a stateless client. */
  readonly initializeParams: Readonly<Record<string, unknown>> | undefined;
  /** Aborted when the session has ended. */
  readonly signal: AbortSignal;
  /**
   * Who made a request (CEP-16).
   *
   * @param requestId The request's id, as its handler sees it (`extra.requestId` in the official SDK).
   * @returns `undefined` when the request is not in flight here.
   */
  contextOf(requestId: RequestId): RequestContext | undefined;
  /**
   * The open stream beside a call (CEP-41). Nothing is sent before the first
   * write. When the call is answered, the stream is closed; when it fails,
   * aborted.
   *
   * @param requestId The request's id, as its handler sees it (`extra.requestId` in the official SDK).
   * @returns The stream; the same one each time.
   * @throws {SessionError} STREAM_UNAVAILABLE when the request is not in flight, has no progress token, or its client takes no streams.
   */
  openStream(requestId: RequestId): OpenStream;
}
