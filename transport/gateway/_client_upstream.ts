/**
 * An MCP server of its own for one client of a gateway. Messages pass as they
 * are, in both directions.
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
import type { UpstreamSettings } from "./_settings.ts";
import { UpstreamConnection } from "./_upstream_connection.ts";

const logger = getLogger(["cvm", "gateway"]);

/** The MCP server of one client; opened by the first message, and again by the next one after it died. */
export class ClientUpstream {
  readonly #session: Session;
  readonly #settings: UpstreamSettings;
  readonly #backoff: Backoff;
  readonly #unanswered = new Set<RequestId>();
  #connection: UpstreamConnection | undefined;
  #opening: UpstreamConnection | undefined;
  #retryAt = -Infinity;
  #down = "";
  #tail: Promise<void> = Promise.resolve();

  /** Prepares the server of a session; {@linkcode ClientUpstream.start} takes the session over. */
  constructor(session: Session, settings: UpstreamSettings) {
    this.#session = session;
    this.#settings = settings;
    this.#backoff = new Backoff(settings.backoff);
  }

  /** Takes the session over; the MCP server ends with it. */
  async start(): Promise<void> {
    const session = this.#session;
    session.onmessage = (message: JsonRpcMessage) => {
      // One after the other, so that nothing overtakes the handshake.
      this.#tail = this.#tail.then(() => this.#receive(message));
    };
    session.onclose = () => {
      (this.#connection ?? this.#opening)?.close()
        .catch((error) => logger.error("an MCP server did not close: {error}", { error }));
    };
    session.onerror = (error) => logger.warn("a client could not be reached: {error}", { error });
    await session.start();
  }

  /** A message of the client. */
  async #receive(message: JsonRpcMessage): Promise<void> {
    if (this.#session.signal.aborted) return;
    try {
      const connection = await this.#connect(message);
      if (isRequest(message)) this.#unanswered.add(message.id);
      const cancelled = cancelledRequestOf(message);
      if (cancelled !== undefined) this.#unanswered.delete(cancelled);
      await connection.send(message);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (isRequest(message)) this.#fail(message.id, reason);
      else logger.debug("a client's message was not delivered: {reason}", { reason });
    }
  }

  /** The connection; opened, with a handshake unless the client is about to do it itself. */
  async #connect(message: JsonRpcMessage): Promise<UpstreamConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const { now, onStatus } = this.#settings;
    const peer = this.#session.peer;
    if (now() < this.#retryAt) {
      const seconds = Math.ceil((this.#retryAt - now()) / 1000);
      throw new UpstreamError(
        "UPSTREAM_FAILED",
        `The MCP server is down (${this.#down}); try again in ${seconds} s`,
      );
    }
    let connection: UpstreamConnection | undefined;
    try {
      connection = await UpstreamConnection.open(this.#settings, {
        onMessage: (answer) => this.#forward(answer),
        onEnded: (reason) => {
          if (this.#connection === connection) this.#lose(reason);
        },
      });
      this.#opening = connection;
      if (!(isRequest(message) && message.method === "initialize")) {
        await connection.handshake(this.#session.initializeParams);
      }
      if (connection.ended || this.#session.signal.aborted) {
        throw new UpstreamError("UPSTREAM_FAILED", "The MCP server ended while it was started");
      }
    } catch (error) {
      await connection?.close();
      this.#hold(error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      this.#opening = undefined;
    }
    this.#connection = connection;
    onStatus({ state: "up", peer });
    return connection;
  }

  /** A message of the MCP server. */
  #forward(message: JsonRpcMessage): void {
    if (isResponse(message) && message.id !== undefined) {
      this.#unanswered.delete(message.id);
      this.#backoff.reset();
    }
    this.#send(message);
  }

  #lose(reason: string): void {
    this.#connection = undefined;
    this.#hold(reason);
    for (const id of this.#unanswered) this.#fail(id, `The MCP server ended: ${reason}`);
  }

  /** Keeps a server that dies from being started in a tight loop. */
  #hold(reason: string): void {
    this.#down = reason;
    this.#retryAt = this.#settings.now() + this.#backoff.next();
    this.#settings.onStatus({
      state: "restarting",
      reason,
      retryAt: this.#retryAt,
      peer: this.#session.peer,
    });
  }

  #fail(id: RequestId, reason: string): void {
    this.#unanswered.delete(id);
    this.#send(errorResponse(id, INTERNAL_ERROR, reason));
  }

  #send(message: JsonRpcMessage): void {
    if (this.#session.signal.aborted) return;
    this.#session.send(message)
      .catch((error) => logger.warn("a client could not be reached: {error}", { error }));
  }
}
