/**
 * MCP clients on Nostr: an MCP `Transport` to a server that is known by its
 * public key.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "../crypto/engine.ts";
import type { NostrEvent } from "../crypto/event.ts";
import { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND } from "../crypto/gift_wrap.ts";
import { parseServerAddress } from "../crypto/keys.ts";
import type { Signer } from "../crypto/signer.ts";
import { CvmError, SessionError } from "../errors.ts";
import { diagnoseSilence } from "./client/_diagnosis.ts";
import { meetServer } from "./client/_relays.ts";
import { statelessInitializeResult } from "./client/_stateless.ts";
import { WrapChoice } from "./client/_wrap_choice.ts";
import { type Announcement, fetchAnnouncement } from "./discovery/announcement.ts";
import { RelayPool, type RelayPoolOptions } from "./relay/pool.ts";
import { type Inbound, Inbox } from "./session/inbox.ts";
import { resolveLimits, type SessionLimits } from "./session/limits.ts";
import {
  checkModes,
  type EncryptionMode,
  type GiftWrapMode,
  type Modes,
  supportTags,
} from "./session/modes.ts";
import { Outbox, type Posted } from "./session/outbox.ts";
import type { JsonRpcMessage, JsonRpcRequest, RequestId, Transport } from "./types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  isRequest,
  isResponse,
  REQUEST_TIMEOUT,
} from "./wire/message.ts";
import { discoveryTags, hasSupportFlag, type Tags, tagValue } from "./wire/tags.ts";
import { randomSalt } from "./wire/unique_events.ts";

export type { EncryptionMode, GiftWrapMode } from "./session/modes.ts";
export type { Tags } from "./wire/tags.ts";
export { DEFAULT_DISCOVERY_RELAYS } from "./discovery/relay_list.ts";

const logger = getLogger(["cvm", "transport"]);

/** How long the first message waits for the server's announcement once a relay is there, in milliseconds. */
const ANNOUNCEMENT_WAIT_MS = 500;
/** After so many milliseconds without an answer, an unknown server gets the first message in the other gift wrap too. */
const OTHER_WRAP_AFTER_MS = 1_500;
/** A server that introduces itself so many times in a row does it always, and has not forgotten us. */
const MAX_INTRODUCTIONS = 3;
/** Requests of the server whose answers are remembered to be addressed. */
const MAX_QUESTIONS = 1_000;

/** Options of a {@linkcode NostrClientTransport}. */
export interface NostrClientTransportOptions {
  /** The client's key. */
  readonly signer: Signer;
  /** The server: hex, npub, nprofile or naddr. The relay hints of the last two are used. */
  readonly server: string;
  /** The relays to meet the server on: URLs, or a pool that stays open when the transport closes. Default: looked up. */
  readonly relays?: readonly string[] | RelayPool;
  /** Where to look up the server's relays when neither `relays` nor hints name any that can be reached; the last resort, too. Default: {@linkcode DEFAULT_DISCOVERY_RELAYS}. */
  readonly discoveryRelays?: readonly string[];
  /** The relays to use when the lookup finds none that can be reached, before the discovery relays. */
  readonly fallbackRelays?: readonly string[];
  /** How to connect, when no pool is given. */
  readonly pool?: RelayPoolOptions;
  /**
   * Whether messages are encrypted.
   * @default {"optional"}
   */
  readonly encryption?: EncryptionMode;
  /**
   * Which gift wraps are used.
   * @default {"optional"}
   */
  readonly giftWrap?: GiftWrapMode;
  /**
   * Whether to skip the MCP handshake: `initialize` is answered here, from the
   * server's announcement where there is one.
   * @default {false}
   */
  readonly stateless?: boolean;
  /**
   * How long the server may take to answer `initialize`, in milliseconds.
   * After that the request fails with an error that says what is likely wrong.
   * @default {15000}
   */
  readonly handshakeTimeoutMs?: number;
  /** The bounds that differ from the defaults. */
  readonly limits?: Partial<SessionLimits>;
  /** The engine that verifies and wraps. Default: the pure one. */
  readonly engine?: CryptoEngine;
  /** The clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

interface Pending {
  readonly id: RequestId;
  readonly method: string;
  /** Ends the wait for the relay's OK: who was answered has been heard. */
  readonly onAnswered: () => void;
  /** Fails the request when the server stays silent; only the first one and `initialize` have it. */
  timer?: ReturnType<typeof setTimeout>;
  /** Sends the request in the other gift wrap too. */
  retryTimer?: ReturnType<typeof setTimeout>;
}

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
  /** Requests that wait for an answer, by the id of their event. */
  readonly #pending = new Map<string, Pending>();
  /** Requests of the server, and the events they came in. */
  readonly #questions = new Map<RequestId, string>();
  #pool: RelayPool | undefined;
  #inbox: Inbox | undefined;
  #outbox: Outbox | undefined;
  #announcement: Announcement | undefined;
  #serverTags: Tags | undefined;
  #initialize: JsonRpcRequest | undefined;
  #introduce = true;
  #introductions = 0;
  #heard = false;

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
  }

  /** The relays in use. @throws {SessionError} CLOSED before `start()`. */
  get pool(): RelayPool {
    if (this.#pool === undefined) throw this.#notStarted();
    return this.#pool;
  }

  /** What the server said of itself with its first message: all tags but `p` and `e` (CEP-35); empty before that. */
  get serverTags(): Tags {
    return this.#serverTags ?? [];
  }

  /** The server's name, from its first message or its announcement. */
  get serverName(): string | undefined {
    return tagValue(this.serverTags, "name") ?? this.#announcement?.name;
  }

  /** The server's announcement, where the relays in use have one. */
  get announcement(): Announcement | undefined {
    return this.#announcement;
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
      this.#outbox = new Outbox({ ...common, salt: randomSalt(), signal: this.#stop.signal });
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
   * Sends a message to the server.
   *
   * @throws {SessionError} CLOSED, MESSAGE_TOO_LARGE, or ENCRYPTION_MISMATCH when the server's announcement rules out our modes.
   * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took it.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    const outbox = this.#outbox;
    if (outbox === undefined || this.#stop.signal.aborted) throw this.#notStarted();
    if (this.#options.stateless && this.#answersItself(message)) return;
    if (isRequest(message)) await this.#sendRequest(outbox, message);
    else await this.#sendOther(outbox, message);
  }

  /** Ends the connection. Requests without an answer stay so. Idempotent. */
  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(new SessionError("CLOSED", "the transport was closed"));
    for (const pending of this.#pending.values()) stopTimers(pending);
    this.#pending.clear();
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
      this.#announcement = announcement;
      if (announcement !== undefined) this.#wraps.learnAnnouncement(announcement);
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
    const result = statelessInitializeResult(message, this.#announcement);
    queueMicrotask(() => this.onmessage?.({ jsonrpc: "2.0", id: message.id, result }));
    return true;
  }

  async #sendRequest(outbox: Outbox, request: JsonRpcRequest): Promise<void> {
    this.#wraps.check();
    const opens = request.method === "initialize";
    if (opens) this.#initialize = request;
    const introduces = this.#introduce || opens;
    this.#introduce = false;
    const wrapKind = this.#wraps.current;
    const answered = Promise.withResolvers<void>();
    let posted: Posted | undefined;
    try {
      posted = await outbox.post(request, {
        recipient: this.serverPublicKey,
        tags: introduces ? supportTags(this.#modes) : [],
        wrapKind,
        onSigned: (event) => this.#expect(event, request, wrapKind, answered.resolve),
      });
      await Promise.race([posted.taken, answered.promise]);
    } catch (error) {
      if (introduces) this.#introduce = true;
      if (posted !== undefined) this.#settle(posted.event.id);
      throw error;
    }
  }

  /** Registers a request before it leaves, so that no answer comes too early. */
  #expect(
    event: NostrEvent,
    { id, method }: JsonRpcRequest,
    sent: number | undefined,
    onAnswered: () => void,
  ): void {
    const pending: Pending = { id, method, onAnswered };
    this.#pending.set(event.id, pending);
    if (this.#heard) return;
    const { handshakeTimeoutMs = 15_000 } = this.#options;
    pending.timer = setTimeout(() => this.#giveUp(event.id), handshakeTimeoutMs);
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
    if (cancelled !== undefined) {
      for (const [eventId, { id }] of this.#pending) if (id === cancelled) this.#settle(eventId);
    }
    const wrapKind = this.#wraps.current;
    await outbox.send(message, { recipient: this.serverPublicKey, tags, wrapKind });
  }

  #receive({ event, message, wrapKind }: Inbound): void {
    // Who was spoken to in gift wraps must not answer in plain text (faults F04).
    if (wrapKind === undefined && this.#wraps.hasEncrypted) return;
    const related = tagValue(event.tags, "e");
    const pending = related === undefined ? undefined : this.#pending.get(related);
    // An answer, or progress, that refers to a request which nobody waits for any more.
    if (
      !isRequest(message) && pending === undefined && (isResponse(message) || related !== undefined)
    ) {
      return;
    }
    this.#heard = true;
    this.#wraps.learn(event.tags, wrapKind);
    this.#learnTags(event.tags, pending?.method);
    for (const waiting of this.#pending.values()) stopTimers(waiting);
    if (isResponse(message) && related !== undefined && pending !== undefined) {
      this.#settle(related);
      pending.onAnswered();
      this.onmessage?.({ ...message, id: pending.id });
      return;
    }
    if (isRequest(message)) this.#rememberQuestion(message.id, event.id);
    this.onmessage?.(message);
  }

  #rememberQuestion(id: RequestId, eventId: string): void {
    this.#questions.set(id, eventId);
    if (this.#questions.size <= MAX_QUESTIONS) return;
    const oldest = this.#questions.keys().next();
    if (!oldest.done) this.#questions.delete(oldest.value);
  }

  /** Learns from the server's first message; when it introduces itself again later, it has forgotten us (faults F22). */
  #learnTags(tags: Tags, answered: string | undefined): void {
    if (this.#serverTags === undefined) {
      this.#serverTags = discoveryTags(tags);
      return;
    }
    this.#introductions = hasSupportFlag(tags) ? this.#introductions + 1 : 0;
    const forgotten = this.#introductions > 0 && this.#introductions <= MAX_INTRODUCTIONS;
    if (!forgotten || answered === "initialize") return;
    this.#introduce = true;
    if (!this.#options.stateless) this.#initializeAgain();
  }

  /** Tells a server that has lost our session what this client can do; the MCP client above notices nothing. */
  #initializeAgain(): void {
    const outbox = this.#outbox;
    const request = this.#initialize;
    if (outbox === undefined || request === undefined) return;
    this.#introduce = false;
    const { serverPublicKey: recipient } = this;
    const wrapKind = this.#wraps.current;
    outbox.send(request, { recipient, tags: supportTags(this.#modes), wrapKind })
      .then(() =>
        outbox.send({ jsonrpc: "2.0", method: "notifications/initialized" }, {
          recipient,
          wrapKind,
        })
      )
      .catch((error) => {
        this.#introduce = true;
        logger.debug("the handshake could not be repeated: {error}", { error });
      });
  }

  #settle(eventId: string): void {
    const pending = this.#pending.get(eventId);
    if (pending === undefined) return;
    stopTimers(pending);
    this.#pending.delete(eventId);
  }

  /** The server has not said a word: an `initialize` fails with the likely reason, other requests go on waiting. */
  #giveUp(eventId: string): void {
    const pending = this.#pending.get(eventId);
    if (pending === undefined) return;
    const error = new SessionError(
      "SERVER_NOT_ANSWERING",
      diagnoseSilence({
        method: pending.method,
        timeoutMs: this.#options.handshakeTimeoutMs ?? 15_000,
        modes: this.#modes,
        announcement: this.#announcement,
        relays: this.#pool?.snapshot() ?? [],
      }),
    );
    if (pending.method === "initialize") {
      this.#settle(eventId);
      this.onmessage?.(
        errorResponse(pending.id, REQUEST_TIMEOUT, error.message, { code: error.code }),
      );
    } else {
      this.onerror?.(error);
    }
  }

  #notStarted(): SessionError {
    return new SessionError("CLOSED", "the transport is not open: it was not started or is closed");
  }
}

function stopTimers(pending: Pending): void {
  clearTimeout(pending.timer);
  clearTimeout(pending.retryTimer);
}
