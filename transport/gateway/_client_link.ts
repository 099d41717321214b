/**
 * One client of a gateway, with an MCP server of its own. Messages pass
 * untouched in both directions.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { UpstreamError } from "../../errors.ts";
import { Backoff } from "../relay/backoff.ts";
import type { Session } from "../session/session.ts";
import type { JsonRpcMessage, RequestId } from "../types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  INTERNAL_ERROR,
  isRequest,
  isResponse,
} from "../wire/message.ts";
import { downResponse } from "./_answers.ts";
import {
  GATEWAY_INITIALIZE_PARAMS,
  type OpenUpstream,
  type RestartOptions,
  Upstream,
} from "./_upstream.ts";

const logger = getLogger(["cvm", "gateway"]);

/** Options of a {@linkcode ClientLink}. */
export interface ClientLinkOptions {
  /** Opens a connection to an MCP server. */
  readonly open: OpenUpstream;
  /** The waits between restarts. */
  readonly restart?: RestartOptions;
  /** How long a start may take, handshake included, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Messages of the client that may wait for its MCP server to start. */
  readonly maxQueued: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Connects a session to an MCP server that nobody else uses. */
export class ClientLink {
  readonly #session: Session;
  readonly #options: ClientLinkOptions;
  readonly #backoff: Backoff;
  /** Requests of the client without an answer. */
  readonly #inFlight = new Set<RequestId>();
  /** Requests of the MCP server without an answer. */
  readonly #asked = new Set<RequestId>();
  readonly #waiting: JsonRpcMessage[] = [];
  /** The MCP server that takes messages. */
  #upstream: Upstream | undefined;
  /** The MCP server that is being started. */
  #starting: Upstream | undefined;
  #opening: Promise<void> | undefined;
  #down: { readonly error: UpstreamError; readonly retryAt: number } | undefined;
  /** The id of the client's own `initialize` while it is under way. */
  #initializeId: RequestId | undefined;
  #initialized = false;
  #upSince: number | undefined;
  #closed = false;

  /**
   * @param session The client.
   * @param options How to open its MCP server.
   */
  constructor(session: Session, options: ClientLinkOptions) {
    this.#session = session;
    this.#options = options;
    this.#backoff = new Backoff(options.restart);
  }

  /** Starts to take the client's messages; the MCP server starts with the first one. */
  async start(): Promise<void> {
    const session = this.#session;
    session.onmessage = (message: JsonRpcMessage) => this.#fromClient(message);
    session.onerror = (error) => logger.debug("a client: {error}", { error });
    session.onclose = () => void this.close();
    await session.start();
  }

  /** Ends the MCP server. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#inFlight.clear();
    this.#asked.clear();
    await this.#starting?.close();
    await this.#opening;
    await this.#upstream?.close();
  }

  #fromClient(message: JsonRpcMessage): void {
    if (this.#closed) return;
    if (isRequest(message)) {
      this.#inFlight.add(message.id);
    } else if (isResponse(message)) {
      // The answer to a question of an MCP server that has died since is nobody's.
      if (message.id === undefined || !this.#asked.delete(message.id)) return;
    } else {
      const cancelled = cancelledRequestOf(message);
      if (cancelled !== undefined) this.#inFlight.delete(cancelled);
    }
    if (this.#opening !== undefined) this.#wait(message);
    else if (this.#upstream !== undefined) this.#forward(this.#upstream, message);
    else if (isRequest(message)) this.#startFor(message, message.id);
  }

  #startFor(message: JsonRpcMessage, id: RequestId): void {
    const now = this.#options.now();
    if (this.#down !== undefined && this.#down.retryAt > now) {
      this.#answer(id, this.#down.error, this.#down.retryAt - now);
      return;
    }
    this.#waiting.push(message);
    this.#opening = this.#open(message).finally(() => this.#opening = undefined);
  }

  #wait(message: JsonRpcMessage): void {
    const { maxQueued } = this.#options;
    if (this.#waiting.length < maxQueued) {
      this.#waiting.push(message);
    } else if (isRequest(message)) {
      this.#inFlight.delete(message.id);
      const reason = `${maxQueued} messages already wait for the MCP server to start`;
      this.#toClient(errorResponse(message.id, INTERNAL_ERROR, reason));
    }
  }

  async #open(first: JsonRpcMessage): Promise<void> {
    const { open, startTimeoutMs, now } = this.#options;
    let upstream: Upstream | undefined;
    try {
      upstream = this.#starting = await Upstream.open(open, {
        onMessage: (message) => this.#fromUpstream(message),
        onDown: (error) => {
          if (this.#upstream === upstream) this.#fail(error);
        },
        onError: (error) => logger.debug("the MCP server of a client: {error}", { error }),
      });
      if (this.#closed) return await upstream.close();
      const opens = "method" in first && first.method === "initialize" && !this.#initialized;
      if (!opens) {
        // A stateless client, or a new MCP server in the place of one that has died.
        const params = this.#session.initializeParams ?? GATEWAY_INITIALIZE_PARAMS;
        await upstream.handshake(params, { timeoutMs: startTimeoutMs });
        this.#initialized = true;
      }
      upstream.throwIfEnded();
      this.#upstream = upstream;
      this.#upSince = now();
      this.#down = undefined;
      for (const message of this.#waiting.splice(0)) this.#forward(upstream, message);
    } catch (error) {
      await upstream?.close();
      if (!this.#closed) this.#fail(error);
    } finally {
      this.#starting = undefined;
    }
  }

  #forward(upstream: Upstream, message: JsonRpcMessage): void {
    if (isRequest(message)) {
      if (!this.#inFlight.has(message.id)) return; // cancelled while it waited
      if (message.method === "initialize") this.#initializeId = message.id;
    }
    upstream.send(message).catch((error) => {
      if (isRequest(message) && this.#inFlight.has(message.id)) {
        this.#answer(message.id, error, undefined);
      }
    });
  }

  #fromUpstream(message: JsonRpcMessage): void {
    if (isRequest(message)) {
      this.#asked.add(message.id);
      this.#session.send(message).catch((error) => {
        if (!this.#asked.delete(message.id)) return;
        const reason = `the client could not be asked: ${error}`;
        this.#upstream?.send(errorResponse(message.id, INTERNAL_ERROR, reason))
          .catch((lost) => logger.debug("the MCP server of a client: {lost}", { lost }));
      });
      return;
    }
    if (isResponse(message) && message.id !== undefined) {
      this.#inFlight.delete(message.id);
      if (message.id === this.#initializeId) {
        this.#initializeId = undefined;
        if ("result" in message) {
          this.#initialized = true;
          this.#upstream?.agree(message.result);
        }
      }
    } else {
      const withdrawn = cancelledRequestOf(message);
      if (withdrawn !== undefined) this.#asked.delete(withdrawn);
    }
    this.#toClient(message);
  }

  /** The MCP server is gone, or did not come: the client is told for each request, and asked no more. */
  #fail(cause: unknown): void {
    if (this.#closed) return;
    const error = cause instanceof UpstreamError
      ? cause
      : new UpstreamError("UPSTREAM_FAILED", `the MCP server failed: ${cause}`, { cause });
    this.#upstream = undefined;
    this.#initializeId = undefined;
    const now = this.#options.now();
    const waitMs = this.#backoff.next(this.#upSince === undefined ? 0 : now - this.#upSince);
    this.#upSince = undefined;
    this.#down = { error, retryAt: now + waitMs };
    logger.warn("the MCP server of the client {peer} is down: {reason}", {
      peer: this.#session.peer,
      reason: error.message,
    });
    this.#waiting.length = 0;
    for (const id of this.#inFlight) this.#answer(id, error, waitMs);
    for (const requestId of this.#asked) {
      const params = { requestId, reason: "The MCP server that asked has ended" };
      this.#toClient({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    }
    this.#asked.clear();
  }

  #answer(id: RequestId, error: UpstreamError, retryInMs: number | undefined): void {
    this.#inFlight.delete(id);
    this.#toClient(downResponse(id, error, retryInMs));
  }

  #toClient(message: JsonRpcMessage): void {
    if (this.#closed) return;
    this.#session.send(message)
      .catch((error) => logger.debug("a client could not be reached: {error}", { error }));
  }
}
