/**
 * MCP clients on Nostr: an MCP `Transport` to a server that is known by its
 * public key.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { NostrEvent } from "../crypto/event.ts";
import { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND } from "../crypto/gift_wrap.ts";
import { parseServerAddress } from "../crypto/keys.ts";
import { CvmError, SessionError } from "../errors.ts";
import { ClientCall, type StreamCall, type StreamCallOptions } from "./client/_call.ts";
import { Acquaintance } from "./client/_acquaintance.ts";
import { diagnoseSilence } from "./client/_diagnosis.ts";
import { type Pending, PendingRequests } from "./client/_pending.ts";
import { meetServer } from "./client/_relays.ts";
import { statelessInitializeResult } from "./client/_stateless.ts";
import { ClientStreams } from "./client/_streams.ts";
import { ClientTransfers } from "./client/_transfers.ts";
import { WrapChoice } from "./client/_wrap_choice.ts";
import type { NostrClientTransportOptions } from "./client/options.ts";
import { type Announcement, fetchAnnouncement } from "./discovery/announcement.ts";
import { RelayPool, type RelayPoolOptions } from "./relay/pool.ts";
import { type Inbound, Inbox } from "./session/inbox.ts";
import { resolveLimits, type SessionLimits } from "./session/limits.ts";
import { checkModes, featureTags, type Modes, supportTags } from "./session/modes.ts";
import { type Envelope, Outbox } from "./session/outbox.ts";
import type { JsonRpcMessage, JsonRpcRequest, RequestId, Transport } from "./types.ts";
import { type Frame, frameOf, OPEN_STREAM, OVERSIZED_TRANSFER } from "./wire/frames.ts";
import {
  cancelledRequestOf,
  errorResponse,
  INTERNAL_ERROR,
  isNotification,
  isRequest,
  isResponse,
  progressOf,
  REQUEST_TIMEOUT,
  withProgressToken,
} from "./wire/message.ts";
import type { ServerInfo } from "./wire/server_info.ts";
import { hasSupportFlag, type Tags, tagValue } from "./wire/tags.ts";
import { randomSalt } from "./wire/unique_events.ts";

export type { StreamCall, StreamCallOptions } from "./client/_call.ts";
export type { OpenStream } from "./transfer/open_stream.ts";
export type { NostrClientTransportOptions } from "./client/options.ts";
export type { EncryptionMode, GiftWrapMode } from "./session/modes.ts";
export type { ServerInfo } from "./wire/server_info.ts";
export type { Tags } from "./wire/tags.ts";
export { DEFAULT_DISCOVERY_RELAYS } from "./discovery/relay_list.ts";

const logger = getLogger(["cvm", "transport"]);

/** How long the first message waits for the server's announcement once a relay is there, in milliseconds. */
const ANNOUNCEMENT_WAIT_MS = 500;
/** After so many milliseconds without an answer, an unknown server gets the first message in the other gift wrap too. */
const OTHER_WRAP_AFTER_MS = 1_500;
/** Requests of the server whose answers are remembered to be addressed. */
const MAX_QUESTIONS = 1_000;

/**
 * An MCP transport from a client to one server. Give it to a `Client` of the
 * official SDK.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { NostrClientTransport } from "@cvm/toolkit/transport/client";
 * import { assertEquals } from "@std/assert";
 *
 * const signer = PrivateKeySigner.generate();
 * const transport = new NostrClientTransport({
 *   signer,
 *   server: await PrivateKeySigner.generate().getPublicKey(),
 *   relays: ["wss://relay.contextvm.org"],
 * });
 * // await new Client({ name: "mine", version: "1.0.0" }).connect(transport);
 * assertEquals(transport.serverPublicKey.length, 64);
 * await transport.close();
 * ```
 */
export class NostrClientTransport implements Transport {
  /** The server's public key, hex. */
  readonly serverPublicKey: string;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #options: NostrClientTransportOptions;
  readonly #modes: Modes;
  readonly #limits: SessionLimits;
  readonly #now: () => number;
  readonly #hints: readonly string[];
  readonly #stop = new AbortController();
  readonly #wraps: WrapChoice;
  readonly #acquaintance = new Acquaintance();
  readonly #pending = new PendingRequests();
  /** `undefined` when messages in parts are switched off. */
  readonly #transfers: ClientTransfers | undefined;
  readonly #streams: ClientStreams;
  /** Requests of the server, and the events they came in. */
  readonly #questions = new Map<RequestId, string>();
  readonly #salt = randomSalt();
  #pool: RelayPool | undefined;
  #inbox: Inbox | undefined;
  #outbox: Outbox | undefined;
  #initialize: JsonRpcRequest | undefined;
  #calls = 0;

  /**
   * Prepares it; nothing happens yet.
   *
   * @param options The key, the server, and everything that may differ from the defaults.
   * @throws {InputError} SERVER_INVALID or CONFIG_INVALID when an option can't be used.
   */
  constructor(options: NostrClientTransportOptions) {
    const { pubkey, relays } = parseServerAddress(options.server);
    this.#options = options;
    this.serverPublicKey = pubkey;
    this.#hints = relays;
    this.#modes = checkModes(options.encryption, options.giftWrap);
    this.#limits = resolveLimits(options.limits);
    this.#now = options.now ?? Date.now;
    this.#wraps = new WrapChoice(this.#modes);
    this.#transfers = options.oversizedTransfer === false ? undefined : new ClientTransfers({
      limits: this.#limits,
      pending: this.#pending,
      salt: this.#salt,
      reply: (frame, { event }) =>
        this.#sendBeside(frame, [["e", tagValue(event.tags, "e") ?? event.id]]),
      onAnswer: (answer, pending) => this.#answer(answer, pending),
      onFailed: (pending, error) => this.#fail(pending, error, INTERNAL_ERROR),
      onProgress: (report) => this.onmessage?.(report),
    });
    this.#streams = new ClientStreams({
      limits: this.#limits,
      isWelcome: () => this.#acquaintance.takesStreams,
      chunkBytes: (token) =>
        this.#open.chunkBytes(OPEN_STREAM, token, {
          recipient: this.serverPublicKey,
          wrapKind: this.#wraps.current,
        }),
      send: (frame, frameType) => this.#sendFrame(frame, frameType),
      onProgress: (report) => this.onmessage?.(report),
    });
  }

  /** The relays in use. @throws {SessionError} CLOSED before `start()`. */
  get pool(): RelayPool {
    if (this.#pool === undefined) throw this.#notStarted();
    return this.#pool;
  }

  /** What the server said of itself with its first message: all tags but `p` and `e` (CEP-35); empty before that. */
  get serverTags(): Tags {
    return this.#acquaintance.serverTags;
  }

  /** What the server says of itself for people, with its first message or in its announcement. */
  get serverInfo(): ServerInfo {
    return this.#acquaintance.serverInfo;
  }

  /** The server's announcement, where the relays in use have one. */
  get announcement(): Announcement | undefined {
    return this.#acquaintance.announcement;
  }

  /** How messages leave now: `"plain"`, or the kind of their gift wrap. */
  get wrap(): "plain" | 1059 | 21059 {
    return this.#wraps.current ?? "plain";
  }

  /**
   * Finds the server's relays and connects to them.
   *
   * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay works within the connect timeout.
   * @throws {SessionError} CLOSED when the transport was started before.
   */
  async start(): Promise<void> {
    if (this.#pool !== undefined || this.#stop.signal.aborted) {
      throw new SessionError("CLOSED", "a transport can be started once; make a new one");
    }
    const { signer, engine } = this.#options;
    try {
      const publicKey = await signer.getPublicKey();
      const pool = this.#pool = await this.#openPool();
      const common = { pool, signer, engine, now: this.#now };
      this.#outbox = new Outbox({ ...common, salt: this.#salt, signal: this.#stop.signal });
      this.#inbox = new Inbox({
        ...common,
        publicKey,
        author: this.serverPublicKey,
        acceptUnaddressed: true,
        modes: this.#modes,
        limits: this.#limits,
        onMessage: (inbound) => this.#receive(inbound),
        onError: (error) => this.onerror?.(error),
      });
      await this.#lookUpAnnouncement(pool, pool.ready({ signal: this.#stop.signal }));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Sends a message to the server. A request that does not fit an event leaves
   * in parts (CEP-22).
   *
   * @throws {SessionError} CLOSED, MESSAGE_TOO_LARGE, TRANSFER_FAILED, or ENCRYPTION_MISMATCH when the server's announcement rules out our modes.
   * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took it.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    const outbox = this.#open;
    if (this.#options.stateless && this.#answersItself(message)) return;
    if (isRequest(message)) await this.#sendRequest(outbox, message);
    else await this.#sendOther(outbox, message);
  }

  /**
   * Calls a method of the server with a stream beside the call (CEP-41). The
   * call is the transport's own: an MCP client above it sees nothing of it.
   *
   * @param method The method, such as `tools/call`.
   * @param params Its parameters.
   * @param options When to give up, and who hears of progress.
   * @returns The stream and the result; both settle in every case.
   * @throws {SessionError} CLOSED when the transport is not open.
   *
   * @example
   * ```ts
   * import { Client } from "@modelcontextprotocol/sdk/client/index.js";
   * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
   * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
   * import { MemoryRelay } from "@cvm/toolkit/testing";
   * import { NostrClientTransport } from "@cvm/toolkit/transport/client";
   * import { serve } from "@cvm/toolkit/transport/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using relay = new MemoryRelay();
   * const network = { relays: [relay.url], pool: { webSocket: relay.webSocket } };
   * await using server = await serve((session) => {
   *   const mcp = new McpServer({ name: "counter", version: "1.0.0" });
   *   mcp.registerTool("count", {}, async ({ requestId }) => {
   *     const stream = session.openStream(requestId);
   *     for (const word of ["one", "two"]) await stream.write(word);
   *     return { content: [{ type: "text", text: "done" }] };
   *   });
   *   return mcp;
   * }, { signer: PrivateKeySigner.generate(), ...network });
   *
   * const transport = new NostrClientTransport({
   *   signer: PrivateKeySigner.generate(),
   *   server: server.publicKey,
   *   ...network,
   * });
   * const client = new Client({ name: "example", version: "1.0.0" });
   * await client.connect(transport);
   * const call = transport.streamCall("tools/call", { name: "count" });
   * const words: string[] = [];
   * for await (const word of call.stream) words.push(word);
   * assertEquals(words, ["one", "two"]);
   * assertEquals((await call.result).content, [{ type: "text", text: "done" }]);
   * await client.close();
   * ```
   */
  streamCall(
    method: string,
    params: JsonRpcRequest["params"] = {},
    options: StreamCallOptions = {},
  ): StreamCall {
    const outbox = this.#open;
    const id = `cvm-call-${++this.#calls}`;
    const token = `cvm-stream-${this.#salt}-${this.#calls}`;
    const call = new ClientCall({
      ...options,
      method,
      stream: this.#streams.open(token),
      onCancel: (reason) => {
        if (!this.#cancel(id)) return;
        const notification = "notifications/cancelled";
        this.#sendBeside({
          jsonrpc: "2.0",
          method: notification,
          params: { requestId: id, reason },
        }, []);
      },
    });
    const request = withProgressToken({ jsonrpc: "2.0", id, method, params }, token);
    this.#sendRequest(outbox, request, call).catch((error) => call.fail(error));
    return call;
  }

  /** Ends the connection. Requests without an answer stay so. Idempotent. */
  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const reason = new SessionError("CLOSED", "the transport was closed");
    this.#stop.abort(reason);
    this.#pending.clear(reason);
    this.#transfers?.close(reason);
    this.#inbox?.close();
    try {
      if (!(this.#options.relays instanceof RelayPool)) await this.#pool?.close();
    } finally {
      this.onclose?.();
    }
  }

  async #openPool(): Promise<RelayPool> {
    const { relays, signer, engine } = this.#options;
    if (relays instanceof RelayPool) return relays;
    const poolOptions: RelayPoolOptions = { signer, ...this.#options.pool };
    if (relays !== undefined) return new RelayPool(relays, poolOptions);
    return await meetServer({
      server: this.serverPublicKey,
      hints: this.#hints,
      discoveryRelays: this.#options.discoveryRelays,
      fallbackRelays: this.#options.fallbackRelays,
      poolOptions,
      engine,
      signal: this.#stop.signal,
    });
  }

  /** Learns what the server can do before the first message, if the relays say it soon after they are ready. */
  async #lookUpAnnouncement(pool: RelayPool, ready: Promise<void>): Promise<void> {
    const options = { signal: this.#stop.signal, engine: this.#options.engine };
    const found = fetchAnnouncement(pool, this.serverPublicKey, options).then((announcement) => {
      if (announcement === undefined) return;
      this.#acquaintance.learnAnnouncement(announcement);
      this.#wraps.learnAnnouncement(announcement);
    }).catch((error) => {
      if (!(error instanceof CvmError) && !this.#stop.signal.aborted) throw error;
      logger.debug("no announcement could be looked up: {error}", { error });
    });
    await ready;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ANNOUNCEMENT_WAIT_MS));
    await Promise.race([found, late]).finally(() => clearTimeout(timer));
  }

  /** Stateless mode: the handshake does not leave the process. */
  #answersItself(message: JsonRpcMessage): boolean {
    if (!("method" in message)) return false;
    if (message.method === "notifications/initialized") return true;
    if (message.method !== "initialize" || !isRequest(message)) return false;
    const result = statelessInitializeResult(message, this.announcement);
    queueMicrotask(() => this.onmessage?.({ jsonrpc: "2.0", id: message.id, result }));
    return true;
  }

  async #sendRequest(
    outbox: Outbox,
    request: JsonRpcRequest,
    call?: ClientCall,
  ): Promise<void> {
    this.#wraps.check();
    const { takesTransfers, hasMet } = this.#acquaintance;
    const opens = request.method === "initialize";
    if (opens) this.#initialize = request;
    const introduces = opens || !this.#acquaintance.isIntroduced;
    this.#acquaintance.noteIntroduction(true);
    const mayBeInParts = !opens &&
      (takesTransfers || (this.#options.stateless === true && !hasMet));
    const sent = mayBeInParts ? this.#transfers?.withToken(request) ?? request : request;
    const introduction = this.#introduction();
    const answered = Promise.withResolvers<void>();
    let pending: Pending | undefined;
    const post = async (transfer: Envelope["transfer"]) => {
      const wrapKind = this.#wraps.current;
      const { taken } = await outbox.post(sent, {
        recipient: this.serverPublicKey,
        tags: introduces ? introduction : [],
        startTags: introduces || !takesTransfers ? introduction : [],
        wrapKind,
        transfer,
        onSigned: (event) => {
          const onAnswered = answered.resolve;
          pending = this.#pending.add(event.id, { request, sent, onAnswered, call });
          this.#watchForSilence(pending, event, wrapKind);
        },
      });
      await Promise.race([taken, answered.promise]);
    };
    try {
      if (this.#transfers === undefined) await post(undefined);
      else await this.#transfers.send(sent, takesTransfers, post);
    } catch (error) {
      if (introduces) this.#acquaintance.noteIntroduction(false);
      if (pending !== undefined) this.#pending.settle(pending);
      throw error;
    }
  }

  /** What this client says of itself with its first message (CEP-35). */
  #introduction(): Tags {
    return [...supportTags(this.#modes), ...featureTags(this.#options)];
  }

  /** Sees to it that the silence of a server that was never heard is noticed. */
  #watchForSilence(pending: Pending, event: NostrEvent, sent: Envelope["wrapKind"]): void {
    if (this.#acquaintance.hasMet) return;
    const { handshakeTimeoutMs = 15_000 } = this.#options;
    pending.timer = setTimeout(() => this.#giveUp(pending), handshakeTimeoutMs);
    const other = sent === EPHEMERAL_GIFT_WRAP_KIND ? GIFT_WRAP_KIND : EPHEMERAL_GIFT_WRAP_KIND;
    if (sent === undefined || !this.#wraps.isUnsure) return;
    pending.retryTimer = setTimeout(() => {
      // The same signed event: whichever arrives first runs, the other is a copy.
      this.#outbox?.publish(event, this.serverPublicKey, other)
        .catch((error) => logger.debug("the other gift wrap was not taken: {error}", { error }));
    }, Math.min(OTHER_WRAP_AFTER_MS, handshakeTimeoutMs / 2));
  }

  async #sendOther(outbox: Outbox, message: JsonRpcMessage): Promise<void> {
    const tags: string[][] = [];
    if (isResponse(message) && message.id !== undefined) {
      const question = this.#questions.get(message.id);
      this.#questions.delete(message.id);
      if (question !== undefined) tags.push(["e", question]);
    }
    const cancelled = cancelledRequestOf(message);
    if (cancelled !== undefined && !this.#cancel(cancelled)) return;
    const wrapKind = this.#wraps.current;
    await outbox.send(message, { recipient: this.serverPublicKey, tags, wrapKind });
  }

  /** Ends the wait for an answer; returns whether the server has to be told. */
  #cancel(id: RequestId): boolean {
    const waiting = this.#pending.withId(id);
    for (const pending of waiting) {
      pending.stream?.end(new SessionError("CLOSED", "the call was cancelled"));
      this.#pending.settle(pending);
    }
    const isLeaving = this.#transfers?.cancel(id) ?? false;
    return waiting.length > 0 || !isLeaving;
  }

  #receive(inbound: Inbound): void {
    const { event, message, wrapKind } = inbound;
    // Who was spoken to in gift wraps must not answer in plain text (faults F04).
    if (wrapKind === undefined && this.#wraps.hasEncrypted) return;
    const frame = frameOf(message);
    const pending = this.#pending.get(tagValue(event.tags, "e"));
    if (!this.#isExpected(inbound, frame, pending)) return;
    this.#wraps.learn(event.tags, wrapKind);
    if (this.#acquaintance.learn(event.tags, pending?.method)) this.#introduceAgain();
    this.#pending.stopTimers();
    if (frame !== undefined) this.#receiveFrame(frame, inbound, pending);
    else if (isResponse(message)) this.#answer(message, pending);
    else this.#deliver(message, event, pending);
  }

  /** False for what refers to a request that nobody waits for any more, or to another one than it should. */
  #isExpected(
    { event, message }: Inbound,
    frame: Frame | undefined,
    pending: Pending | undefined,
  ): boolean {
    if (frame !== undefined && pending !== undefined) return pending.token === frame.token;
    if (frame !== undefined) {
      return this.#transfers?.expects(frame) === true ||
        this.#pending.withToken(frame.token).length > 0;
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
    if (streaming === undefined || this.#options.openStream === false) return;
    const wantsAccept = hasSupportFlag(inbound.event.tags);
    this.#streams.receive(frame, streaming, { wantsAccept });
  }

  async #sendFrame(frame: JsonRpcMessage, frameType: string): Promise<void> {
    // A server that may not know that we stream is told, so as to accept this one.
    const introduces = frameType === "start" && !this.#acquaintance.takesStreams;
    await this.#open.send(frame, {
      recipient: this.serverPublicKey,
      tags: introduces ? this.#introduction() : [],
      wrapKind: this.#wraps.current,
    });
  }

  #answer(message: JsonRpcMessage, pending: Pending | undefined): void {
    if (!isResponse(message) || pending === undefined) return;
    this.#pending.settle(pending);
    pending.onAnswered();
    if (pending.call !== undefined) pending.call.settle(message);
    else this.onmessage?.({ ...message, id: pending.id });
  }

  /** Hands on a request or a notification of the server. */
  #deliver(message: JsonRpcMessage, event: NostrEvent, pending: Pending | undefined): void {
    if (isRequest(message)) this.#rememberQuestion(message.id, event.id);
    if (pending !== undefined && isNotification(message) && progressOf(message) !== undefined) {
      if (pending.callersToken === undefined) return; // nobody asked to be told
      const { progress } = message.params ?? {};
      if (typeof progress === "number") pending.progress = Math.max(pending.progress, progress);
      pending.call?.touch();
      if (pending.call !== undefined) return pending.call.report(message.params ?? {});
    }
    this.onmessage?.(message);
  }

  #rememberQuestion(id: RequestId, eventId: string): void {
    this.#questions.set(id, eventId);
    if (this.#questions.size <= MAX_QUESTIONS) return;
    const oldest = this.#questions.keys().next();
    if (!oldest.done) this.#questions.delete(oldest.value);
  }

  /** Tells a server that has lost our session what this client can do; the MCP client above notices nothing. */
  #introduceAgain(): void {
    this.#acquaintance.noteIntroduction(false);
    const request = this.#initialize;
    if (this.#options.stateless || request === undefined) return;
    this.#acquaintance.noteIntroduction(true);
    const initialized = { jsonrpc: "2.0", method: "notifications/initialized" } as const;
    this.#sendBeside(
      request,
      this.#introduction(),
      () => this.#acquaintance.noteIntroduction(false),
    );
    this.#sendBeside(initialized, []);
  }

  /** Sends what nobody above has asked for, and nobody waits for. */
  #sendBeside(message: JsonRpcMessage, tags: Tags, onFailed?: () => void): void {
    const wrapKind = this.#wraps.current;
    this.#outbox?.send(message, { recipient: this.serverPublicKey, tags, wrapKind })
      .catch((error) => {
        onFailed?.();
        logger.debug("a message beside the others could not be sent: {error}", { error });
      });
  }

  /** The server has not said a word: an `initialize` fails with the likely reason, other requests go on waiting. */
  #giveUp(pending: Pending): void {
    const error = new SessionError(
      "SERVER_NOT_ANSWERING",
      diagnoseSilence({
        method: pending.method,
        timeoutMs: this.#options.handshakeTimeoutMs ?? 15_000,
        modes: this.#modes,
        announcement: this.announcement,
        relays: this.#pool?.snapshot() ?? [],
      }),
    );
    if (pending.method === "initialize") this.#fail(pending, error, REQUEST_TIMEOUT);
    else this.onerror?.(error);
  }

  /** Answers a request here, since the server's answer can't come any more. */
  #fail(pending: Pending, { code, message }: SessionError, rpcCode: number): void {
    this.#answer(errorResponse(pending.id, rpcCode, message, { code }), pending);
  }

  get #open(): Outbox {
    if (this.#outbox === undefined || this.#stop.signal.aborted) throw this.#notStarted();
    return this.#outbox;
  }

  #notStarted(): SessionError {
    return new SessionError("CLOSED", "the transport is not open: it was not started or is closed");
  }
}
