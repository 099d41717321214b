/**
 * Many sessions, one MCP server: brings each message of the server to the
 * client that it concerns, and to no other (faults F05). The server transport
 * for people who come from other SDKs and the shared gateway stand on it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { JsonRpcMessage, JsonRpcRequest, RequestId, TransportSendOptions } from "../types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  isRequest,
  isResponse,
  METHOD_NOT_FOUND,
  progressOf,
  SERVER_ERROR,
} from "../wire/message.ts";
import type { Session } from "./session.ts";

const logger = getLogger(["cvm", "transport"]);

/** Options of a {@linkcode SessionHub}. */
export interface SessionHubOptions {
  /**
   * Takes each message for the server. Request ids and progress tokens are
   * unique over all sessions. Without a session: an error that answers a
   * question of the server that could not be put to any client.
   */
  readonly onMessage: (message: JsonRpcMessage, session?: Session) => void;
  /** Called for faults of one session. */
  readonly onError?: (error: Error) => void;
  /** Resources that one client may subscribe to at the same time. */
  readonly maxSubscriptions: number;
}

/** A longer URI is nobody's resource, in UTF-16 code units. */
const MAX_URI_LENGTH = 4_096;

/** Routes between the sessions of a listener and one MCP server. */
export class SessionHub {
  readonly #options: SessionHubOptions;
  readonly #sessions = new Set<Session>();
  readonly #observers = new Set<Session>();
  /** Requests that the server works on, and whose they are. */
  readonly #requests = new Map<RequestId, Session>();
  /** Questions of the server, and who was asked. */
  readonly #questions = new Map<RequestId, Session>();
  /** Who wants to hear of which resource. */
  readonly #subscribers = new Map<string, Set<Session>>();
  /** What each of them wants to hear of. */
  readonly #subscribed = new WeakMap<Session, Set<string>>();
  #asked = 0;

  /** @param options Where messages go. */
  constructor(options: SessionHubOptions) {
    this.#options = options;
  }

  /** The sessions that are open. */
  get sessions(): readonly Session[] {
    return [...this.#sessions];
  }

  /** The requests that the server works on. */
  get unanswered(): readonly RequestId[] {
    return [...this.#requests.keys()];
  }

  /** The resources that any client wants to hear of. */
  get subscriptions(): readonly string[] {
    return [...this.#subscribers.keys()];
  }

  /** The session that a request came in, while the server works on it. */
  sessionOf(requestId: RequestId): Session | undefined {
    return this.#requests.get(requestId);
  }

  /** Takes a session in, and starts it. */
  async add(session: Session): Promise<void> {
    this.#sessions.add(session);
    await this.#connect(session);
  }

  /** Takes in a session of this process, such as the announcer's: it may ask and hears of changes, but is nobody's client. */
  async observe(session: Session): Promise<void> {
    this.#observers.add(session);
    await this.#connect(session);
  }

  async #connect(session: Session): Promise<void> {
    session.onmessage = (message: JsonRpcMessage) => this.#receive(message, session);
    session.onerror = (error) => this.#options.onError?.(error);
    session.onclose = () => this.#remove(session);
    await session.start();
  }

  /**
   * Brings a message of the server to the client that it concerns.
   *
   * A response goes to who asked, progress to who is waiting for it, a resource
   * update to its subscribers, a `list_changed` to every initialized client,
   * and what belongs to a request (`relatedRequestId`) to who made it. Anything
   * else is delivered only when there is no more than one client: whom it
   * concerns can't be known.
   *
   * @returns A promise that rejects when the only recipient could not be reached.
   */
  async send(message: JsonRpcMessage, options: TransportSendOptions = {}): Promise<void> {
    if (isResponse(message)) {
      const session = message.id === undefined ? undefined : this.#requests.get(message.id);
      if (message.id !== undefined) this.#requests.delete(message.id);
      await session?.send(message);
    } else if (isRequest(message)) {
      await this.#ask(message, options.relatedRequestId);
    } else {
      const recipients = this.#recipients(message, options.relatedRequestId);
      if (recipients.length === 1) return await recipients[0]!.send(message);
      const sent = await Promise.allSettled(recipients.map((session) => session.send(message)));
      for (const result of sent) {
        if (result.status === "rejected") this.#options.onError?.(asError(result.reason));
      }
    }
  }

  /** Ends all sessions. */
  async close(): Promise<void> {
    for (const session of [...this.#sessions, ...this.#observers]) await session.close();
  }

  #receive(message: JsonRpcMessage, session: Session): void {
    if (isRequest(message)) {
      if (this.#isOneTooMany(message, session)) {
        void session.send(
          errorResponse(message.id, SERVER_ERROR, "Refused: too many subscriptions"),
        )
          .catch((error) => this.#options.onError?.(asError(error)));
        return;
      }
      if (this.#keepsSubscription(message, session)) {
        void session.send({ jsonrpc: "2.0", id: message.id, result: {} })
          .catch((error) => this.#options.onError?.(asError(error)));
        return;
      }
      this.#requests.set(message.id, session);
    } else if (isResponse(message)) {
      if (message.id !== undefined) this.#questions.delete(message.id);
    } else {
      const cancelled = cancelledRequestOf(message);
      if (cancelled !== undefined) this.#requests.delete(cancelled);
    }
    this.#options.onMessage(message, session);
  }

  #isOneTooMany({ method, params }: JsonRpcRequest, session: Session): boolean {
    const uri = params?.uri;
    if (method !== "resources/subscribe" || typeof uri !== "string") return false;
    if (uri.length > MAX_URI_LENGTH) return true;
    const held = this.#subscribed.get(session);
    return held !== undefined && !held.has(uri) &&
      held.size >= this.#options.maxSubscriptions;
  }

  /** Keeps the books on `resources/subscribe`; true when an `unsubscribe` must not reach the server, since others still listen. */
  #keepsSubscription({ method, params }: JsonRpcRequest, session: Session): boolean {
    const uri = params?.uri;
    if (typeof uri !== "string") return false;
    const subscribers = this.#subscribers.get(uri);
    if (method === "resources/subscribe") {
      this.#subscribers.set(uri, (subscribers ?? new Set()).add(session));
      this.#subscribed.set(session, (this.#subscribed.get(session) ?? new Set()).add(uri));
    } else if (method === "resources/unsubscribe" && subscribers !== undefined) {
      subscribers.delete(session);
      this.#subscribed.get(session)?.delete(uri);
      if (subscribers.size > 0) return true;
      this.#subscribers.delete(uri);
    }
    return false;
  }

  #recipients(message: JsonRpcMessage, related: RequestId | undefined): readonly Session[] {
    const token = progressOf(message);
    if (token !== undefined) return present(this.#requests.get(token));
    const withdrawn = cancelledRequestOf(message);
    if (withdrawn !== undefined) {
      const asked = this.#questions.get(withdrawn);
      this.#questions.delete(withdrawn);
      return present(asked);
    }
    if (related !== undefined) return present(this.#requests.get(related));
    if (!("method" in message)) return [];
    if (message.method === "notifications/resources/updated") {
      return [...this.#subscribers.get(String(message.params?.uri)) ?? []];
    }
    const listening = this.sessions.filter((session) => session.initializeParams !== undefined);
    if (message.method.endsWith("/list_changed")) return [...listening, ...this.#observers];
    if (listening.length <= 1) return listening;
    logger.debug("{method} was dropped: it does not say which of {count} clients it concerns", {
      method: message.method,
      count: listening.length,
    });
    return [];
  }

  async #ask(request: JsonRpcRequest, related: RequestId | undefined): Promise<void> {
    const session = related !== undefined
      ? this.#requests.get(related)
      : this.#sessions.size === 1
      ? this.sessions[0]
      : undefined;
    if (session === undefined) {
      const answer = errorResponse(
        request.id,
        METHOD_NOT_FOUND,
        `${request.method} can't be delivered: it does not say which of ${this.#sessions.size} clients it concerns`,
      );
      queueMicrotask(() => this.#options.onMessage(answer));
      return;
    }
    this.#questions.set(request.id, session);
    await session.send(request);
  }

  #remove(session: Session): void {
    this.#sessions.delete(session);
    this.#observers.delete(session);
    for (const [uri, subscribers] of this.#subscribers) {
      if (!subscribers.delete(session) || subscribers.size > 0) continue;
      this.#subscribers.delete(uri);
      const id = `hub-${++this.#asked}`; // nobody waits for the answer
      this.#options.onMessage({
        jsonrpc: "2.0",
        id,
        method: "resources/unsubscribe",
        params: { uri },
      });
    }
    for (const [id, asked] of this.#questions) {
      if (asked !== session) continue;
      this.#questions.delete(id);
      this.#options.onMessage(
        errorResponse(id, METHOD_NOT_FOUND, "The client that was asked has left"),
      );
    }
    for (const [requestId, owner] of this.#requests) {
      if (owner !== session) continue;
      this.#requests.delete(requestId);
      this.#options.onMessage({
        jsonrpc: "2.0",
        method: "notifications/cancelled",
        params: { requestId, reason: "The client has left" },
      });
    }
  }
}

function present(session: Session | undefined): readonly Session[] {
  return session === undefined ? [] : [session];
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
