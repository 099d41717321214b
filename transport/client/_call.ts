/**
 * A call that a client's transport makes itself, with a stream beside it
 * (CEP-41).
 *
 * @module
 */
import { CallError, SessionError } from "../../errors.ts";
import { MAX_TIMER_MS } from "../transfer/limits.ts";
import type { OpenStream, RequestStream } from "../transfer/open_stream.ts";
import type { JsonRpcResponse, JsonRpcResult } from "../types.ts";

/** Options of a call with a stream. */
export interface StreamCallOptions {
  /** Cancels the call; its result rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * How long nothing at all may come from the server, in milliseconds. While a
   * stream is open, the server is asked for signs of life
   * (`limits.streamIdleMs`).
   * @default {60000}
   */
  readonly timeoutMs?: number;
  /** Told of the server's progress notifications: their parameters, as they came. */
  readonly onprogress?: (progress: Readonly<Record<string, unknown>>) => void;
}

/** A call with a stream beside it (CEP-41). Both settle in every case. */
export interface StreamCall {
  /** What the server streams, and what may be streamed to it. Without a stream of the server it ends with the result. */
  readonly stream: OpenStream;
  /**
   * The result.
   *
   * Rejects with {@linkcode CallError} CALL_FAILED when the server answers with
   * an error, with {@linkcode SessionError} SERVER_NOT_ANSWERING when it falls
   * silent or CLOSED when the transport is closed, and with what `send()`
   * throws.
   */
  readonly result: Promise<JsonRpcResult["result"]>;
  /** Cancels the call; the server is told. Idempotent. */
  cancel(reason?: string): void;
}

/** What a {@linkcode ClientCall} works with. */
export interface ClientCallParts extends StreamCallOptions {
  /** The method that is called. */
  readonly method: string;
  /** Its stream. */
  readonly stream: RequestStream;
  /** Tells the server that the call is cancelled, and ends its stream with the error. */
  readonly onCancel: (reason: string, error: SessionError) => void;
}

/** A call that is under way. */
export class ClientCall implements StreamCall {
  readonly stream: RequestStream;
  readonly result: Promise<JsonRpcResult["result"]>;
  readonly #parts: ClientCallParts;
  readonly #settled = Promise.withResolvers<JsonRpcResult["result"]>();
  readonly #onAbort = () => this.#cancel(this.#parts.signal?.reason, "the caller gave up");
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  /** @param parts The call, and how it is cancelled. */
  constructor(parts: ClientCallParts) {
    this.#parts = parts;
    this.stream = parts.stream;
    this.result = this.#settled.promise;
    this.result.catch(() => undefined); // whoever wants it awaits it; who reads the stream alone need not
    parts.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (parts.signal?.aborted) this.fail(parts.signal.reason);
    else this.touch();
  }

  /** Whether there is a result, or never will be. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Something has come for the call. */
  touch(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    const { timeoutMs = 60_000, method } = this.#parts;
    this.#timer = setTimeout(() => {
      if (this.stream.isOpen) return this.touch(); // it asks for signs of life itself
      const message = `nothing came from the server for ${timeoutMs} ms after ${method}`;
      this.#cancel(new SessionError("SERVER_NOT_ANSWERING", message), "it took too long");
    }, Math.min(timeoutMs, MAX_TIMER_MS));
  }

  /** The server has reported progress. */
  report(progress: Readonly<Record<string, unknown>>): void {
    this.#parts.onprogress?.(progress);
  }

  /** The answer is there. */
  settle(answer: JsonRpcResponse): void {
    this.#end();
    if ("error" in answer) this.#settled.reject(new CallError(this.#parts.method, answer.error));
    else this.#settled.resolve(answer.result);
  }

  /** There will be no answer. */
  fail(error: unknown): void {
    this.#end();
    this.stream.end(failed(error));
    this.#settled.reject(error);
  }

  cancel(reason = "the caller gave up"): void {
    this.#cancel(new SessionError("CLOSED", `the call was cancelled: ${reason}`), reason);
  }

  #cancel(error: unknown, reason: string): void {
    if (this.#isOver) return;
    this.#end();
    this.#parts.onCancel(reason, failed(error));
    this.fail(error);
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#parts.signal?.removeEventListener("abort", this.#onAbort);
  }
}

function failed(cause: unknown): SessionError {
  if (cause instanceof SessionError) return cause;
  return new SessionError("TRANSFER_FAILED", "the call has failed, and its stream with it", {
    cause,
  });
}
