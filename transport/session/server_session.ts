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
import { SessionError } from "../../errors.ts";
import type { Memory } from "../transfer/limits.ts";
import type { OpenStream } from "../transfer/open_stream.ts";
import { Transfers } from "../transfer/transfers.ts";
import type {
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  RequestId,
} from "../types.ts";
import { type Frame, frameOf, OPEN_STREAM, OVERSIZED_TRANSFER } from "../wire/frames.ts";
import {
  cancelledRequestOf,
  errorResponse,
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
import { hasSupportFlag, type Tags } from "../wire/tags.ts";
import { ClientFeatures } from "./_client_features.ts";
import { Delivery } from "./_delivery.ts";
import { Correspondent } from "./_correspondent.ts";
import { withIdentity, withoutClaims } from "./_client_identity.ts";
import type { KeptAnswers } from "./_kept_answers.ts";
import { missingCapability, Questions } from "./_questions.ts";
import { RequestsInFlight, type RequestTotal } from "./_requests_in_flight.ts";
import { undeliverable } from "./_undeliverable.ts";
import type { Inbound } from "./inbox.ts";
import { eventWeight } from "../wire/event_size.ts";
import { RateLimiter, type SessionLimits } from "./limits.ts";
import type { Features, Modes } from "./modes.ts";
import type { RequestWatch } from "./observer.ts";
import type { Outbox } from "./outbox.ts";
import { decorateResponse, type ResultDecorator } from "./result_decorator.ts";
import type { RequestContext, Session } from "./session.ts";

const logger = getLogger(["cvm", "transport"]);

/** Options of a {@linkcode ServerSession}. */
export interface ServerSessionOptions {
  /** Unique among the sessions of a listener. */
  readonly sessionId: string;
  /** Sends for the server's key. */
  readonly outbox: Outbox;
  /** The server's modes. */
  readonly modes: Modes;
  /** What the server can do beside plain exchange. */
  readonly features: Features;
  /** The bounds. */
  readonly limits: SessionLimits;
  /** What the server says of itself with its first message (CEP-35). */
  readonly serverTags: Tags;
  /** Tells this process of the server from those before and after it. */
  readonly process: string;
  /** Adds to results before they are sent. */
  readonly decorateResult?: ResultDecorator;
  /** Whether requests say in their `_meta` who made them (CEP-16). */
  readonly injectClientPubkey: boolean;
  /** The memory for parts of messages and for streams, of all clients. */
  readonly budget: Memory;
  /** The last answers to all clients. */
  readonly keptAnswers: KeptAnswers;
  /** The requests in flight of all clients. */
  readonly total: RequestTotal;
  /** Takes a message that came in parts and is whole, to be let in like any other (faults F02). */
  readonly onAssembled: (inbound: Inbound) => void;
  /** Who is told of requests. */
  readonly watch: RequestWatch;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Called once, when the session has ended. */
  readonly onEnded: () => void;
}

/** The session that a listener hands out. */
export class ServerSession implements Session {
  readonly peer: string;
  readonly sessionId: string;
  readonly encrypted: boolean;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #options: ServerSessionOptions;
  readonly #client: ClientFeatures;
  readonly #to: Correspondent;
  readonly #ended = new AbortController();
  readonly #inFlight: RequestsInFlight;
  readonly #questions: Questions;
  readonly #rate: RateLimiter;
  readonly #refusals: RateLimiter;
  readonly #transfers: Transfers<Inbound>;
  readonly #delivery: Delivery;
  #draining = false;
  /** Whether another session has taken the place of this one. */
  #replaced = false;
  #usedAt: number;

  /**
   * @param first The message that opened the session; it is not delivered by the constructor.
   * @param options Where answers go, and the bounds.
   */
  constructor(first: Inbound, options: ServerSessionOptions) {
    const { sessionId, limits, budget, now } = options;
    this.#options = options;
    this.peer = first.event.pubkey;
    this.sessionId = sessionId;
    this.encrypted = first.wrapKind !== undefined;
    this.#client = new ClientFeatures(first);
    this.#to = new Correspondent({ ...options, peer: this.peer, client: this.#client });
    this.#usedAt = now();
    this.#rate = new RateLimiter(limits.maxMessagesPerSecond, now());
    this.#inFlight = new RequestsInFlight(options.total);
    this.#refusals = new RateLimiter(limits.maxRefusalsPerSecond, now());
    this.#delivery = new Delivery({
      max: limits.maxQueued,
      handOn: (message) => this.onmessage?.(message),
      onError: (error) => this.#report(error),
    });
    this.#questions = new Questions(
      limits.maxInFlight,
      (message) => this.#to.post(message, { tags: this.#to.introduction() }),
    );
    this.#transfers = new Transfers({
      limits,
      budget,
      weigh: ({ event }) => eventWeight(event),
      onMessage: (message, last) => options.onAssembled({ ...last, message }),
      onFailed: () => this.#settleDrain(),
      reply: (frame, { wrapKind }) => {
        this.#to.post(frame, { tags: this.#to.introduction(), asked: wrapKind })
          .catch((error) => this.#report(error));
      },
    });
  }

  get clientTags(): Tags {
    return this.#client.tags;
  }

  get initializeParams(): Readonly<Record<string, unknown>> | undefined {
    return this.#client.initializeParams;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** When the client was last heard of, in milliseconds. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /** Whether nothing is under way: no request of the client, no question of ours, no message in parts. */
  get idle(): boolean {
    return this.#inFlight.size === 0 && this.#questions.size === 0 && this.#transfers.idle;
  }

  /** Whether a message belongs to something that is under way here: a question of ours, a request of the client's, a message in parts. */
  expects(message: JsonRpcMessage): boolean {
    const frame = frameOf(message);
    if (frame !== undefined) {
      return this.#transfers.expects(frame) || this.#inFlight.withToken(frame.token) !== undefined;
    }
    if (isResponse(message)) return message.id !== undefined && this.#questions.has(message.id);
    const cancelled = cancelledRequestOf(message);
    return cancelled !== undefined && this.#inFlight.withId(cancelled) !== undefined;
  }

  contextOf(requestId: RequestId): RequestContext | undefined {
    const request = this.#inFlight.get(requestId);
    return request && this.#context(request.eventId);
  }

  openStream(requestId: RequestId): OpenStream {
    const request = this.#inFlight.get(requestId);
    if (request === undefined) {
      throw new SessionError("STREAM_UNAVAILABLE", "the request is not in flight");
    }
    return request.stream ??= this.#to.openStream(request);
  }

  /** Starts to deliver messages, first those that have been waiting. */
  start(): Promise<void> {
    this.#delivery.start();
    return Promise.resolve();
  }

  /**
   * Takes a message from the client. Called by the listener, with what has
   * passed verification and access control.
   */
  receive(inbound: Inbound): void {
    const { event, message, wrapKind } = inbound;
    if (this.#ended.signal.aborted) return;
    const { now, limits, total } = this.#options;
    this.#usedAt = now();
    this.#to.heard(wrapKind);
    this.#client.learn(inbound);
    const frame = frameOf(message);
    // Frames of a transfer that was let in are bounded by its size.
    const isFree = frame?.profile === OVERSIZED_TRANSFER && this.#transfers.expects(frame);
    const isTooFast = !isFree && !this.#rate.take(this.#usedAt);
    const refusal = isTooFast
      ? `more than ${limits.maxMessagesPerSecond} messages a second`
      : isRequest(message) && this.#isFull
      ? `more than ${limits.maxInFlight} requests at the same time`
      : isRequest(message) && total.count >= limits.maxTotalInFlight
      ? `more than ${limits.maxTotalInFlight} requests of all clients at the same time`
      : undefined;
    if (refusal !== undefined) {
      if (isRequest(message)) this.#options.watch.refused(this.peer, message);
      const isAnswered = !isTooFast || this.#refusals.take(this.#usedAt);
      if (isRequest(message) && isAnswered) this.#refuse(event.id, message, wrapKind, refusal);
      return;
    }
    if (frame !== undefined) this.#receiveFrame(frame, inbound);
    else if (isRequest(message)) this.#receiveRequest(event.id, message, wrapKind);
    else if (isNotification(message)) this.#receiveNotification(message);
    else this.#receiveAnswer(message);
    this.#settleDrain();
  }

  /**
   * Sends a message to the client. An answer that does not fit an event leaves
   * in parts (CEP-22), where the client takes that; where it does not, it is
   * told so.
   *
   * @throws {SessionError} CLOSED after the end; MESSAGE_TOO_LARGE when a message that is no answer does not fit an event.
   * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took it.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    if (this.#ended.signal.aborted) throw closedError(this.peer);
    try {
      if (isResponse(message)) await this.#sendResponse(message);
      else if (isRequest(message)) await this.#sendRequest(message);
      else await this.#sendNotification(message);
    } finally {
      this.#settleDrain();
    }
  }

  /** Ends the session. Answers that are still under way are not sent any more. */
  close(): Promise<void> {
    if (!this.#ended.signal.aborted) {
      const reason = closedError(this.peer);
      this.#ended.abort(reason);
      this.#transfers.close(reason);
      this.#delivery.clear();
      this.#inFlight.clear((stream) => stream.end(reason));
      this.#questions.clear();
      try {
        this.#options.onEnded();
      } finally {
        this.onclose?.();
      }
    }
    return Promise.resolve();
  }

  /** Lets what is in flight come to its end, then closes; `replaced` when new messages belong to another session. */
  drain({ replaced = false }: { readonly replaced?: boolean } = {}): void {
    this.#draining = true;
    this.#replaced ||= replaced;
    this.#settleDrain();
  }

  /** Answers what is in flight with an error, for a server that can't wait any longer. */
  async abandon(reason: string): Promise<void> {
    await Promise.allSettled(
      this.#inFlight.unanswered.map(({ eventId }) =>
        this.#sendResponse(errorResponse(eventId, SERVER_ERROR, reason))
      ),
    );
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
    const { id, method } = request;
    if (method === "initialize") this.#client.initialize(request.params ?? {});
    const progressToken = progressTokenOf(request);
    const watched = this.#options.watch.begin(this.peer, request);
    this.#inFlight.add({ eventId, id, method, progressToken, wrapKind, watched });
    const isQuiet = progressToken !== undefined && isTransferToken(progressToken);
    const heard = withoutClaims(isQuiet ? withProgressToken(request, undefined) : request);
    const known = this.#options.injectClientPubkey
      ? withIdentity(heard, this.#context(eventId))
      : heard;
    this.#deliver(withIds(known, eventId, eventId));
  }

  #context(requestEventId: string): RequestContext {
    return { clientPubkey: this.peer, requestEventId, encrypted: this.encrypted };
  }

  #receiveNotification(notification: JsonRpcNotification): void {
    const cancelled = cancelledRequestOf(notification);
    if (cancelled === undefined) return this.#deliver(withoutClaims(notification));
    const request = this.#inFlight.withId(cancelled);
    if (request === undefined) {
      // The request may have come in parts and be whole, but not be here yet.
      this.#transfers.verifying?.then(() => {
        if (this.#inFlight.withId(cancelled) !== undefined) this.#receiveNotification(notification);
      });
      return;
    }
    // MCP: who is told to cancel does not answer. A server that answers all the same finds nobody to answer to.
    const { answer, stream, eventId } = request;
    const reason = new SessionError("CLOSED", "the request was cancelled");
    void stream?.abort(reason.message, reason);
    request.watched?.end("cancelled");
    this.#inFlight.delete(request);
    if (answer === undefined) {
      this.#deliver({ ...notification, params: { ...notification.params, requestId: eventId } });
    } else if (answer !== "sent") answer.cancel(reason);
  }

  #receiveAnswer(answer: JsonRpcResponse): void {
    const id = answer.id === undefined ? undefined : this.#questions.take(answer.id);
    if (id !== undefined) this.#deliver({ ...answer, id });
  }

  #receiveFrame(frame: Frame, inbound: Inbound): void {
    const wantsAccept = hasSupportFlag(inbound.event.tags) || !this.#to.hasIntroduced;
    const { oversizedTransfer = true } = this.#options.features;
    if (frame.profile === OVERSIZED_TRANSFER && oversizedTransfer) {
      this.#transfers.receive(frame, inbound, { wantsAccept });
    } else if (frame.profile === OPEN_STREAM) {
      const request = this.#inFlight.withToken(frame.token);
      if (request === undefined || !this.#to.canStream(request)) return;
      request.stream ??= this.#to.openStream(request);
      request.stream.receive(frame, { wantsAccept });
    }
  }

  #deliver(message: JsonRpcMessage): void {
    if (this.#delivery.take(message) || !isRequest(message)) return;
    const waiting = this.#inFlight.get(message.id);
    if (waiting === undefined) return;
    waiting.watched?.end("refused");
    this.#inFlight.delete(waiting);
    const { eventId, id, wrapKind } = waiting;
    this.#refuse(eventId, { ...message, id }, wrapKind, "the server is not ready yet");
  }

  #refuse(
    eventId: string,
    request: JsonRpcRequest,
    asked: GiftWrapKind | undefined,
    reason: string,
  ): void {
    const answer = errorResponse(request.id, SERVER_ERROR, `Refused: ${reason}`);
    this.#to.post(answer, { tags: [["e", eventId]], asked }).catch((error) => this.#report(error));
  }

  /** A client that has an answer may ask again, before the relays have said that they took it. */
  get #isFull(): boolean {
    const { maxInFlight } = this.#options.limits;
    return this.#inFlight.waiting >= maxInFlight || this.#inFlight.size >= 2 * maxInFlight;
  }

  async #sendResponse(response: JsonRpcResponse): Promise<void> {
    const request = response.id === undefined ? undefined : this.#inFlight.get(response.id);
    if (request === undefined || request.answer !== undefined) {
      logger.debug("an answer to a request that is not in flight any more was dropped");
      return;
    }
    const { eventId, id, method, wrapKind: asked } = request;
    const transfer = this.#to.answerInParts(request);
    this.#inFlight.answer(request, transfer ?? "sent");
    request.watched?.answer(response);
    try {
      const decorated = decorateResponse(response, method, this.#options.decorateResult);
      await request.stream?.settle("error" in response || response.result.isError === true);
      if (this.#inFlight.get(eventId) === undefined) return; // cancelled meanwhile
      const tags: Tags = [["e", eventId], ...this.#to.introduction(method), ...decorated.tags];
      const way = { tags, asked, transfer, answers: eventId };
      const send = () => this.#to.post({ ...decorated.response, id }, way);
      await (transfer === undefined ? send() : this.#transfers.during(transfer, send));
    } catch (error) {
      request.watched?.end("lost");
      if (this.#inFlight.get(eventId) === undefined) return; // cancelled meanwhile, or the session has ended
      const refusal = undeliverable(id, error, { inParts: transfer !== undefined });
      if (refusal === undefined) throw error;
      await this.#to.post(refusal, { tags: [["e", eventId]], asked });
      this.#report(error);
    } finally {
      this.#inFlight.delete(request);
    }
  }

  async #sendNotification(notification: JsonRpcNotification): Promise<void> {
    const withdrawn = cancelledRequestOf(notification);
    if (withdrawn !== undefined) {
      await this.#questions.withdraw(withdrawn, notification);
      return;
    }
    const token = progressOf(notification);
    if (token === undefined) {
      if (!this.#replaced) await this.#to.post(notification, { tags: this.#to.introduction() });
      return;
    }
    const request = this.#inFlight.get(token);
    if (request?.progressToken === undefined) return; // answered, cancelled, or never asked for
    const { eventId, progressToken, wrapKind: asked } = request;
    const params = { ...notification.params, progressToken };
    const tags: Tags = [["e", eventId], ...this.#to.introduction()];
    await this.#to.post({ ...notification, params }, { tags, asked });
  }

  async #sendRequest(request: JsonRpcRequest): Promise<void> {
    const missing = missingCapability(request, this.initializeParams);
    if (missing !== undefined) {
      queueMicrotask(() => this.#delivery.handOn(missing));
      return;
    }
    await this.#questions.ask(request);
  }

  #report(error: unknown): void {
    this.onerror?.(error instanceof Error ? error : new Error(String(error)));
  }
}

function closedError(peer: string): SessionError {
  return new SessionError("CLOSED", `the session of the client ${peer} has ended`);
}
