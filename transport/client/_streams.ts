/**
 * The open streams of a client's requests (CEP-41): those of its own calls,
 * and those that a server opens beside a request of the MCP client above,
 * which knows nothing of streams.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { ByteBudget } from "../transfer/limits.ts";
import type { SessionLimits } from "../session/limits.ts";
import { RequestStream } from "../transfer/open_stream.ts";
import type { JsonRpcNotification } from "../types.ts";
import type { Frame } from "../wire/frames.ts";
import type { Pending } from "./_pending.ts";

const logger = getLogger(["cvm", "transport"]);

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

  /** A stream for a request with this token. */
  open(token: string): RequestStream {
    const { limits, isWelcome, chunkBytes, send } = this.#options;
    return new RequestStream({
      token,
      isWelcome: isWelcome(),
      limits,
      budget: this.#budget,
      maxChunkBytes: () => chunkBytes(token),
      send,
    });
  }

  /** Takes a frame of the server that belongs to a request. */
  receive(frame: Frame, pending: Pending, options: { readonly wantsAccept: boolean }): void {
    if (pending.stream === undefined) {
      pending.stream = this.open(frame.token);
      this.#passOn(pending, pending.stream)
        .catch((error) => logger.debug("a stream that nobody reads failed: {error}", { error }));
    }
    pending.stream.receive(frame, options);
    pending.call?.touch();
  }

  /** A caller that knows nothing of streams sees the data as messages of progress reports, if it wants any. */
  async #passOn(pending: Pending, stream: RequestStream): Promise<void> {
    for await (const message of stream) {
      if (pending.callersToken === undefined) continue;
      const params = { progressToken: pending.callersToken, progress: ++pending.progress, message };
      this.#options.onProgress({ jsonrpc: "2.0", method: "notifications/progress", params });
    }
  }
}
