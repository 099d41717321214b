/**
 * The open stream of one request (CEP-41): data that goes and comes beside the
 * call, for as long as it lasts.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { JsonRpcNotification } from "../types.ts";
import { utf8Length } from "../wire/event_size.ts";
import { type Frame, frameMessage, OPEN_STREAM } from "../wire/frames.ts";
import type { Memory, StreamLimits, TransferLimits } from "./limits.ts";
import { StreamReader } from "./stream_reader.ts";
import { StreamWriter } from "./stream_writer.ts";

/** A longer nonce of a ping is nobody's honest one (CEP-41), in bytes. */
const MAX_NONCE = 64;

/** Data that goes and comes beside a call, as text in pieces (CEP-41). */
export interface OpenStream extends AsyncIterable<string>, AsyncDisposable {
  /** What the peer writes. It ends when the peer closes its side, and errors when the stream fails. Read it once: this, or the stream as an iterable. */
  readonly readable: ReadableStream<string>;
  /** What we write, for pipes. */
  readonly writable: WritableStream<string>;
  /** Aborted when the stream is over, with the error when it failed. */
  readonly signal: AbortSignal;
  /**
   * Writes a piece; resolves when there is room for the next one.
   *
   * @throws {SessionError} CLOSED after the end; TRANSFER_FAILED when the peer has ended the stream or does not take it.
   * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took a frame.
   */
  write(data: string): Promise<void>;
  /** Closes our side, once all that was written has left. Idempotent. */
  close(): Promise<void>;
  /** Ends both sides, and tells the peer why. Idempotent. */
  abort(reason?: string): Promise<void>;
}

/** Options of a {@linkcode RequestStream}. */
export interface RequestStreamOptions {
  /** The progress token of the request. */
  readonly token: string;
  /** Whether the peer has said that it takes streams. */
  readonly isWelcome: boolean;
  /** The bounds. */
  readonly limits: StreamLimits & TransferLimits;
  /** The memory for what waits to be read, of all peers. */
  readonly budget: Memory;
  /** What the data of a chunk may take in a frame, escaped twice, in bytes. */
  readonly maxChunkBytes: () => number;
  /** Sends a frame; resolves when a relay has it. */
  readonly send: (frame: JsonRpcNotification, frameType: string) => Promise<void>;
  /** Takes each piece that the peer writes at once, where nobody reads `readable`. */
  readonly sink?: (data: string) => void;
}

/** The open stream of one request, on either side of it. */
export class RequestStream implements OpenStream {
  readonly #options: RequestStreamOptions;
  readonly #writer: StreamWriter;
  readonly #reader: StreamReader;
  readonly #ended = new AbortController();
  readonly #lifetime: ReturnType<typeof setTimeout>;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #progress = 0;
  #nonces = 0;
  #isAnswered = false;
  #expectedPong: string | undefined;
  #writable: WritableStream<string> | undefined;

  /** Prepares it; nothing leaves before the first write. @param options The bounds, and how frames leave. */
  constructor(options: RequestStreamOptions) {
    this.#options = options;
    const { limits, budget, isWelcome, maxChunkBytes, sink } = options;
    this.#writer = new StreamWriter({
      limits,
      isWelcome,
      maxChunkBytes,
      send: (frameType, fields) => this.#send(frameType, fields),
    });
    this.#reader = new StreamReader({
      limits,
      budget,
      onFailed: (reason) => void this.abort(reason),
      onComplete: () => this.#afterwards(),
      sink,
    });
    this.#lifetime = setTimeout(
      () => void this.abort(`it lasted longer than ${limits.maxStreamMs} ms`),
      limits.maxStreamMs,
    );
  }

  get readable(): ReadableStream<string> {
    return this.#reader.readable;
  }

  get writable(): WritableStream<string> {
    return this.#writable ??= new WritableStream<string>({
      write: (data) => this.write(data),
      close: () => this.close(),
      abort: (reason) => this.abort(String(reason)),
    });
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Whether the request is answered. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Whether either side is writing. */
  get isOpen(): boolean {
    return this.#writer.isOpen || this.#reader.isOpen;
  }

  async write(data: string): Promise<void> {
    await this.#writer.write(data);
  }

  async close(): Promise<void> {
    await this.#writer.close();
    this.#watch();
  }

  /** As {@linkcode OpenStream.abort}; with an error of its own for both sides here. */
  async abort(
    reason = "the stream was aborted",
    error = new SessionError("TRANSFER_FAILED", `the stream has failed: ${reason}`),
  ): Promise<void> {
    if (this.#ended.signal.aborted) return;
    // A peer that has not begun yet would begin, and ask for signs of life.
    const isExpected = this.#options.isWelcome || this.#writer.isOpen || this.#reader.hasStarted;
    const matters = isExpected && !this.#isAnswered;
    this.end(error);
    if (matters) await this.#send("abort", { reason }).catch(() => undefined); // nobody is left to be told
  }

  async *[Symbol.asyncIterator](): AsyncIterator<string> {
    const reader = this.readable.getReader();
    let finished = false;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        yield value;
      }
      finished = true;
    } finally {
      if (!finished) await reader.cancel().catch(() => undefined); // it has failed: that is thrown already
      reader.releaseLock();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Takes a frame of the peer.
   *
   * @param frame Any frame of an open stream.
   * @param options `wantsAccept`: whether the sender can't know that we take streams.
   */
  receive(frame: Frame, options: { readonly wantsAccept: boolean }): void {
    if (this.#ended.signal.aborted) return;
    const { frameType, progress, fields } = frame;
    if (frameType === "start") {
      if (options.wantsAccept && !this.#reader.hasStarted) this.#reply("accept", {}, progress);
      this.#reader.receive(frame);
    } else if (frameType === "chunk" || frameType === "close") this.#reader.receive(frame);
    else if (frameType === "accept") this.#writer.accept();
    else if (frameType === "ping") this.#pong(fields.nonce);
    else if (frameType === "abort") {
      const why = typeof fields.reason === "string" ? `: ${fields.reason.slice(0, 200)}` : "";
      this.end(new SessionError("TRANSFER_FAILED", `the peer has aborted the stream${why}`));
    } else if (frameType !== "pong" || fields.nonce !== this.#expectedPong) return; // no sign of life
    this.#expectedPong = undefined;
    this.#watch();
  }

  /** The request is about to be answered: what is open is closed, or aborted when the call has failed. */
  async settle(hasFailed: boolean): Promise<void> {
    if (hasFailed && this.isOpen) await this.abort("the call has failed");
    else await this.close().catch(() => undefined); // who wrote was told
    this.answered();
  }

  /** The request is answered: nothing comes any more but what is under way. */
  answered(): void {
    this.#isAnswered = true;
    this.#reader.settle();
    this.#writer.stop(new SessionError("CLOSED", "the call was answered, and its stream is over"));
    this.#afterwards();
  }

  /** Something has ended; if that was all, everything has. */
  #afterwards(): void {
    this.#watch();
    if (this.#isAnswered && !this.#reader.isOpen) {
      this.#finish(new SessionError("CLOSED", "the stream is over"));
    }
  }

  /** Ends both sides; the peer is not told. */
  end(error: SessionError): void {
    this.#writer.stop(error);
    this.#reader.abort(error);
    this.#finish(error);
  }

  #finish(reason: SessionError): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#lifetime);
    this.#reader.disown();
    if (!this.#ended.signal.aborted) this.#ended.abort(reason);
  }

  #pong(nonce: unknown): void {
    if (typeof nonce === "string" && utf8Length(nonce) <= MAX_NONCE) this.#reply("pong", { nonce });
  }

  /** While a side is open, a silent peer is asked for a sign of life. */
  #watch(): void {
    clearTimeout(this.#idle);
    if (this.#ended.signal.aborted || !this.isOpen) return;
    const { streamIdleMs, streamProbeMs } = this.#options.limits;
    this.#idle = setTimeout(() => {
      const nonce = this.#expectedPong = `${this.#options.token.slice(0, 40)}:${++this.#nonces}`;
      this.#reply("ping", { nonce });
      this.#idle = setTimeout(
        () => void this.abort(`the peer gave no sign of life within ${streamProbeMs} ms`),
        streamProbeMs,
      );
    }, streamIdleMs);
  }

  #reply(frameType: string, fields: Record<string, unknown>, above = 0): void {
    // An accept is numbered above the start: some peers count both directions together.
    this.#progress = Math.max(this.#progress, above);
    this.#send(frameType, fields).catch((error) => {
      this.end(new SessionError("TRANSFER_FAILED", "a frame could not be sent", { cause: error }));
    });
  }

  #send(frameType: string, fields: Record<string, unknown>): Promise<void> {
    const progress = ++this.#progress;
    const { token, send } = this.#options;
    if (this.#idle === undefined) this.#watch();
    return send(
      frameMessage({ profile: OPEN_STREAM, frameType, token, progress, fields }),
      frameType,
    );
  }
}
