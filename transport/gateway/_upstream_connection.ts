/**
 * One connection to the MCP server behind a gateway, from its start to its
 * end.
 *
 * @module
 */
import { UpstreamError } from "../../errors.ts";
import type { JsonRpcMessage, JsonRpcResult, Transport } from "../types.ts";
import { isResponse } from "../wire/message.ts";
import type { UpstreamSettings } from "./_settings.ts";

/** The MCP version that the gateway offers for itself. */
const PROTOCOL_VERSION = "2025-11-25";
/** The id of the gateway's own request; clients' requests go by event ids, which are hex. */
const HANDSHAKE_ID = "cvm-gateway-initialize";

/** An `initialize` result. */
export type InitializeResult = JsonRpcResult["result"];

/** How a connection tells what happens to it. */
export interface UpstreamHandlers {
  /** Takes each message of the MCP server. */
  readonly onMessage: (message: JsonRpcMessage) => void;
  /** Told once that the connection has ended by itself, and why; not called by `close()`. */
  readonly onEnded: (reason: string) => void;
}

/** A started connection to an MCP server. */
export class UpstreamConnection {
  readonly #transport: Transport;
  readonly #startTimeoutMs: number;
  #answer: ((message: JsonRpcMessage | UpstreamError) => void) | undefined;
  #ended = false;
  #lastError = "the connection was closed";

  private constructor(transport: Transport, startTimeoutMs: number, handlers: UpstreamHandlers) {
    this.#transport = transport;
    this.#startTimeoutMs = startTimeoutMs;
    transport.onerror = (error) => this.#lastError = error.message;
    transport.onmessage = (message: JsonRpcMessage) => {
      if (isResponse(message) && message.id === HANDSHAKE_ID) this.#answer?.(message);
      else if (!this.#ended) handlers.onMessage(message);
    };
    transport.onclose = () => {
      if (this.#ended) return;
      this.#ended = true;
      this.#answer?.(upstreamError(this.#lastError));
      handlers.onEnded(this.#lastError);
    };
  }

  /**
   * Opens and starts a connection.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when that fails.
   */
  static async open(
    { upstream, startTimeoutMs }: UpstreamSettings,
    handlers: UpstreamHandlers,
  ): Promise<UpstreamConnection> {
    try {
      const connection = new UpstreamConnection(await upstream(), startTimeoutMs, handlers);
      await connection.#transport.start();
      return connection;
    } catch (cause) {
      if (cause instanceof UpstreamError) throw cause;
      throw upstreamError(cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Does the MCP handshake on the gateway's own account.
   *
   * @param params What a client sent as parameters of its `initialize`; default: the gateway's, without capabilities.
   * @returns The server's `initialize` result.
   * @throws {UpstreamError} UPSTREAM_FAILED when the server refuses, dies or takes too long.
   */
  async handshake(params?: Readonly<Record<string, unknown>>): Promise<InitializeResult> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const answered = new Promise<JsonRpcMessage | UpstreamError>((resolve) => {
        this.#answer = resolve;
        const late = `it did not answer initialize within ${this.#startTimeoutMs} ms`;
        timer = setTimeout(() => resolve(upstreamError(late)), this.#startTimeoutMs);
      });
      await this.send({
        jsonrpc: "2.0",
        id: HANDSHAKE_ID,
        method: "initialize",
        params: params ?? {
          protocolVersion: PROTOCOL_VERSION,
          capabilities: {},
          clientInfo: { name: "cvm-gateway", version: "1" },
        },
      });
      const answer = await answered;
      if (answer instanceof UpstreamError) throw answer;
      if (!("result" in answer)) {
        const reason = "error" in answer ? answer.error.message : "the answer is not a response";
        throw upstreamError(`it refused initialize: ${reason}`);
      }
      const { protocolVersion } = answer.result;
      if (typeof protocolVersion === "string") {
        this.#transport.setProtocolVersion?.(protocolVersion);
      }
      await this.send({ jsonrpc: "2.0", method: "notifications/initialized" });
      return answer.result;
    } finally {
      clearTimeout(timer);
      this.#answer = undefined;
    }
  }

  /**
   * Sends a message to the MCP server.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when it can't be sent.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    try {
      await this.#transport.send(message);
    } catch (cause) {
      throw upstreamError(cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  /** Ends the connection. Idempotent. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#answer?.(upstreamError("the gateway was closed"));
    await this.#transport.close();
  }
}

function upstreamError(reason: string, options?: ErrorOptions): UpstreamError {
  return new UpstreamError("UPSTREAM_FAILED", `the MCP server failed: ${reason}`, options);
}
