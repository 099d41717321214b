/**
 * One MCP server for all clients of a gateway.
 *
 * The gateway is the server's only client: it does the handshake once and
 * answers each client's `initialize` from it. Requests and progress tokens are
 * unique over all sessions, so they pass as they are.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { UpstreamError } from "../../errors.ts";
import { Backoff } from "../relay/backoff.ts";
import { SessionHub } from "../session/hub.ts";
import type { JsonRpcMessage, JsonRpcRequest } from "../types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  INTERNAL_ERROR,
  isRequest,
  isResponse,
  METHOD_NOT_FOUND,
} from "../wire/message.ts";
import type { UpstreamSettings } from "./_settings.ts";
import { type InitializeResult, UpstreamConnection } from "./_upstream_connection.ts";

const logger = getLogger(["cvm", "gateway"]);

/** What clients are told after a restart: what they know of the server may be outdated. */
const CHANGES: Readonly<Record<string, string>> = {
  tools: "notifications/tools/list_changed",
  resources: "notifications/resources/list_changed",
  prompts: "notifications/prompts/list_changed",
};

/** One MCP server for all clients, started again when it dies. */
export class SharedUpstream {
  /** Where clients' sessions are taken in. */
  readonly hub: SessionHub;
  readonly #settings: UpstreamSettings;
  readonly #backoff: Backoff;
  #connection: UpstreamConnection | undefined;
  #opening: UpstreamConnection | undefined;
  #initializeResult: InitializeResult = {};
  #down = "it has not been started";
  #retryAt: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Prepares the server; nothing is started before {@linkcode SharedUpstream.start}. */
  constructor(settings: UpstreamSettings) {
    this.#settings = settings;
    this.#backoff = new Backoff(settings.backoff);
    this.hub = new SessionHub({
      onMessage: (message) => this.#receive(message),
      onError: (error) => logger.warn("a client could not be reached: {error}", { error }),
    });
  }

  /**
   * Starts the MCP server.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when it can't be started or does not answer.
   */
  async start(): Promise<void> {
    let lost: string | undefined;
    const connection = await UpstreamConnection.open(this.#settings, {
      onMessage: (message) => this.#forward(message),
      onEnded: (reason) => {
        lost = reason;
        if (this.#connection === connection) this.#lose(reason);
      },
    });
    this.#opening = connection;
    try {
      this.#initializeResult = await connection.handshake();
      if (lost !== undefined) throw new UpstreamError("UPSTREAM_FAILED", lost);
      if (this.#closed) throw new UpstreamError("CLOSED", "the gateway was closed");
    } catch (error) {
      await connection.close();
      throw error;
    } finally {
      this.#opening = undefined;
    }
    this.#connection = connection;
    this.#settings.onStatus({ state: "up" });
  }

  /** Ends the MCP server. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.hub.close();
    await this.#opening?.close();
    await this.#connection?.close();
  }

  /** A message of a client. */
  #receive(message: JsonRpcMessage): void {
    const connection = this.#connection;
    if (isRequest(message)) {
      if (message.method === "initialize") this.#answer(message, this.#initializeResult);
      else if (message.method === "ping") this.#answer(message, {});
      else if (connection === undefined) this.#fail(message.id, this.#downReason());
      else {
        connection.send(message).catch((error: UpstreamError) =>
          this.#fail(message.id, error.message)
        );
      }
    } else if (connection !== undefined && cancelledRequestOf(message) !== undefined) {
      connection.send(message).catch((error) => logger.debug("not cancelled: {error}", { error }));
    }
    // Other notifications speak of one client (its handshake, its roots): a shared server has no use for them.
  }

  /** A message of the MCP server. */
  #forward(message: JsonRpcMessage): void {
    if (isRequest(message)) {
      const answer: JsonRpcMessage = message.method === "ping"
        ? { jsonrpc: "2.0", id: message.id, result: {} }
        : errorResponse(
          message.id,
          METHOD_NOT_FOUND,
          `${message.method} is not possible here: all clients share this server`,
        );
      this.#connection?.send(answer)
        .catch((error) => logger.debug("not answered: {error}", { error }));
      return;
    }
    if (isResponse(message)) this.#backoff.reset();
    this.#deliver(message);
  }

  #lose(reason: string): void {
    this.#connection = undefined;
    this.#down = reason;
    logger.error("the MCP server ended: {reason}", { reason });
    for (const id of this.hub.unanswered) this.#fail(id, `The MCP server ended: ${reason}`);
    this.#scheduleRestart(reason);
  }

  #scheduleRestart(reason: string): void {
    if (this.#closed) return;
    const waitMs = this.#backoff.next();
    this.#retryAt = this.#settings.now() + waitMs;
    this.#settings.onStatus({ state: "restarting", reason, retryAt: this.#retryAt });
    this.#timer = setTimeout(() => {
      this.start().then(() => this.#tellOfRestart()).catch((error) => {
        const failure = error instanceof Error ? error.message : String(error);
        this.#down = failure;
        if (!this.#closed) logger.error("the MCP server can't be started: {failure}", { failure });
        this.#scheduleRestart(failure);
      });
    }, waitMs);
  }

  /** A server that was started again knows nothing of subscriptions, and may offer other things than before. */
  #tellOfRestart(): void {
    logger.info("the MCP server was started again");
    this.#retryAt = undefined;
    for (const [index, uri] of this.hub.subscriptions.entries()) {
      const request: JsonRpcRequest = {
        jsonrpc: "2.0",
        id: `cvm-gateway-subscribe-${index}`,
        method: "resources/subscribe",
        params: { uri },
      };
      this.#connection?.send(request)
        .catch((error) => logger.debug("not subscribed: {error}", { error }));
    }
    const { capabilities } = this.#initializeResult;
    if (typeof capabilities !== "object" || capabilities === null) return;
    for (const [capability, method] of Object.entries(CHANGES)) {
      if (capability in capabilities) this.#deliver({ jsonrpc: "2.0", method });
    }
  }

  #downReason(): string {
    const waitMs = (this.#retryAt ?? 0) - this.#settings.now();
    const when = waitMs > 0 ? `in ${Math.ceil(waitMs / 1000)} s` : "now";
    return `The MCP server is down (${this.#down}); it is started again ${when}`;
  }

  #answer({ id }: JsonRpcRequest, result: InitializeResult): void {
    this.#deliver({ jsonrpc: "2.0", id, result });
  }

  #fail(id: JsonRpcRequest["id"], reason: string): void {
    this.#deliver(errorResponse(id, INTERNAL_ERROR, reason));
  }

  #deliver(message: JsonRpcMessage): void {
    this.hub.send(message)
      .catch((error) => logger.warn("a client could not be reached: {error}", { error }));
  }
}
