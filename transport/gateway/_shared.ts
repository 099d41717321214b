/**
 * One MCP server for all clients of a gateway.
 *
 * Whose request it is, whose progress and whose subscription is the
 * {@linkcode SessionHub}'s knowledge; here lives the connection to the MCP
 * server: its handshake, its death, and its return.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { UpstreamError } from "../../errors.ts";
import { SessionHub } from "../session/hub.ts";
import type { Session } from "../session/session.ts";
import type { JsonRpcMessage, JsonRpcRequest, JsonRpcResult, RequestId } from "../types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  isRequest,
  isResponse,
  METHOD_NOT_FOUND,
} from "../wire/message.ts";
import {
  downResponse,
  downtimeResponse,
  emptyResult,
  initializeResultFor,
  listChanges,
} from "./_answers.ts";
import { Supervisor } from "./_supervisor.ts";
import {
  GATEWAY_INITIALIZE_PARAMS,
  type OpenUpstream,
  OWN_ID_PREFIX,
  type RestartOptions,
  type Upstream,
} from "./_upstream.ts";

const logger = getLogger(["cvm", "gateway"]);

/** Notifications that concern the gateway's own connection, and end here. */
const SWALLOWED = new Set(["notifications/initialized", "notifications/roots/list_changed"]);

/** Options of a {@linkcode SharedUpstream}. */
export interface SharedUpstreamOptions {
  /** Opens a connection to the MCP server. */
  readonly open: OpenUpstream;
  /** The waits between restarts. */
  readonly restart?: RestartOptions;
  /** How long a start may take, handshake included, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Resources that one client may subscribe to at the same time. */
  readonly maxSubscriptions: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Told when the server is up again. */
  readonly onUp: () => void;
  /** Told when the server is down, why, and when it will be started again (milliseconds since the epoch). */
  readonly onDown: (error: UpstreamError, retryAt: number) => void;
  /** Told when the server has died too often and is not started again. */
  readonly onFailed: (error: UpstreamError) => void;
  /** Told when the number of sessions has changed. */
  readonly onSessions: () => void;
}

/** One MCP server for all sessions, kept running. */
export class SharedUpstream {
  /** The sessions that it serves. */
  readonly hub: SessionHub;
  readonly #options: SharedUpstreamOptions;
  readonly #supervisor: Supervisor;
  #initializeResult: JsonRpcResult["result"] = {};
  #asked = 0;

  /** @param options How to open the MCP server, and who is told of its state. */
  constructor(options: SharedUpstreamOptions) {
    this.#options = options;
    const { open, restart, startTimeoutMs: timeoutMs, now } = options;
    this.#supervisor = new Supervisor({
      open,
      restart,
      now,
      handshake: async (upstream) => {
        this.#initializeResult = await upstream.handshake(GATEWAY_INITIALIZE_PARAMS, { timeoutMs });
      },
      onMessage: (message) => this.#fromUpstream(message),
      onUp: () => this.#returned(),
      onDown: (error, retryAt) => {
        const waitMs = retryAt - now();
        for (const id of this.hub.unanswered) this.#toSessions(downResponse(id, error, waitMs));
        options.onDown(error, retryAt);
      },
      onFailed: (error) => {
        for (const id of this.hub.unanswered) this.#toSessions(downResponse(id, error, undefined));
        options.onFailed(error);
      },
    });
    this.hub = new SessionHub({
      maxSubscriptions: options.maxSubscriptions,
      onMessage: (message) => this.#fromSession(message),
      onError: (error) => logger.debug("a client could not be reached: {error}", { error }),
    });
  }

  /**
   * Starts the MCP server and does the handshake with it.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when it can't be started, dies or stays silent.
   */
  async start(): Promise<void> {
    await this.#supervisor.start();
  }

  /** Serves one more client. */
  async add(session: Session): Promise<void> {
    session.signal.addEventListener("abort", () => this.#options.onSessions(), { once: true });
    await this.hub.add(session);
    this.#options.onSessions();
  }

  /** Ends the MCP server. Idempotent. */
  async close(): Promise<void> {
    await this.#supervisor.close();
  }

  get #upstream(): Upstream | undefined {
    return this.#supervisor.upstream;
  }

  #returned(): void {
    this.#options.onUp();
    // The new process knows nothing of what the old one was told, and may offer something else.
    for (const uri of this.hub.subscriptions) this.#subscribe(uri);
    for (const method of listChanges(this.#initializeResult)) {
      this.#toSessions({ jsonrpc: "2.0", method });
    }
  }

  #fromSession(message: JsonRpcMessage): void {
    // A response answers a question of the MCP server's, and those never get as far as a client.
    if (isResponse(message)) return;
    if (isRequest(message)) return this.#request(message);
    if (SWALLOWED.has(message.method)) return;
    this.#upstream?.send(message).catch((error) => this.#reportLost(error));
  }

  #request(request: JsonRpcRequest): void {
    const { id, method, params } = request;
    if (method === "ping") return this.#toSessions(emptyResult(id));
    if (method === "initialize") {
      const result = initializeResultFor(this.#initializeResult, params?.protocolVersion);
      return this.#toSessions({ jsonrpc: "2.0", id, result });
    }
    if (this.#upstream === undefined) {
      return this.#toSessions(this.#whileDown(id));
    }
    this.#upstream.send(request).catch((error: UpstreamError) => {
      if (this.hub.unanswered.includes(id)) this.#toSessions(downResponse(id, error, undefined));
    });
  }

  #whileDown(id: RequestId): JsonRpcMessage {
    return downtimeResponse(id, this.#supervisor.down, this.#options.now());
  }

  #fromUpstream(message: JsonRpcMessage): void {
    if (isRequest(message)) return this.#answerUpstream(message);
    if (isResponse(message) && String(message.id).startsWith(OWN_ID_PREFIX)) return;
    // A request of the server's is answered here at once: there is none that it could take back.
    if (cancelledRequestOf(message) !== undefined) return;
    this.#toSessions(message);
  }

  #answerUpstream({ id, method }: JsonRpcRequest): void {
    const answer = method === "ping" ? emptyResult(id) : errorResponse(
      id,
      METHOD_NOT_FOUND,
      `${method} can't be delivered: the MCP server is shared by all clients of a gateway, so it can't ask one of them; give each client an MCP server of its own (cvm gateway --per-client)`,
    );
    this.#upstream?.send(answer).catch((error) => this.#reportLost(error));
  }

  /** Subscribes for those who subscribed at the MCP server that has died; nobody waits for the answer. */
  #subscribe(uri: string): void {
    const id = `${OWN_ID_PREFIX}${++this.#asked}`;
    this.#upstream?.send({ jsonrpc: "2.0", id, method: "resources/subscribe", params: { uri } })
      .catch((error) => this.#reportLost(error));
  }

  #toSessions(message: JsonRpcMessage): void {
    this.hub.send(message)
      .catch((error) => logger.debug("a client could not be reached: {error}", { error }));
  }

  #reportLost(error: unknown): void {
    logger.debug("the MCP server did not take a message: {error}", { error });
  }
}
