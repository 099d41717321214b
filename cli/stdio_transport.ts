/**
 * The connection to an MCP host over our own standard input and output.
 *
 * @module
 */
import { Buffer } from "node:buffer";
// @ts-types="@modelcontextprotocol/sdk/shared/stdio"
import { ReadBuffer, serializeMessage } from "@modelcontextprotocol/sdk/shared/stdio.js";
import { SessionError } from "../errors.ts";
import type { JsonRpcMessage, Transport } from "../transport/types.ts";
import type { TextSink } from "./io.ts";

/** Options of a {@linkcode StdioTransport}. */
export interface StdioTransportOptions {
  /** Where the host's messages come from; their end is the end of the connection. */
  readonly input: ReadableStream<Uint8Array>;
  /** Where messages to the host go, and nothing else. */
  readonly output: TextSink;
  /**
   * The longest message of the host, in bytes.
   * @default {16_777_216}
   */
  readonly maxLineBytes?: number;
}

/** The connection to an MCP host; it ends when the input does. */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #options: StdioTransportOptions;
  readonly #buffer: ReadBuffer;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #reading: Promise<void> | undefined;
  #closed = false;

  /** @param options The two streams. */
  constructor(options: StdioTransportOptions) {
    this.#options = options;
    this.#buffer = new ReadBuffer({ maxBufferSize: options.maxLineBytes ?? 16_777_216 });
  }

  /** Starts to read. */
  start(): Promise<void> {
    this.#reader = this.#options.input.getReader();
    this.#reading = this.#read(this.#reader);
    return Promise.resolve();
  }

  /**
   * Writes a message as one line.
   *
   * @throws {SessionError} CLOSED after the end.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    if (this.#closed) throw new SessionError("CLOSED", "the connection to the host has ended");
    // The SDK's type asks for exact fields, and others pass here untouched.
    const line = serializeMessage(message as Parameters<typeof serializeMessage>[0]);
    await this.#options.output.write(line);
  }

  /** Ends the connection. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#buffer.clear();
    try {
      await this.#reader?.cancel();
      await this.#reading;
    } finally {
      this.onclose?.();
    }
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      while (true) {
        const { value, done } = await reader.read();
        if (done || this.#closed) break;
        this.#buffer.append(Buffer.from(value));
        this.#deliver();
      }
    } catch (error) {
      // A broken pipe, or a message that is too long: the next message's beginning can't be known.
      this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    } finally {
      // Not awaited: closing waits for the reading to end.
      if (!this.#closed) void this.close();
    }
  }

  #deliver(): void {
    while (true) {
      try {
        const message = this.#buffer.readMessage();
        if (message === null) return;
        this.onmessage?.(message);
      } catch (error) {
        this.onerror?.(
          new Error("the host wrote a line that is no JSON-RPC message", { cause: error }),
        );
      }
    }
  }
}
