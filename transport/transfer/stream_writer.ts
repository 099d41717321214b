/**
 * One direction of an open stream, where it is written (CEP-41).
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { cutText } from "../wire/chunks.ts";
import { FrameWindow } from "./_frame_window.ts";
import type { StreamLimits, TransferLimits } from "./limits.ts";

/** Options of a {@linkcode StreamWriter}. */
export interface StreamWriterOptions {
  /** The bounds. */
  readonly limits: StreamLimits & TransferLimits;
  /** Whether the peer has said that it takes streams; otherwise its `accept` is waited for. */
  readonly isWelcome: boolean;
  /** What the data of a chunk may take in a frame, escaped twice, in bytes. */
  readonly maxChunkBytes: () => number;
  /** Sends a frame; resolves when a relay has it. */
  readonly send: (frameType: string, fields: Record<string, unknown>) => Promise<void>;
}

/**
 * What goes out. The stream begins with the first write. Writing waits while
 * many frames are on their way, so that a slow relay slows the writer.
 */
export class StreamWriter {
  readonly #options: StreamWriterOptions;
  readonly #window: FrameWindow;
  #tail: Promise<void> = Promise.resolve();
  #chunks = 0;
  #state: "new" | "open" | "closed" = "new";

  /** @param options The bounds, and how frames leave. */
  constructor(options: StreamWriterOptions) {
    this.#options = options;
    this.#window = new FrameWindow(options.limits.maxFramesInFlight);
  }

  /** Whether the stream has begun and is not over. */
  get isOpen(): boolean {
    return this.#state === "open" && !this.#window.isStopped;
  }

  /**
   * Writes some data. What is too large for one event leaves in several chunks.
   *
   * @param data The next piece; an empty one only begins the stream.
   * @throws {SessionError} CLOSED after the end; TRANSFER_FAILED when the peer has ended the stream or does not take it; MESSAGE_TOO_LARGE when relays take next to nothing.
   * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took a frame.
   */
  write(data: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#begin();
      const pieces = data === "" ? [] : cutText(data, this.#options.maxChunkBytes());
      for (const piece of pieces) {
        await this.#send("chunk", { chunkIndex: this.#chunks++, data: piece });
      }
    });
  }

  /** Ends the stream, once all that was written has left. Idempotent; a stream that was never begun stays so. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.isOpen) return;
      await this.#send("close", this.#chunks === 0 ? {} : { lastChunkIndex: this.#chunks - 1 });
      await this.#window.empty();
      this.#state = "closed";
    });
  }

  /** The peer takes the stream. */
  accept(): void {
    this.#window.accept();
  }

  /** Nothing can be written any more; writes that wait fail with the error. */
  stop(error: unknown): void {
    if (this.#state !== "closed") this.#window.stop(error);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => undefined);
    return done;
  }

  async #begin(): Promise<void> {
    if (this.#state === "closed") throw new SessionError("CLOSED", "the stream was closed");
    this.#window.throwIfStopped();
    if (this.#state === "open") return;
    this.#state = "open";
    await this.#send("start", {});
    if (this.#options.isWelcome) return;
    const { acceptTimeoutMs } = this.#options.limits;
    await this.#window.accepted(acceptTimeoutMs, () => notAccepted(acceptTimeoutMs));
  }

  async #send(frameType: string, fields: Record<string, unknown>): Promise<void> {
    await this.#window.room();
    this.#window.add(this.#options.send(frameType, fields));
  }
}

function notAccepted(timeoutMs: number): SessionError {
  return new SessionError(
    "TRANSFER_FAILED",
    `the peer did not accept a stream (CEP-41) within ${timeoutMs} ms (limits.acceptTimeoutMs)`,
  );
}
