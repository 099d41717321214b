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
import { CvmError, type ErrorCode, SessionError } from "../../errors.ts";
import type { ByteBudget } from "../transfer/limits.ts";
import { OutgoingTransfer } from "../transfer/outgoing_transfer.ts";
import { Transfers } from "../transfer/transfers.ts";
import type {
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  ProgressToken,
  RequestId,
  Transport,
} from "../types.ts";
import { type Frame, frameOf, OVERSIZED_TRANSFER } from "../wire/frames.ts";
import {
  cancelledRequestOf,
  errorResponse,
  INTERNAL_ERROR,
  isNotification,
  isRequest,
  isResponse,
  isTransferToken,
  progressOf,
  progressTokenOf,
  SERVER_ERROR,
  withIds,
  withProgressToken,
} from "../wire/message.ts";
import { EPHEMERAL_GIFT_WRAP_KIND } from "../wire/kinds.ts";
import {
  discoveryTags,
  hasFlag,
  hasSupportFlag,
  SUPPORT_ENCRYPTION_EPHEMERAL,
  SUPPORT_OVERSIZED_TRANSFER,
  type Tags,
} from "../wire/tags.ts";
import type { Inbound } from "./inbox.ts";
import { RateLimiter, type SessionLimits } from "./limits.ts";
import { chooseReplyWrap, type Modes } from "./modes.ts";
import { missingCapability, Questions } from "./_questions.ts";
import type { Envelope, Outbox } from "./outbox.ts";

const logger = getLogger(["cvm", "transport"]);

/** Why an answer can't be delivered although a smaller one may: the caller is told in its place. */
const NOT_DELIVERABLE: ReadonlySet<ErrorCode> = new Set([
  "MESSAGE_TOO_LARGE",
  "TRANSFER_FAILED",
  "PUBLISH_REFUSED",
  "PUBLISH_TIMEOUT",
]);

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
  /** What messages in parts need (CEP-22); absent when they are switched off. */
  readonly transfers?: SessionTransfers;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Called once, when the session has ended. */
  readonly onEnded: () => void;
}

/** What messages in parts need of the listener. */
export interface SessionTransfers {
  /** The memory for the parts of all clients. */
  readonly budget: ByteBudget;
  /** Takes a message that is whole, to be let in like any other (faults F02). */
  readonly onMessage: (inbound: Inbound) => void;
}

interface InFlight {
  readonly id: RequestId;
  readonly progressToken: ProgressToken | undefined;
  readonly wrapKind: GiftWrapKind | undefined;
  /** Set once the server has answered and the answer is on its way. */
  answer?: OutgoingTransfer | "sent";
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
  readonly #questions: Questions;
  readonly #rate: RateLimiter;
  readonly #transfers: Transfers<Inbound> | undefined;
  readonly #queue: JsonRpcMessage[] = [];
  #initializeParams: Readonly<Record<string, unknown>> | undefined;
  #takesEphemeral = false;
  #takesTransfers = false;
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
    const { transfers, limits } = options;
    this.#questions = new Questions(limits.maxInFlight);
    this.#transfers = transfers && new Transfers({
      limits,
      budget: transfers.budget,
      onMessage: (message, last) => this.#guard(() => transfers.onMessage({ ...last, message })),
      reply: (frame, { wrapKind }) => {
        const tags = this.#introduction();
        this.#post(frame, tags, wrapKind).catch((error) => this.#report(error));
      },
    });
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
    return this.#inFlight.size === 0 && this.#questions.size === 0 &&
      (this.#transfers?.idle ?? true);
  }

  /** Whether a message belongs to something that is under way here: a question of ours, a request of the client's, a message in parts. */
  expects(message: JsonRpcMessage): boolean {
    const frame = frameOf(message);
    if (frame !== undefined) return this.#transfers?.expects(frame) ?? false;
    if (isResponse(message)) return message.id !== undefined && this.#questions.has(message.id);
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
  receive(inbound: Inbound): void {
    const { event, message, wrapKind } = inbound;
    if (this.#ended.signal.aborted) return;
    const { now, limits } = this.#options;
    this.#usedAt = now();
    this.#lastWrap = wrapKind;
    if (
      wrapKind === EPHEMERAL_GIFT_WRAP_KIND || hasFlag(event.tags, SUPPORT_ENCRYPTION_EPHEMERAL)
    ) {
      this.#takesEphemeral = true;
    }
    if (hasFlag(event.tags, SUPPORT_OVERSIZED_TRANSFER)) this.#takesTransfers = true;
    const frame = frameOf(message);
    // Frames of a transfer that was let in are bounded by its size.
    if (frame !== undefined && this.#transfers?.expects(frame)) {
      return this.#receiveFrame(frame, inbound);
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
    if (frame !== undefined) this.#receiveFrame(frame, inbound);
    else if (isRequest(message)) this.#receiveRequest(event.id, message, wrapKind);
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
      this.#transfers?.close(closedError(this.peer));
      this.#queue.length = 0;
      this.#inFlight.clear();
      this.#questions.clear();
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
    this.#inFlight.set(eventId, { id: request.id, progressToken, wrapKind });
    const isQuiet = progressToken !== undefined && isTransferToken(progressToken);
    const delivered = isQuiet ? withProgressToken(request, undefined) : request;
    this.#deliver(withIds(delivered, eventId, eventId));
  }

  #receiveNotification(notification: JsonRpcNotification): void {
    const cancelled = cancelledRequestOf(notification);
    if (cancelled === undefined) return this.#deliver(notification);
    const eventId = this.#internalId(cancelled);
    if (eventId === undefined) {
      // The request may have come in parts and be whole, but not be here yet.
      this.#transfers?.verifying?.then(() => {
        if (this.#internalId(cancelled) !== undefined) this.#receiveNotification(notification);
      });
      return;
    }
    const answer = this.#inFlight.get(eventId)?.answer;
    if (answer !== undefined) {
      this.#inFlight.delete(eventId);
      if (answer !== "sent") answer.cancel(new SessionError("CLOSED", "the request was cancelled"));
      return;
    }
    // MCP: who is told to cancel does not answer. A server that answers all the same finds nobody to answer to.
    this.#inFlight.delete(eventId);
    this.#deliver({ ...notification, params: { ...notification.params, requestId: eventId } });
  }

  #receiveAnswer(answer: JsonRpcResponse): void {
    const id = answer.id === undefined ? undefined : this.#questions.take(answer.id);
    if (id !== undefined) this.#deliver({ ...answer, id });
  }

  #receiveFrame(frame: Frame, inbound: Inbound): void {
    if (frame.profile !== OVERSIZED_TRANSFER || this.#transfers === undefined) {
      logger.debug("a frame of {profile} was dropped", { profile: frame.profile });
      return;
    }
    const { tags } = inbound.event;
    this.#transfers.receive(frame, inbound, {
      wantsAccept: hasSupportFlag(tags) || !this.#introduced,
    });
    this.#settleDrain();
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
    this.#post(answer, [["e", eventId]], wrapKind).catch((error) => this.#report(error));
  }

  async #sendResponse(response: JsonRpcResponse): Promise<void> {
    const eventId = String(response.id);
    const request = this.#inFlight.get(eventId);
    if (request === undefined || request.answer !== undefined) {
      logger.debug("an answer to a request that is not in flight any more was dropped");
      return;
    }
    const transfer = this.#answerInParts(request);
    request.answer = transfer ?? "sent";
    const tags: Tags = [["e", eventId], ...this.#introduction()];
    try {
      await this.#post({ ...response, id: request.id }, tags, request.wrapKind, transfer);
    } catch (error) {
      if (!this.#inFlight.has(eventId)) return; // cancelled meanwhile, or the session has ended
      if (!(error instanceof CvmError) || !NOT_DELIVERABLE.has(error.code)) throw error;
      const refusal = errorResponse(request.id, INTERNAL_ERROR, undeliverable(error, transfer));
      await this.#post(refusal, [["e", eventId]], request.wrapKind);
      this.#report(error);
    } finally {
      this.#inFlight.delete(eventId);
    }
  }

  /** How the answer to a request leaves should it be too large for one event; `undefined` when it can't. */
  #answerInParts({ progressToken }: InFlight): OutgoingTransfer | undefined {
    if (this.#transfers === undefined || progressToken === undefined) return undefined;
    // Who has introduced itself and not said that it takes transfers does not.
    const isKnown = this.#initializeParams !== undefined || hasSupportFlag(this.clientTags);
    if (isKnown && !this.#takesTransfers) return undefined;
    return new OutgoingTransfer({
      token: String(progressToken),
      isWelcome: this.#takesTransfers,
      limits: this.#options.limits,
    });
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
    const missing = missingCapability(request, this.#initializeParams);
    if (missing !== undefined) {
      queueMicrotask(() => this.onmessage?.(missing));
      return;
    }
    const id = this.#questions.add(request.id);
    try {
      await this.#post({ ...request, id }, this.#introduction());
    } catch (error) {
      this.#questions.take(id);
      throw error;
    }
  }

  async #withdraw(notification: JsonRpcNotification, withdrawn: RequestId): Promise<void> {
    for (const requestId of this.#questions.withdraw(withdrawn)) {
      const params = { ...notification.params, requestId };
      await this.#post({ ...notification, params }, this.#introduction());
    }
  }

  /** Sends a message; `asked` is the gift wrap of the one that it answers. */
  async #post(
    message: JsonRpcMessage,
    tags: Tags,
    asked = this.#lastWrap,
    transfer?: OutgoingTransfer,
  ): Promise<void> {
    const { outbox, serverTags } = this.#options;
    const envelope: Envelope = {
      recipient: this.peer,
      tags,
      // A client that may not know that we take transfers is told, so as to accept this one.
      startTags: this.#takesTransfers ? tags : [...tags.filter(([n]) => n === "e"), ...serverTags],
      wrapKind: this.#replyWrap(asked),
      transfer,
    };
    const send = () => outbox.send(message, envelope);
    await (transfer === undefined ? send() : this.#transfers?.during(transfer, send));
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

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    this.onerror?.(error instanceof Error ? error : new Error(String(error)));
  }
}

function undeliverable(error: CvmError, transfer: OutgoingTransfer | undefined): string {
  const hint = transfer === undefined
    ? "; in parts (CEP-22) it can go only to a client that says it takes them and sends a progress token"
    : "";
  return `The answer could not be delivered: ${error.message}${hint}`;
}

function closedError(peer: string): SessionError {
  return new SessionError("CLOSED", `the session of the client ${peer} has ended`);
}
