/**
 * What goes between a client and its server: requests and their answers,
 * questions, notifications, messages in parts, streams.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { NostrEvent } from "../../crypto/event.ts";
import { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND } from "../../crypto/gift_wrap.ts";
import { SessionError } from "../../errors.ts";
import type { RelayStatus } from "../relay/status.ts";
import type { Inbound } from "../session/inbox.ts";
import type { SessionLimits } from "../session/limits.ts";
import { featureTags, type Modes, supportTags } from "../session/modes.ts";
import type { Envelope, Outbox } from "../session/outbox.ts";
import { MAX_TIMER_MS } from "../transfer/limits.ts";
import type { JsonRpcMessage, JsonRpcRequest, RequestId } from "../types.ts";
import { type Frame, frameOf, OPEN_STREAM, OVERSIZED_TRANSFER } from "../wire/frames.ts";
import {
  cancelledRequestOf,
  errorResponse,
  INTERNAL_ERROR,
  isNotification,
  isRequest,
  isResponse,
  progressOf,
  progressTokenOf,
  REQUEST_TIMEOUT,
  withProgressToken,
} from "../wire/message.ts";
import { hasSupportFlag, type Tags, tagValue } from "../wire/tags.ts";
import type { Acquaintance } from "./_acquaintance.ts";
import { ClientCall, type StreamCall, type StreamCallOptions } from "./_call.ts";
import { diagnoseSilence } from "./_diagnosis.ts";
import { type Pending, PendingRequests } from "./_pending.ts";
import { Retelling } from "./_retelling.ts";
import { ClientStreams } from "./_streams.ts";
import { ClientTransfers } from "./_transfers.ts";
import type { WrapChoice } from "./_wrap_choice.ts";
import type { NostrClientTransportOptions } from "./options.ts";

const logger = getLogger(["cvm", "transport"]);

/** After so many milliseconds without an answer, an unknown server gets the first message in the other gift wrap too. */
const OTHER_WRAP_AFTER_MS = 1_500;
/** How long the server may take to say which process it is, milliseconds. */
const PING_TIMEOUT_MS = 5_000;
/** Requests of the server whose answers are remembered to be addressed. */
const MAX_QUESTIONS = 1_000;

/** What an {@linkcode Exchange} works with. */
export interface ExchangeParts {
  /** The transport's options. */
  readonly options: NostrClientTransportOptions;
  /** The server's public key, hex. */
  readonly server: string;
  /** The modes, checked. */
  readonly modes: Modes;
  /** The bounds, complete. */
  readonly limits: SessionLimits;
  /** Makes tokens that no other client of the server makes. */
  readonly salt: string;
  /** What is known of the server. */
  readonly acquaintance: Acquaintance;
  /** How messages leave. */
  readonly wraps: WrapChoice;
  /** The way out; throws when the transport is not open. */
  readonly outbox: () => Outbox;
  /** The state of the relays, for diagnoses. */
  readonly relays: () => readonly RelayStatus[];
  /** Takes what is for the MCP client above. */
  readonly deliver: (message: JsonRpcMessage) => void;
  /** Told of faults that are nobody's answer. */
  readonly onError: (error: Error) => void;
}

/** The exchange between a client and its server. */
export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #pending = new PendingRequests();
  /** `undefined` when messages in parts are switched off. */
  readonly #transfers: ClientTransfers | undefined;
  readonly #streams: ClientStreams;
  /** Requests of the server, and the events they came in. */
  readonly #questions = new Map<RequestId, string>();
  /** Requests that are not signed yet, by their ids: one that is cancelled does not leave. */
  readonly #departing = new Map<RequestId, AbortController>();
  #initialize: JsonRpcRequest | undefined;
  #calls = 0;

  /** @param parts What it works with. */
  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    const { options, limits, salt, deliver, acquaintance } = parts;
    this.#transfers = options.oversizedTransfer === false ? undefined : new ClientTransfers({
      limits,
      pending: this.#pending,
      salt,
      reply: (frame, { event }) =>
        this.#sendBeside(frame, [["e", tagValue(event.tags, "e") ?? event.id]]),
      onAnswer: (answer, pending) => this.#answer(answer, pending),
      onFailed: (pending, error) => this.#fail(pending, error, INTERNAL_ERROR),
      onProgress: deliver,
    });
    this.#streams = new ClientStreams({
      limits,
      isWelcome: () => acquaintance.takesStreams,
      chunkBytes: (token) => parts.outbox().chunkBytes(OPEN_STREAM, token, this.#envelope([])),
      send: (frame, frameType) => this.#sendFrame(frame, frameType),
      onProgress: deliver,
    });
  }

  /** Sends a message of the MCP client above. */
  async send(message: JsonRpcMessage): Promise<void> {
    if (isRequest(message)) await this.#sendRequest(message);
    else await this.#sendOther(message);
  }

  /** Makes a call of the transport's own, with a stream beside it. */
  call(method: string, params: JsonRpcRequest["params"], options: StreamCallOptions): StreamCall {
    const { salt, outbox } = this.#parts;
    outbox(); // throws now, and not later, when the transport is not open
    const id = `cvm-call-${++this.#calls}`;
    const token = `cvm-stream-${salt}-${this.#calls}`;
    const call = new ClientCall({
      ...options,
      method,
      stream: this.#streams.open(token),
      onCancel: (reason, error) => this.#cancelCall(id, { reason, error }),
    });
    const request = withProgressToken({ jsonrpc: "2.0", id, method, params }, token);
    if (!call.isOver) this.#sendRequest(request, call).catch((error) => call.fail(error));
    return call;
  }

  /** Takes a message of the server, verified. */
  receive(inbound: Inbound): void {
    const { event, message, wrapKind } = inbound;
    // Who was spoken to in gift wraps must not answer in plain text (faults F04).
    if (wrapKind === undefined && this.#parts.wraps.hasEncrypted) return;
    const frame = frameOf(message);
    const pending = this.#pending.get(tagValue(event.tags, "e"));
    if (!this.#isExpected(inbound, frame, pending)) return;
    this.#parts.wraps.learn(event.tags, wrapKind);
    if (this.#parts.acquaintance.learn(event.tags, pending?.method)) this.#introduceAgain();
    this.#pending.stopTimers();
    pending?.onArrived();
    if (frame !== undefined) this.#receiveFrame(frame, inbound, pending);
    else if (isResponse(message)) this.#answer(message, pending);
    else this.#deliver(message, event, pending);
  }

  /**
   * What is known of the server has changed while requests are under way that
   * it has not answered: they go out once more as they should have, or fail
   * when they can't be answered.
   */
  reconsider(): void {
    const { wraps, acquaintance } = this.#parts;
    if (acquaintance.hasMet) return;
    for (const pending of this.#pending.all) {
      const { event, wrapKind } = pending.left;
      if (wraps.mismatch !== undefined) this.#fail(pending, wraps.mismatch, INTERNAL_ERROR);
      else if (wrapKind !== wraps.current) this.#publishAgain(event, wraps.current);
    }
  }

  /** Asks again, after an outage of a relay, what was asked meanwhile; until the stream of states ends. */
  async followRelays(statuses: AsyncIterable<RelayStatus>): Promise<void> {
    const retelling = new Retelling({
      pending: () => this.#pending.all,
      publish: (event) => this.#publishAgain(event, this.#parts.wraps.current),
      serverProcess: () => this.#askProcess(),
    });
    await retelling.follow(statuses);
  }

  /** Which process the server is now, where it says so; `undefined`, too, when it is not there. */
  async #askProcess(): Promise<string | undefined> {
    try {
      await this.call("ping", undefined, { timeoutMs: PING_TIMEOUT_MS }).result;
      return this.#parts.acquaintance.process;
    } catch (error) {
      logger.debug("a ping was not answered: {error}", { error });
      return undefined;
    }
  }

  /** Ends everything. */
  close(reason: SessionError): void {
    for (const departure of this.#departing.values()) departure.abort(reason);
    this.#pending.clear(reason);
    this.#transfers?.close(reason);
  }

  /** False for what refers to a request that nobody waits for any more, or to another one than it should. */
  #isExpected(
    { event, message }: Inbound,
    frame: Frame | undefined,
    pending: Pending | undefined,
  ): boolean {
    if (frame !== undefined && pending !== undefined) return pending.token === frame.token;
    if (frame !== undefined && tagValue(event.tags, "e") !== undefined) {
      // Another program with our key may use the same token.
      return this.#transfers?.answers(frame) === true;
    }
    if (frame !== undefined) {
      return this.#transfers?.expects(frame) === true ||
        this.#pending.withToken(frame.token).length > 0 ||
        this.#pending.overtakenStream(frame.token) !== undefined;
    }
    if (isRequest(message) || pending !== undefined) return true;
    return !isResponse(message) && tagValue(event.tags, "e") === undefined;
  }

  #receiveFrame(frame: Frame, inbound: Inbound, pending: Pending | undefined): void {
    if (frame.profile === OVERSIZED_TRANSFER) {
      this.#transfers?.receive(frame, inbound);
      pending?.call?.touch();
      return;
    }
    // Frames of streams do not refer to the request's event: its token has to do.
    const streaming = pending ?? this.#pending.withToken(frame.token).at(-1);
    const wantsAccept = hasSupportFlag(inbound.event.tags);
    if (streaming === undefined) {
      this.#pending.overtakenStream(frame.token)?.receive(frame, { wantsAccept });
    } else if (this.#parts.options.openStream !== false) {
      this.#streams.receive(frame, streaming, { wantsAccept });
    }
  }

  async #sendFrame(frame: JsonRpcMessage, frameType: string): Promise<void> {
    // A server that may not know that we stream is told, so as to accept this one.
    const introduces = frameType === "start" && !this.#parts.acquaintance.takesStreams;
    await this.#post(frame, introduces ? this.#introduction() : []);
  }

  #answer(message: JsonRpcMessage, pending: Pending | undefined): void {
    if (!isResponse(message) || pending === undefined) return;
    const { token, stream } = pending;
    if ("result" in message && token !== undefined && stream === undefined) {
      this.#parts.acquaintance.noteAnsweredToken();
    }
    this.#pending.settle(pending);
    pending.onArrived();
    if (pending.call !== undefined) pending.call.settle(message);
    else this.#parts.deliver({ ...message, id: pending.id });
  }

  /** Hands on a request or a notification of the server. */
  #deliver(message: JsonRpcMessage, event: NostrEvent, pending: Pending | undefined): void {
    if (isRequest(message)) this.#rememberQuestion(message.id, event.id);
    if (pending !== undefined && isNotification(message) && progressOf(message) !== undefined) {
      pending.call?.touch();
      if (pending.call !== undefined) return pending.call.report(message.params ?? {});
      if (pending.callersToken === undefined) return; // nobody asked to be told
      const { progress } = message.params ?? {};
      if (typeof progress === "number") pending.progress = Math.max(pending.progress, progress);
    }
    this.#parts.deliver(message);
  }

  #rememberQuestion(id: RequestId, eventId: string): void {
    this.#questions.set(id, eventId);
    if (this.#questions.size <= MAX_QUESTIONS) return;
    const oldest = this.#questions.keys().next();
    if (!oldest.done) this.#questions.delete(oldest.value);
  }

  /** Tells a server that has lost our session what this client can do; the MCP client above notices nothing. */
  #introduceAgain(): void {
    this.#parts.acquaintance.noteIntroduction(false);
    const request = this.#initialize;
    if (this.#parts.options.stateless || request === undefined) return;
    this.#parts.acquaintance.noteIntroduction(true);
    const initialized = { jsonrpc: "2.0", method: "notifications/initialized" } as const;
    this.#sendBeside(
      request,
      this.#introduction(),
      () => this.#parts.acquaintance.noteIntroduction(false),
    );
    this.#sendBeside(initialized, []);
  }

  /** Sends what nobody above has asked for, and nobody waits for. */
  #sendBeside(message: JsonRpcMessage, tags: Tags, onFailed?: () => void): void {
    this.#post(message, tags).catch((error) => {
      onFailed?.();
      logger.debug("a message beside the others could not be sent: {error}", { error });
    });
  }

  async #sendRequest(request: JsonRpcRequest, call?: ClientCall): Promise<void> {
    const outbox = this.#parts.outbox();
    if (this.#parts.wraps.mismatch !== undefined) throw this.#parts.wraps.mismatch;
    const { takesTransfers, takesTransferTokens, hasMet } = this.#parts.acquaintance;
    const opens = request.method === "initialize";
    if (opens) this.#initialize = request;
    const introduces = opens || !this.#parts.acquaintance.isIntroduced;
    this.#parts.acquaintance.noteIntroduction(true);
    const mayBeInParts = !opens && (takesTransferTokens ||
      (this.#parts.options.stateless === true && !hasMet && !takesTransfers));
    const sent = mayBeInParts ? this.#transfers?.withToken(request) ?? request : request;
    const introduction = this.#introduction();
    const arrived = Promise.withResolvers<void>();
    const departure = new AbortController();
    this.#departing.set(request.id, departure);
    let pending: Pending | undefined;
    const post = async (transfer: Envelope["transfer"]) => {
      const wrapKind = this.#parts.wraps.current;
      const { taken } = await outbox.post(sent, {
        ...this.#envelope(introduces ? introduction : []),
        startTags: introduces || !takesTransfers ? introduction : [],
        transfer,
        onSigned: (event) => {
          departure.signal.throwIfAborted();
          this.#departing.delete(request.id);
          const onArrived = () => {
            transfer?.arrived();
            arrived.resolve();
          };
          const left = { event, wrapKind, process: this.#parts.acquaintance.process };
          pending = this.#pending.add(left, { request, sent, onArrived, call });
          this.#watchForSilence(pending);
        },
      });
      await Promise.race([taken, arrived.promise]);
    };
    try {
      if (this.#transfers === undefined) await post(undefined);
      else {
        const onProgress = (share: number) => this.#reportDeparture(request, share / 2, call);
        const { signal } = departure;
        await this.#transfers.send(sent, { isWelcome: takesTransfers, signal, onProgress, post });
      }
    } catch (error) {
      if (introduces) this.#parts.acquaintance.noteIntroduction(false);
      if (pending !== undefined) this.#abandon(pending);
      throw error;
    } finally {
      if (this.#departing.get(request.id) === departure) this.#departing.delete(request.id);
    }
  }

  /** A request in parts gets on, which no soft timeout is to end. */
  #reportDeparture(request: JsonRpcRequest, progress: number, call: ClientCall | undefined): void {
    const progressToken = progressTokenOf(request);
    if (call !== undefined) call.touch();
    else if (progressToken !== undefined) {
      const params = { progressToken, progress };
      this.#parts.deliver({ jsonrpc: "2.0", method: "notifications/progress", params });
    }
  }

  /** What this client says of itself with its first message (CEP-35). */
  #introduction(): Tags {
    return [...supportTags(this.#parts.modes), ...featureTags(this.#parts.options)];
  }

  /** Sees to it that the silence of a server that was never heard is noticed. */
  #watchForSilence(pending: Pending): void {
    const { event, wrapKind: sent } = pending.left;
    if (this.#parts.acquaintance.hasMet) return;
    const { handshakeTimeoutMs = 15_000 } = this.#parts.options;
    const timeoutMs = Math.min(handshakeTimeoutMs, MAX_TIMER_MS);
    pending.timer = setTimeout(() => this.#giveUp(pending), timeoutMs);
    const other = sent === EPHEMERAL_GIFT_WRAP_KIND ? GIFT_WRAP_KIND : EPHEMERAL_GIFT_WRAP_KIND;
    if (sent === undefined || !this.#parts.wraps.isUnsure) return;
    pending.retryTimer = setTimeout(() => {
      this.#publishAgain(event, other);
    }, Math.min(OTHER_WRAP_AFTER_MS, handshakeTimeoutMs / 2));
  }

  /** The same signed event: whichever arrives first runs, the other is a copy. */
  #publishAgain(event: NostrEvent, wrapKind: Envelope["wrapKind"]): void {
    this.#parts.outbox().publish(event, this.#parts.server, wrapKind)
      .catch((error) => logger.debug("an event was not taken once more: {error}", { error }));
  }

  async #sendOther(message: JsonRpcMessage): Promise<void> {
    const tags: string[][] = [];
    if (isResponse(message) && message.id !== undefined) {
      const question = this.#questions.get(message.id);
      this.#questions.delete(message.id);
      if (question !== undefined) tags.push(["e", question]);
    }
    const tell = () => this.#post(message, tags);
    const cancelled = cancelledRequestOf(message);
    if (cancelled === undefined) return await tell();
    const reason = "the call was cancelled";
    await this.#cancel(cancelled, { reason, error: new SessionError("CLOSED", reason), tell });
  }

  async #post(message: JsonRpcMessage, tags: Tags): Promise<void> {
    await this.#parts.outbox().send(message, this.#envelope(tags));
  }

  #envelope(tags: Tags): Envelope {
    return { recipient: this.#parts.server, tags, wrapKind: this.#parts.wraps.current };
  }

  #cancelCall(id: RequestId, why: { readonly reason: string; readonly error: SessionError }): void {
    const params = { requestId: id, reason: why.reason };
    const message = { jsonrpc: "2.0", method: "notifications/cancelled", params } as const;
    void this.#cancel(id, { ...why, tell: () => this.#sendBeside(message, []) });
  }

  /**
   * Ends the wait for an answer, and tells the server, if the request has left. Its stream is told
   * apart: servers of `@contextvm/sdk` don't know which call is cancelled, would ask the stream for
   * signs of life, and after that throw away the session with all its calls.
   */
  async #cancel(
    id: RequestId,
    { reason, error, tell }: {
      readonly reason: string;
      readonly error: SessionError;
      readonly tell: () => void | Promise<void>;
    },
  ): Promise<void> {
    const waiting = this.#pending.withId(id);
    const departing = this.#departing.get(id);
    departing?.abort(new SessionError("CLOSED", "the request was cancelled"));
    const told = waiting.length > 0 || departing === undefined ? tell() : undefined;
    for (const pending of waiting) {
      void pending.stream?.abort(reason, error);
      this.#abandon(pending);
    }
    await told;
  }

  /** Nobody waits for an answer any more. */
  #abandon(pending: Pending): void {
    this.#pending.settle(pending);
    if (pending.token !== undefined) this.#transfers?.forget(pending.token);
  }

  /** The server has not said a word: an `initialize` fails with the likely reason, other requests go on waiting. */
  #giveUp(pending: Pending): void {
    const error = new SessionError(
      "SERVER_NOT_ANSWERING",
      diagnoseSilence({
        method: pending.method,
        timeoutMs: this.#parts.options.handshakeTimeoutMs ?? 15_000,
        modes: this.#parts.modes,
        announcement: this.#parts.acquaintance.announcement,
        relays: this.#parts.relays(),
      }),
    );
    if (pending.method === "initialize") this.#fail(pending, error, REQUEST_TIMEOUT);
    else this.#parts.onError(error);
  }

  /** Answers a request here, since the server's answer can't come any more. */
  #fail(pending: Pending, { code, message }: SessionError, rpcCode: number): void {
    this.#answer(errorResponse(pending.id, rpcCode, message, { code }), pending);
  }
}
