/**
 * One client of a server: an MCP `Transport`, and the home of everything that
 * belongs to that client alone.
 *
 * Inside the server, a request goes by the id of its Nostr event, and its
 * progress by the same id: unique over all clients, and over two programs that
 * share a key and count from 0 both. The client's own id and token are put
 * back on the way out. A progress notification and an answer can therefore
 * only ever reach the client that asked (faults F05).
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { GiftWrapKind } from "../../crypto/gift_wrap.ts";
import { CvmError, SessionError } from "../../errors.ts";
import type {
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  ProgressToken,
  RequestId,
  Transport,
} from "../types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  INTERNAL_ERROR,
  isNotification,
  isRequest,
  isResponse,
  METHOD_NOT_FOUND,
  progressOf,
  progressTokenOf,
  SERVER_ERROR,
  withIds,
} from "../wire/message.ts";
import { EPHEMERAL_GIFT_WRAP_KIND } from "../wire/kinds.ts";
import { discoveryTags, hasFlag, SUPPORT_ENCRYPTION_EPHEMERAL, type Tags } from "../wire/tags.ts";
import type { Inbound } from "./inbox.ts";
import { RateLimiter, type SessionLimits } from "./limits.ts";
import { chooseReplyWrap, type Modes } from "./modes.ts";
import type { Envelope, Outbox } from "./outbox.ts";
import { decorateResponse, type ResultDecorator } from "./result_decorator.ts";

const logger = getLogger(["cvm", "transport"]);

/** The client capability that a server's request needs (MCP). */
const NEEDED_CAPABILITY: Readonly<Record<string, string>> = {
  "sampling/createMessage": "sampling",
  "elicitation/create": "elicitation",
  "roots/list": "roots",
};

/** One client of a server. */
export interface Session extends Transport {
  /** The client's public key, hex. */
  readonly peer: string;
  /** Unique among the sessions of a listener. */
  readonly sessionId: string;
  /** Whether the session speaks through gift wraps. It never changes: plain text and encryption are two sessions. */
  readonly encrypted: boolean;
  /** What the client said of itself with the first message: all tags but `p` and `e` (CEP-35). */
  readonly clientTags: Tags;
  /** The parameters of the client's `initialize`; `undefined` for a stateless client. */
  readonly initializeParams: Readonly<Record<string, unknown>> | undefined;
  /** Aborted when the session has ended. */
  readonly signal: AbortSignal;
}

/** Options of a {@linkcode ServerSession}. */
export interface ServerSessionOptions {
  /** Unique among the sessions of a listener. */
  readonly sessionId: string;
  /** Sends for the server's key. */
  readonly outbox: Outbox;
  /** The server's modes. */
  readonly modes: Modes;
  /** The bounds. */
  readonly limits: SessionLimits;
  /** What the server says of itself with its first message (CEP-35). */
  readonly serverTags: Tags;
  /** Adds to results before they are sent. */
  readonly decorateResult?: ResultDecorator;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Called once, when the session has ended. */
  readonly onEnded: () => void;
}

interface InFlight {
  readonly id: RequestId;
  readonly method: string;
  readonly progressToken: ProgressToken | undefined;
  readonly wrapKind: GiftWrapKind | undefined;
}

/** The session that a listener hands out. */
export class ServerSession implements Session {
  readonly peer: string;
  readonly sessionId: string;
  readonly encrypted: boolean;
  readonly clientTags: Tags;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #options: ServerSessionOptions;
  readonly #ended = new AbortController();
  readonly #inFlight = new Map<string, InFlight>();
  /** Questions to the client: their ids on the wire, and those that the server gave them. */
  readonly #asked = new Map<RequestId, RequestId>();
  readonly #rate: RateLimiter;
  readonly #queue: JsonRpcMessage[] = [];
  #initializeParams: Readonly<Record<string, unknown>> | undefined;
  #takesEphemeral = false;
  #questions = 0;
  #lastWrap: GiftWrapKind | undefined;
  #introduced = false;
  #started = false;
  #draining = false;
  #usedAt: number;

  /**
   * @param first The message that opened the session; it is not delivered by the constructor.
   * @param options Where answers go, and the bounds.
   */
  constructor(first: Inbound, options: ServerSessionOptions) {
    this.#options = options;
    this.peer = first.event.pubkey;
    this.sessionId = options.sessionId;
    this.encrypted = first.wrapKind !== undefined;
    this.clientTags = discoveryTags(first.event.tags);
    this.#usedAt = options.now();
    this.#rate = new RateLimiter(options.limits.maxMessagesPerSecond, options.now());
  }

  /** The parameters of the client's `initialize`; `undefined` for a stateless client. */
  get initializeParams(): Readonly<Record<string, unknown>> | undefined {
    return this.#initializeParams;
  }

  /** Aborted when the session has ended. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** When the client was last heard of, in milliseconds. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /** Whether nothing is under way: no request of the client, no question of ours. */
  get idle(): boolean {
    return this.#inFlight.size === 0 && this.#asked.size === 0;
  }

  /** Whether an answer to this question of ours, or the end of this request of the client's, is awaited here. */
  expects(message: JsonRpcMessage): boolean {
    if (isResponse(message)) return message.id !== undefined && this.#asked.has(message.id);
    const cancelled = cancelledRequestOf(message);
    return cancelled !== undefined && this.#internalId(cancelled) !== undefined;
  }

  /** Starts to deliver messages, first those that have been waiting. */
  start(): Promise<void> {
    this.#started = true;
    for (const message of this.#queue.splice(0)) this.onmessage?.(message);
    return Promise.resolve();
  }

  /**
   * Takes a message from the client. Called by the listener, with what has
   * passed verification and access control.
   */
  receive({ event, message, wrapKind }: Inbound): void {
    if (this.#ended.signal.aborted) return;
    const { now, limits } = this.#options;
    this.#usedAt = now();
    this.#lastWrap = wrapKind;
    if (
      wrapKind === EPHEMERAL_GIFT_WRAP_KIND || hasFlag(event.tags, SUPPORT_ENCRYPTION_EPHEMERAL)
    ) {
      this.#takesEphemeral = true;
    }
    const refusal = !this.#rate.take(this.#usedAt)
      ? `more than ${limits.maxMessagesPerSecond} messages a second`
      : isRequest(message) && this.#inFlight.size >= limits.maxInFlight
      ? `more than ${limits.maxInFlight} requests at the same time`
      : undefined;
    if (refusal !== undefined) {
      if (isRequest(message)) this.#refuse(event.id, message, wrapKind, refusal);
      return;
    }
    if (isRequest(message)) this.#receiveRequest(event.id, message, wrapKind);
    else if (isNotification(message)) this.#receiveNotification(message);
    else this.#receiveAnswer(message);
    this.#settleDrain();
  }

  /**
   * Sends a message to the client.
   *
   * @throws {SessionError} CLOSED after the end; MESSAGE_TOO_LARGE when the message does not fit an event.
   * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took it.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    if (this.#ended.signal.aborted) throw closedError(this.peer);
    if (isResponse(message)) await this.#sendResponse(message);
    else if (isRequest(message)) await this.#sendRequest(message);
    else await this.#sendNotification(message);
    this.#settleDrain();
  }

  /** Ends the session. Answers that are still under way are not sent any more. */
  close(): Promise<void> {
    if (!this.#ended.signal.aborted) {
      this.#ended.abort(closedError(this.peer));
      this.#queue.length = 0;
      this.#inFlight.clear();
      this.#asked.clear();
      try {
        this.#options.onEnded();
      } finally {
        this.onclose?.();
      }
    }
    return Promise.resolve();
  }

  /** Lets what is in flight come to its end, then closes. New messages belong to another session. */
  drain(): void {
    this.#draining = true;
    this.#settleDrain();
  }

  #settleDrain(): void {
    if (this.#draining && this.idle) void this.close();
  }

  #receiveRequest(
    eventId: string,
    request: JsonRpcRequest,
    wrapKind: GiftWrapKind | undefined,
  ): void {
    if (request.method === "initialize") this.#initializeParams = request.params ?? {};
    const progressToken = progressTokenOf(request);
    const { id, method } = request;
    this.#inFlight.set(eventId, { id, method, progressToken, wrapKind });
    this.#deliver(withIds(request, eventId, eventId));
  }

  #receiveNotification(notification: JsonRpcNotification): void {
    const cancelled = cancelledRequestOf(notification);
    if (cancelled === undefined) return this.#deliver(notification);
    const eventId = this.#internalId(cancelled);
    if (eventId === undefined) return;
    // MCP: who is told to cancel does not answer. A server that answers all the same finds nobody to answer to.
    this.#inFlight.delete(eventId);
    this.#deliver({ ...notification, params: { ...notification.params, requestId: eventId } });
  }

  #receiveAnswer(answer: JsonRpcResponse): void {
    const id = answer.id === undefined ? undefined : this.#asked.get(answer.id);
    if (answer.id === undefined || id === undefined) return;
    this.#asked.delete(answer.id);
    this.#deliver({ ...answer, id });
  }

  /** The event id of the client's youngest request with this id. */
  #internalId(id: RequestId): string | undefined {
    let found: string | undefined;
    for (const [eventId, request] of this.#inFlight) {
      if (request.id === id) found = eventId;
    }
    return found;
  }

  #deliver(message: JsonRpcMessage): void {
    if (this.#started) {
      this.onmessage?.(message);
    } else if (this.#queue.length < this.#options.limits.maxQueued) {
      this.#queue.push(message);
    } else if (isRequest(message)) {
      const waiting = this.#inFlight.get(String(message.id));
      this.#inFlight.delete(String(message.id));
      this.#refuse(
        String(message.id),
        { ...message, id: waiting?.id ?? message.id },
        waiting?.wrapKind,
        "the server is not ready yet",
      );
    }
  }

  #refuse(
    eventId: string,
    request: JsonRpcRequest,
    wrapKind: GiftWrapKind | undefined,
    reason: string,
  ): void {
    const answer = errorResponse(request.id, SERVER_ERROR, `Refused: ${reason}`);
    this.#options.outbox.send(answer, {
      recipient: this.peer,
      tags: [["e", eventId]],
      wrapKind: this.#replyWrap(wrapKind),
    }).catch((error) => this.#report(error));
  }

  async #sendResponse(response: JsonRpcResponse): Promise<void> {
    const eventId = String(response.id);
    const request = this.#inFlight.get(eventId);
    if (request === undefined) {
      logger.debug("an answer to a request that is not in flight any more was dropped");
      return;
    }
    this.#inFlight.delete(eventId);
    const { decorateResult } = this.#options;
    const decorated = decorateResponse(response, request.method, decorateResult);
    const envelope: Envelope = {
      recipient: this.peer,
      tags: [["e", eventId], ...this.#introduction(), ...decorated.tags],
      wrapKind: this.#replyWrap(request.wrapKind),
    };
    const answer: JsonRpcResponse = { ...decorated.response, id: request.id };
    try {
      await this.#options.outbox.send(answer, envelope);
    } catch (error) {
      if (!(error instanceof CvmError && error.code === "MESSAGE_TOO_LARGE")) throw error;
      const refusal = errorResponse(
        request.id,
        INTERNAL_ERROR,
        `The answer is too large to be sent: ${error.message}`,
      );
      await this.#options.outbox.send(refusal, envelope);
      this.#report(error);
    }
  }

  async #sendNotification(notification: JsonRpcNotification): Promise<void> {
    const withdrawn = cancelledRequestOf(notification);
    if (withdrawn !== undefined) {
      await this.#withdraw(notification, withdrawn);
      return;
    }
    const token = progressOf(notification);
    if (token === undefined) {
      if (!this.#draining) await this.#post(notification, this.#introduction());
      return;
    }
    const eventId = String(token);
    const progressToken = this.#inFlight.get(eventId)?.progressToken;
    if (progressToken === undefined) return; // answered, cancelled, or never asked for
    const params = { ...notification.params, progressToken };
    await this.#post({ ...notification, params }, [["e", eventId], ...this.#introduction()]);
  }

  async #sendRequest(request: JsonRpcRequest): Promise<void> {
    const needed = NEEDED_CAPABILITY[request.method];
    if (needed !== undefined && !this.#clientHas(needed)) {
      const answer = errorResponse(
        request.id,
        METHOD_NOT_FOUND,
        `The client has not declared the capability "${needed}" that ${request.method} needs`,
      );
      queueMicrotask(() => this.onmessage?.(answer));
      return;
    }
    if (this.#asked.size >= this.#options.limits.maxInFlight) {
      throw new SessionError(
        "LIMIT_REACHED",
        `${this.#asked.size} questions to the client ${this.peer} are unanswered; limits.maxInFlight is the bound`,
      );
    }
    // Never 0: clients of the official MCP SDK take no cancellation of a request with that id.
    const id = ++this.#questions;
    this.#asked.set(id, request.id);
    try {
      await this.#post({ ...request, id }, this.#introduction());
    } catch (error) {
      this.#asked.delete(id);
      throw error;
    }
  }

  async #withdraw(notification: JsonRpcNotification, withdrawn: RequestId): Promise<void> {
    for (const [requestId, id] of this.#asked) {
      if (id !== withdrawn) continue;
      this.#asked.delete(requestId);
      const params = { ...notification.params, requestId };
      await this.#post({ ...notification, params }, this.#introduction());
    }
  }

  #clientHas(capability: string): boolean {
    const capabilities = this.#initializeParams?.capabilities;
    return typeof capabilities === "object" && capabilities !== null && capability in capabilities;
  }

  async #post(message: JsonRpcMessage, tags: Tags): Promise<void> {
    const wrapKind = this.#replyWrap(this.#lastWrap);
    await this.#options.outbox.send(message, { recipient: this.peer, tags, wrapKind });
  }

  /** What the server says of itself, once a session (CEP-35). */
  #introduction(): Tags {
    if (this.#introduced) return [];
    this.#introduced = true;
    return this.#options.serverTags;
  }

  #replyWrap(asked: GiftWrapKind | undefined): GiftWrapKind | undefined {
    return chooseReplyWrap(this.#options.modes, asked, this.#takesEphemeral);
  }

  #report(error: unknown): void {
    this.onerror?.(error instanceof Error ? error : new Error(String(error)));
  }
}

function closedError(peer: string): SessionError {
  return new SessionError("CLOSED", `the session of the client ${peer} has ended`);
}
