/**
 * The open streams of a client's requests (CEP-41): those of its own calls,
 * and those that a server opens beside a request of the MCP client above,
 * which knows nothing of streams.
 *
 * @module
 */
import { ByteBudget } from "../transfer/limits.ts";
import type { SessionLimits } from "../session/limits.ts";
import { RequestStream } from "../transfer/open_stream.ts";
import type { JsonRpcNotification } from "../types.ts";
import type { Frame } from "../wire/frames.ts";
import type { Pending } from "./_pending.ts";

/** Options of {@linkcode ClientStreams}. */
export interface ClientStreamsOptions {
  /** The bounds. */
  readonly limits: SessionLimits;
  /** Whether the server has said that it takes streams. */
  readonly isWelcome: () => boolean;
  /** What the data of a chunk may take in a frame, escaped twice, in bytes. */
  readonly chunkBytes: (token: string) => number;
  /** Sends a frame; resolves when a relay has it. */
  readonly send: (frame: JsonRpcNotification, frameType: string) => Promise<void>;
  /** Tells the MCP client above of progress. */
  readonly onProgress: (report: JsonRpcNotification) => void;
}

/** The open streams of a client. */
export class ClientStreams {
  readonly #options: ClientStreamsOptions;
  readonly #budget: ByteBudget;

  /** @param options The bounds, and how frames leave. */
  constructor(options: ClientStreamsOptions) {
    this.#options = options;
    this.#budget = new ByteBudget(options.limits.maxBufferedBytes);
  }

  /** A stream for a request with this token; `sink` takes what the server writes where nobody reads it. */
  open(token: string, sink?: (data: string) => void): RequestStream {
    const { limits, isWelcome, chunkBytes, send } = this.#options;
    return new RequestStream({
      token,
      isWelcome: isWelcome(),
      limits,
      budget: this.#budget,
      maxChunkBytes: () => chunkBytes(token),
      send,
      sink,
    });
  }

  /** Takes a frame of the server that belongs to a request. */
  receive(frame: Frame, pending: Pending, options: { readonly wantsAccept: boolean }): void {
    pending.stream ??= this.open(frame.token, (data) => this.#passOn(data, pending));
    pending.stream.receive(frame, options);
    pending.onArrived();
    pending.call?.touch();
  }

  /** A caller that knows nothing of streams sees the data as messages of progress reports, if it wants any. */
  #passOn(message: string, pending: Pending): void {
    if (pending.callersToken === undefined || pending.stream?.isAnswered === true) return;
    const params = { progressToken: pending.callersToken, progress: ++pending.progress, message };
    this.#options.onProgress({ jsonrpc: "2.0", method: "notifications/progress", params });
  }
}
