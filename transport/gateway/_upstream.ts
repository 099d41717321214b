/**
 * One connection to the MCP server behind a gateway.
 *
 * @module
 */
import { SessionError, UpstreamError } from "../../errors.ts";
import type { JsonRpcMessage, JsonRpcResponse, JsonRpcResult, Transport } from "../types.ts";
import { isResponse } from "../wire/message.ts";
import type { CrashLoopOptions } from "./_crash_loop.ts";

/** Opens a connection to the MCP server behind a gateway; the connection is not started. */
export type OpenUpstream = () => Transport | Promise<Transport>;

/** How an MCP server that has died is started again, and when it is given up. */
export interface RestartOptions extends CrashLoopOptions {
  /**
   * The bound of the first wait, in milliseconds; it doubles with each further failure.
   * @default {500}
   */
  readonly initialMs?: number;
  /**
   * The longest wait, in milliseconds. A server that has run so long is taken for healthy again.
   * @default {30_000}
   */
  readonly maxMs?: number;
}

/** The MCP version that a gateway asks its MCP server for. */
export const GATEWAY_PROTOCOL_VERSION = "2025-11-25";

/** The prefix of the ids of a gateway's own requests; clients' ids are event ids, or carry the announcer's prefix. */
export const OWN_ID_PREFIX = "cvm-gateway-";

/** What is said in `initialize` where no client's own words are at hand. */
export const GATEWAY_INITIALIZE_PARAMS: Readonly<Record<string, unknown>> = {
  protocolVersion: GATEWAY_PROTOCOL_VERSION,
  capabilities: {},
  clientInfo: { name: "cvm-gateway", version: "1" },
};

/** Who is told what comes from an {@linkcode Upstream}. */
export interface UpstreamHandlers {
  /** Takes each message but the answer to the gateway's own handshake. */
  readonly onMessage: (message: JsonRpcMessage) => void;
  /** Told once that the connection, once open, has ended without `close()`, and why. */
  readonly onDown: (error: UpstreamError) => void;
  /** Told of faults that end nothing. */
  readonly onError: (error: Error) => void;
}

/** One connection to the MCP server behind a gateway. */
export class Upstream {
  readonly #transport: Transport;
  readonly #handlers: UpstreamHandlers;
  readonly #ended = new AbortController();
  #lastError: UpstreamError | undefined;
  #opened = false;
  #closing: Promise<void> | undefined;
  #onHandshake: ((response: JsonRpcResponse) => void) | undefined;

  private constructor(transport: Transport, handlers: UpstreamHandlers) {
    this.#transport = transport;
    this.#handlers = handlers;
    transport.onmessage = (message: JsonRpcMessage) => this.#receive(message);
    transport.onerror = (error) => {
      if (error instanceof UpstreamError) this.#lastError = error;
      handlers.onError(error);
    };
    transport.onclose = () => this.#goDown();
  }

  /**
   * Opens and starts a connection.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when it can't be opened.
   */
  static async open(open: OpenUpstream, handlers: UpstreamHandlers): Promise<Upstream> {
    try {
      const upstream = new Upstream(await open(), handlers);
      await upstream.#transport.start();
      upstream.throwIfEnded();
      upstream.#opened = true;
      return upstream;
    } catch (error) {
      if (error instanceof UpstreamError) throw error;
      throw new UpstreamError(
        "UPSTREAM_FAILED",
        `the MCP server could not be started: ${textOf(error)}`,
        { cause: error },
      );
    }
  }

  /**
   * Does the MCP handshake in the gateway's name.
   *
   * @param params The parameters of `initialize`.
   * @param options `timeoutMs` bounds the wait for the answer.
   * @returns The server's `initialize` result.
   * @throws {UpstreamError} UPSTREAM_FAILED when the server dies, refuses or stays silent.
   */
  async handshake(
    params: Readonly<Record<string, unknown>>,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<JsonRpcResult["result"]> {
    const result = await this.initialize(params, { timeoutMs });
    await this.#send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return result;
  }

  /**
   * Does the first half of the handshake: until `notifications/initialized` is sent, the server asks nothing.
   *
   * @param params The parameters of `initialize`.
   * @param options `timeoutMs` bounds the wait for the answer.
   * @returns The server's `initialize` result.
   * @throws {UpstreamError} UPSTREAM_FAILED when the server dies, refuses or stays silent.
   */
  async initialize(
    params: Readonly<Record<string, unknown>>,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<JsonRpcResult["result"]> {
    const result = await this.#askInitialize(params, timeoutMs);
    this.agree(result);
    return result;
  }

  /** Throws why the connection has ended, if it has. */
  throwIfEnded(): void {
    if (this.#ended.signal.aborted) throw this.#ended.signal.reason;
  }

  /** Tells the transport which MCP version an `initialize` result agrees on. */
  agree(result: JsonRpcResult["result"]): void {
    const version = result.protocolVersion;
    if (typeof version === "string") this.#transport.setProtocolVersion?.(version);
  }

  /**
   * Sends a message to the MCP server.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when it could not be handed over.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    await this.#send(message);
  }

  /** Ends the connection; resolves when it has ended, whoever asks. Idempotent. */
  async close(): Promise<void> {
    if (!this.#ended.signal.aborted) {
      this.#ended.abort(new SessionError("CLOSED", "the gateway was closed"));
      this.#closing = this.#transport.close();
    }
    await this.#closing;
  }

  async #send(message: JsonRpcMessage): Promise<void> {
    try {
      await this.#transport.send(message);
    } catch (error) {
      if (error instanceof UpstreamError) throw error;
      throw new UpstreamError(
        "UPSTREAM_FAILED",
        `the MCP server did not take a message: ${textOf(error)}`,
        { cause: error },
      );
    }
  }

  async #askInitialize(
    params: Readonly<Record<string, unknown>>,
    timeoutMs: number,
  ): Promise<JsonRpcResult["result"]> {
    const { signal } = this.#ended;
    const answered = Promise.withResolvers<JsonRpcResponse>();
    const timer = setTimeout(() => {
      const late = `the MCP server did not answer initialize within ${timeoutMs} ms`;
      answered.reject(new UpstreamError("UPSTREAM_FAILED", late));
    }, timeoutMs);
    const onEnd = () => answered.reject(signal.reason);
    signal.addEventListener("abort", onEnd);
    this.#onHandshake = answered.resolve;
    try {
      this.throwIfEnded();
      const id = `${OWN_ID_PREFIX}initialize`;
      // A transport may fail to send and never close: both ways out are watched.
      await Promise.race([
        this.#send({ jsonrpc: "2.0", id, method: "initialize", params: { ...params } }),
        answered.promise,
      ]);
      const answer = await answered.promise;
      if ("result" in answer) return answer.result;
      throw new UpstreamError(
        "UPSTREAM_FAILED",
        `the MCP server refused initialize: ${answer.error.message}`,
      );
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onEnd);
      this.#onHandshake = undefined;
    }
  }

  #receive(message: JsonRpcMessage): void {
    if (this.#ended.signal.aborted) return;
    if (isResponse(message) && message.id === `${OWN_ID_PREFIX}initialize`) {
      this.#onHandshake?.(message);
      return;
    }
    this.#handlers.onMessage(message);
  }

  #goDown(): void {
    if (this.#ended.signal.aborted) return;
    const error = this.#lastError ??
      new UpstreamError("UPSTREAM_FAILED", "the MCP server closed its connection");
    this.#ended.abort(error);
    if (this.#opened) this.#handlers.onDown(error);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
