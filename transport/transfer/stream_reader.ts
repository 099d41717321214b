/**
 * One direction of an open stream, where it is read (CEP-41): puts chunks in
 * order and hands them on as they come.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { utf8Length } from "../wire/event_size.ts";
import type { Frame } from "../wire/frames.ts";
import type { Memory, StreamLimits, TransferLimits } from "./limits.ts";

/** Why a stream can't go on; for the peer and for people. */
export type StreamProblem = string;

/** Options of a {@linkcode StreamReader}. */
export interface StreamReaderOptions {
  /** The bounds. */
  readonly limits: StreamLimits & TransferLimits;
  /** The memory for what waits, of all peers. */
  readonly budget: Memory;
  /** Called when the stream fails here, or its reader has lost interest: the peer is to be told. */
  readonly onFailed: (reason: StreamProblem) => void;
  /** Called when everything has come. */
  readonly onComplete: () => void;
  /** Takes each piece at once, where nobody reads `readable`. */
  readonly sink?: (data: string) => void;
}

/** What a chunk counts for beside its data, in bytes: empty ones take memory, too. */
const CHUNK_BYTES = 64;

interface Chunk {
  readonly progress: number;
  readonly data: string;
  readonly bytes: number;
}

/** What comes in. */
export class StreamReader {
  /** The data, in order. It ends when the sender has closed the stream, and errors when it did not arrive whole. */
  readonly readable: ReadableStream<string>;
  readonly #options: StreamReaderOptions;
  /** What has come before its turn, by its index. */
  readonly #early = new Map<number, Chunk>();
  /** What waits to be read. */
  #queue: Chunk[] = [];
  #controller: ReadableStreamDefaultController<string> | undefined;
  #started: number | undefined;
  #next = 0;
  #bytes = 0;
  #isWanted = false;
  #lastProgress = 0;
  #close: { readonly progress: number; readonly last: number | undefined } | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #done = false;

  /** @param options The bounds, and who is told. */
  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.readable = new ReadableStream<string>({
      start: (controller) => void (this.#controller = controller),
      pull: () => {
        this.#isWanted = true;
        this.#handOn();
      },
      cancel: () => {
        this.#forget(this.#queue.splice(0));
        if (this.#done) return;
        this.#end();
        options.onFailed("the reader wants no more");
      },
    }, { highWaterMark: 0 });
  }

  /** Whether the sender has begun. */
  get hasStarted(): boolean {
    return this.#started !== undefined;
  }

  /** Whether more can come. */
  get isOpen(): boolean {
    const hasBegun = this.hasStarted || this.#early.size > 0 || this.#close !== undefined;
    return hasBegun && !this.#done;
  }

  /** Takes a `start`, `chunk` or `close` of the sender. */
  receive(frame: Frame): void {
    if (this.#done) return;
    const problem = frame.frameType === "start"
      ? this.#start(frame)
      : frame.frameType === "chunk"
      ? this.#chunk(frame)
      : this.#closing(frame);
    const failure = problem ?? this.#release();
    if (failure !== undefined) this.#fail(failure);
  }

  /** The sender, or we ourselves, have given up. */
  abort(error: SessionError): void {
    if (this.#done) return;
    this.#end();
    this.#forget(this.#queue.splice(0));
    this.#controller?.error(error);
  }

  /** The request is answered: nothing comes any more but what is under way. */
  settle(): void {
    if (this.#done) return;
    if (this.isOpen) return this.#waitForTheRest();
    this.#end();
    this.#handOn();
  }

  /** What waits to be read belongs to who holds the stream; it takes none of the memory of all streams any more. */
  disown(): void {
    this.#forget(this.#queue);
    this.#queue = this.#queue.map((chunk) => ({ ...chunk, bytes: 0 }));
  }

  #start(frame: Frame): StreamProblem | undefined {
    if (this.#started !== undefined) {
      return this.#started === frame.progress ? undefined : "it was started a second time";
    }
    this.#started = this.#lastProgress = frame.progress;
    return undefined;
  }

  #chunk({ progress, fields: { chunkIndex, data } }: Frame): StreamProblem | undefined {
    if (typeof data !== "string") return "a chunk has no data";
    if (typeof chunkIndex !== "number" || !Number.isSafeInteger(chunkIndex) || chunkIndex < 0) {
      return "a chunk has no chunkIndex";
    }
    if (chunkIndex < this.#next) return undefined; // a copy
    const known = this.#early.get(chunkIndex);
    if (known !== undefined) {
      return known.data === data ? undefined : `chunk ${chunkIndex} comes twice`;
    }
    const last = this.#close?.last;
    if (last !== undefined && chunkIndex > last) return "a chunk comes after the last one";
    if (chunkIndex - this.#next > this.#options.limits.maxStreamGap) {
      return `chunk ${chunkIndex} comes more than ${this.#options.limits.maxStreamGap} before its turn`;
    }
    const bytes = CHUNK_BYTES + utf8Length(data);
    const { limits, budget } = this.#options;
    if (this.#bytes + bytes > limits.maxStreamBufferBytes) {
      return `its reader is more than ${limits.maxStreamBufferBytes} bytes behind`;
    }
    if (!budget.take(bytes)) return "there is no memory left for more streams";
    this.#bytes += bytes;
    this.#early.set(chunkIndex, { progress, data, bytes });
    return undefined;
  }

  #closing({ progress, fields: { lastChunkIndex } }: Frame): StreamProblem | undefined {
    if (this.#close !== undefined) return undefined;
    const last = typeof lastChunkIndex === "number" ? lastChunkIndex : undefined;
    if (last !== undefined && last < this.#next - 1) return "it is closed before its last chunk";
    this.#close = { progress, last };
    return undefined;
  }

  /** Hands on what is next, and ends the stream when that was all. */
  #release(): StreamProblem | undefined {
    if (!this.hasStarted) return this.#close === undefined ? undefined : this.#waitForTheRest();
    for (let chunk = this.#take(); chunk !== undefined; chunk = this.#take()) {
      this.#queue.push(chunk);
      if (chunk.progress <= this.#lastProgress) return "its frames are not numbered in order";
      this.#lastProgress = chunk.progress;
    }
    this.#handOn();
    if (this.#close === undefined) return undefined;
    const { last, progress } = this.#close;
    if (this.#early.size > 0 || (last !== undefined && this.#next <= last)) {
      return this.#waitForTheRest();
    }
    if (progress <= this.#lastProgress) return "its close is not numbered last";
    this.#end();
    this.#handOn();
    this.#options.onComplete();
    return undefined;
  }

  /** Gives the reader what it waits for; after the last chunk, the end. */
  #handOn(): void {
    const { sink } = this.#options;
    if (sink !== undefined) {
      for (let chunk = this.#queue.shift(); chunk !== undefined; chunk = this.#queue.shift()) {
        this.#forget([chunk]);
        sink(chunk.data);
      }
    } else if (this.#isWanted) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#isWanted = false;
        this.#forget([chunk]);
        this.#controller?.enqueue(chunk.data);
      }
    }
    if (this.#done && this.#queue.length === 0) this.#controller?.close();
  }

  #forget(chunks: Iterable<Chunk>): void {
    for (const { bytes } of chunks) {
      this.#bytes -= bytes;
      this.#options.budget.give(bytes);
    }
  }

  #take(): Chunk | undefined {
    const chunk = this.#early.get(this.#next);
    if (chunk === undefined) return undefined;
    this.#early.delete(this.#next);
    this.#next += 1;
    return chunk;
  }

  /** What the close, or the answer, has overtaken may still come. */
  #waitForTheRest(): undefined {
    this.#grace ??= setTimeout(
      () =>
        this.#fail(
          this.#close === undefined
            ? "the call was answered before the stream was closed"
            : "chunks are missing at its end",
        ),
      this.#options.limits.transferGraceMs,
    );
  }

  #fail(reason: StreamProblem): void {
    this.abort(lost(reason));
    this.#options.onFailed(reason);
  }

  #end(): void {
    this.#done = true;
    clearTimeout(this.#grace);
    this.#forget(this.#early.values());
    this.#early.clear();
  }
}

function lost(reason: StreamProblem): SessionError {
  return new SessionError("TRANSFER_FAILED", `the stream did not arrive whole: ${reason}`);
}
