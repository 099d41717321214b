/**
 * A server is a listener: it yields one session for each client, as
 * `Deno.listen` yields connections.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "../../crypto/engine.ts";
import type { EventWorkers } from "../../crypto/event_workers.ts";
import { engineBeside, engineNames } from "../../crypto/engine_choice.ts";
import type { Signer } from "../../crypto/signer.ts";
import { RelayPool, type RelayPoolOptions } from "../relay/pool.ts";
import type { JsonRpcMessage } from "../types.ts";
import { PeerBudgets } from "../transfer/limits.ts";
import { frameOf, OVERSIZED_TRANSFER } from "../wire/frames.ts";
import { errorResponse, isRequest, SERVER_ERROR } from "../wire/message.ts";
import { infoTags, type ServerInfo } from "../wire/server_info.ts";
import { SUPPORT_TRANSFER_TOKEN, type Tags } from "../wire/tags.ts";
import { type AccessOptions, AccessPolicy } from "./access.ts";
import { type Inbound, Inbox } from "./inbox.ts";
import { RateLimiter, resolveLimits, type SessionLimits } from "./limits.ts";
import {
  checkModes,
  chooseReplyWrap,
  type EncryptionMode,
  type Features,
  featureTags,
  type GiftWrapMode,
  type Modes,
  supportTags,
} from "./modes.ts";
import { type RequestObserver, RequestWatch } from "./observer.ts";
import { Outbox } from "./outbox.ts";
import type { ReplayMemory } from "./replay_guard.ts";
import type { ResultDecorator } from "./result_decorator.ts";
import { KeptAnswers } from "./_kept_answers.ts";
import { tellRefusals } from "./_refusals.ts";
import { SessionTable } from "./_session_table.ts";
import { ServerSession } from "./server_session.ts";
import type { Session } from "./session.ts";

const logger = getLogger(["cvm", "transport"]);

/** How often idle sessions are looked for, in milliseconds, at most. */
const SWEEP_MS = 60_000;

/** Refusals that are answered each second while the server is about to end, and those who ask are its clients. */
const FAREWELLS_PER_SECOND = 200;
/** How long the last answers may take, in milliseconds. */
const FAREWELL_MS = 2_000;
/** What is answered to requests that come too late. */
const GOING = "Server is going down: it takes no new requests, try again later";
const CUT_OFF = "Server is going down: the request took too long to be waited for";

/** Options of {@linkcode listen}. */
export interface ListenOptions extends Features {
  /** The server's key. */
  readonly signer: Signer;
  /** The relays to listen on: URLs, or a pool that stays open when the listener closes. */
  readonly relays: readonly string[] | RelayPool;
  /** How to connect, when `relays` are URLs. */
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
  /** Who may use the server. Default: everyone. */
  readonly access?: AccessOptions;
  /** The bounds that differ from the defaults. */
  readonly limits?: Partial<SessionLimits>;
  /** What the server says of itself. */
  readonly info?: ServerInfo;
  /** Further discovery tags. */
  readonly extraTags?: Tags;
  /**
   * Whether requests say in `params._meta` who made them: `clientPubkey` and
   * `requestEventId` (CEP-16). What a client puts there itself is taken out in
   * any case.
   * @default {false}
   */
  readonly injectClientPubkey?: boolean;
  /** Told of each request and how it ends: for logs and metrics. */
  readonly observer?: RequestObserver;
  /**
   * Keeps which messages have run beyond the life of the process. Without it,
   * what a relay has in store from before the start is not run; a message of
   * the last minutes that somebody publishes once more after a restart is.
   */
  readonly replayMemory?: ReplayMemory;
  /** Adds to results before they are sent, and tags to the events that carry them. */
  readonly decorateResult?: ResultDecorator;
  /** The engine that verifies and wraps. Default: the signer's, else the pure one. */
  readonly engine?: CryptoEngine;
  /** Verify and wrap in other threads, when many events wait: `CryptoWorkers` of `./crypto/workers`. They stay open. */
  readonly workers?: EventWorkers;
  /** The clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
  /** Gives up the start, and closes the listener later. */
  readonly signal?: AbortSignal;
}

/** A server's ear: yields each client's session once. */
export interface Listener extends AsyncIterable<Session>, AsyncDisposable {
  /** The server's public key, hex. */
  readonly publicKey: string;
  /** The relays it listens on. */
  readonly pool: RelayPool;
  /**
   * What does the cryptography: `"pure"`, `"wasm"`, `"native"`, or how another engine calls itself;
   * with another one in the signer, both: `"wasm (signer: pure)"`.
   */
  readonly engine: string;
  /** What it says of itself: name and the like, support flags, further tags. */
  readonly serverTags: Tags;
  /** The sessions that are open. */
  readonly sessions: readonly Session[];
  /**
   * Takes no new requests, which are answered with an error that says why, and
   * waits for those in flight. What is not through in time is answered with an
   * error. Nothing is closed: `close()` follows.
   *
   * @param options When to stop waiting.
   * @returns Whether everything came to its end.
   */
  drain(options?: DrainOptions): Promise<boolean>;
  /** Ends all sessions and stops listening. Idempotent. */
  close(): Promise<void>;
}

/** How long a server that is about to end waits for the requests in flight. */
export interface DrainOptions {
  /**
   * The longest wait, in milliseconds.
   * @default {10_000}
   */
  readonly timeoutMs?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/**
 * Listens for clients.
 *
 * @param options The key, the relays, and everything that may differ from the defaults.
 * @returns The listener, as soon as it can be reached on one relay.
 * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay works within the connect timeout.
 * @throws {InputError} KEY_INVALID, RELAY_URL_INVALID or CONFIG_INVALID when an option can't be used.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const modes = checkModes(options.encryption, options.giftWrap);
  const access = new AccessPolicy(options.access);
  const limits = resolveLimits(options.limits);
  options.signal?.throwIfAborted();
  const publicKey = await options.signer.getPublicKey();
  const ownsPool = !(options.relays instanceof RelayPool);
  const pool = options.relays instanceof RelayPool
    ? options.relays
    : new RelayPool(options.relays, { signer: options.signer, ...options.pool });
  const listener = new RelayListener({ options, modes, access, limits, publicKey, pool, ownsPool });
  try {
    await pool.ready({ signal: options.signal });
  } catch (error) {
    await listener.close();
    throw error;
  }
  return listener;
}

interface Parts {
  readonly options: ListenOptions;
  readonly modes: Modes;
  readonly access: AccessPolicy;
  readonly limits: SessionLimits;
  readonly publicKey: string;
  readonly pool: RelayPool;
  readonly ownsPool: boolean;
}

class RelayListener implements Listener {
  readonly publicKey: string;
  readonly pool: RelayPool;
  readonly serverTags: Tags;
  readonly engine: string;

  readonly #parts: Parts;
  readonly #now: () => number;
  readonly #stop = new AbortController();
  readonly #process = crypto.randomUUID();
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #keptAnswers: KeptAnswers;
  readonly #sessions: SessionTable;
  readonly #unaccepted: ServerSession[] = [];
  readonly #authorizing = new Map<string, { settled: Promise<void>; messages: number }>();
  readonly #watch: RequestWatch;
  #refusals: RateLimiter;
  #unauthorized = 0;
  readonly #budgets: PeerBudgets;
  readonly #total = { count: 0 };
  readonly #sweep: ReturnType<typeof setInterval>;
  #wake: (() => void) | undefined;
  #opened = 0;
  #going = false;

  constructor(parts: Parts) {
    const { options, modes, limits, pool, publicKey } = parts;
    this.#parts = parts;
    this.publicKey = publicKey;
    this.pool = pool;
    this.#now = options.now ?? Date.now;
    // A flood of strangers is not worth a signature each.
    this.#refusals = new RateLimiter(limits.maxRefusalsPerSecond, this.#now());
    this.#sessions = new SessionTable(limits.maxSessions);
    this.#budgets = new PeerBudgets(limits.maxBufferedBytes, limits.maxPeerBufferedBytes);
    this.#watch = new RequestWatch(options.observer, {
      now: this.#now,
      report: (error) => logger.error("an observer failed: {error}", { error }),
    });
    this.serverTags = [
      ...infoTags(options.info),
      ...supportTags(modes),
      ...(options.extraTags ?? []),
      ...featureTags(options),
      ...(options.oversizedTransfer === false ? [] : [[SUPPORT_TRANSFER_TOKEN]]),
    ];
    const { signer, workers } = options;
    this.engine = engineNames(options);
    const engine = engineBeside(options);
    const common = { pool, signer, engine, workers, now: this.#now };
    this.#outbox = new Outbox({ ...common, signal: this.#stop.signal });
    this.#keptAnswers = new KeptAnswers({
      ...limits,
      relays: pool.urls.length,
      now: this.#now,
      publish: ({ event, recipient, wrapKind }) => {
        this.#outbox.publish(event, recipient, wrapKind)
          .catch((error) => logger.debug("an answer was not taken once more: {error}", { error }));
      },
    });
    this.#inbox = new Inbox({
      ...common,
      publicKey,
      modes,
      limits,
      replayMemory: options.replayMemory,
      onMessage: (inbound) => this.#receive(inbound),
      onRepeated: (eventId, relay) => this.#keptAnswers.sendAgain(eventId, relay),
      onError: (error) => logger.error("a message could not be read: {error}", { error }),
    });
    const sweepMs = Math.min(SWEEP_MS, limits.idleTimeoutMs);
    this.#sweep = setInterval(
      () => this.#sessions.closeUnused(this.#now() - limits.idleTimeoutMs),
      sweepMs,
    );
    void tellRefusals(pool.status({ signal: this.#stop.signal }));
    options.signal?.addEventListener("abort", () => void this.close(), {
      once: true,
      signal: this.#stop.signal,
    });
  }

  get sessions(): readonly Session[] {
    return this.#sessions.used;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Session> {
    while (!this.#stop.signal.aborted) {
      const session = this.#unaccepted.shift();
      if (session === undefined) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      } else if (!session.signal.aborted) {
        yield session;
      }
    }
  }

  async drain({ timeoutMs = 10_000, signal }: DrainOptions = {}): Promise<boolean> {
    this.#going = true;
    this.#refusals = new RateLimiter(FAREWELLS_PER_SECOND, this.#now());
    const sessions = this.#sessions.all;
    for (const session of sessions) session.drain();
    const ended = Promise.all(sessions.map((session) => endOf(session))).then(() => true);
    if (await within(ended, { timeoutMs, signal })) return true;
    const farewells = Promise.all(this.#sessions.all.map((session) => session.abandon(CUT_OFF)));
    await within(farewells.then(() => true), { timeoutMs: FAREWELL_MS });
    return false;
  }

  async close(): Promise<void> {
    if (!this.#stop.signal.aborted) {
      clearInterval(this.#sweep);
      this.#inbox.close();
      for (const session of this.#sessions.all) await session.close();
      this.#stop.abort(new DOMException("the listener was closed", "AbortError"));
      this.#wake?.();
    }
    if (this.#parts.ownsPool) await this.pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #receive(inbound: Inbound): void {
    if (this.#stop.signal.aborted) return; // it came in parts, and was whole too late
    const peer = inbound.event.pubkey;
    const waiting = this.#authorizing.get(peer);
    const { maxQueued, maxUnverified } = this.#parts.limits;
    if ((waiting?.messages ?? 0) >= maxQueued || this.#unauthorized >= maxUnverified) {
      if (this.#parts.access.answerRefused) this.#refuse(inbound, "Too many messages at once");
      return;
    }
    const verdict = waiting === undefined
      ? this.#parts.access.allows(peer, inbound.message)
      : waiting.settled.then(() => this.#parts.access.allows(peer, inbound.message));
    if (typeof verdict === "boolean") {
      this.#settle(inbound, verdict);
      return;
    }
    // A slow authorization holds up the client concerned and nobody else.
    const queue = waiting ?? { settled: Promise.resolve(), messages: 0 };
    queue.messages += 1;
    this.#unauthorized += 1;
    this.#authorizing.set(peer, queue);
    queue.settled = verdict.catch((error) => {
      logger.error("authorize failed, so the message is refused: {error}", { error });
      return false;
    }).then((allowed) => {
      queue.messages -= 1;
      this.#unauthorized -= 1;
      if (queue.messages === 0) this.#authorizing.delete(peer);
      if (!this.#stop.signal.aborted) this.#settle(inbound, allowed);
    });
  }

  #settle(inbound: Inbound, allowed: boolean): void {
    if (allowed) this.#route(inbound);
    else this.#refuse(inbound, this.#parts.access.answerRefused ? "Unauthorized" : undefined);
  }

  #route(inbound: Inbound): void {
    const { message, event, wrapKind } = inbound;
    if (this.#going && isRequest(message)) return this.#refuse(inbound, GOING);
    // What spoke encrypted is never answered in plain text (faults F04).
    const key = wrapKind === undefined ? event.pubkey : `${event.pubkey} encrypted`;
    if (!isRequest(message) && !beginsInParts(message)) {
      this.#sessions.expecting(key, message)?.receive(inbound);
      return;
    }
    let session = this.#sessions.get(key);
    const again = isInitialize(message) && session?.initializeParams !== undefined;
    if (session === undefined || again) session = this.#open(key, inbound, again);
    session?.receive(inbound);
  }

  /** Opens a session, in the place of one that the client has left where there is one. */
  #open(key: string, inbound: Inbound, replaces: boolean): ServerSession | undefined {
    if (replaces) {
      if (!this.#sessions.retire(key)) {
        this.#refuse(inbound, "Too many requests of earlier sessions are unanswered");
        return undefined;
      }
    } else if (!this.#sessions.makeRoom()) {
      this.#refuse(inbound, "Server is full: too many clients, try again later");
      return undefined;
    }
    const { options, modes, limits } = this.#parts;
    const session: ServerSession = new ServerSession(inbound, {
      sessionId: `${inbound.event.pubkey.slice(0, 16)}-${++this.#opened}`,
      outbox: this.#outbox,
      modes,
      limits,
      serverTags: this.serverTags,
      process: this.#process,
      features: options,
      decorateResult: options.decorateResult,
      injectClientPubkey: options.injectClientPubkey ?? false,
      budget: this.#budgets.of(inbound.event.pubkey),
      keptAnswers: this.#keptAnswers,
      total: this.#total,
      onAssembled: (assembled) => this.#receive(assembled),
      watch: this.#watch,
      now: this.#now,
      onEnded: () => this.#forget(key, session),
    });
    this.#sessions.add(key, session);
    this.#unaccepted.push(session);
    this.#wake?.();
    return session;
  }

  #forget(key: string, session: ServerSession): void {
    this.#sessions.forget(key, session);
    const waiting = this.#unaccepted.indexOf(session);
    if (waiting >= 0) this.#unaccepted.splice(waiting, 1);
  }

  /** Turns a message away; without a reason in silence. */
  #refuse({ event, message, wrapKind }: Inbound, reason: string | undefined): void {
    if (!isRequest(message)) return;
    this.#watch.refused(event.pubkey, message);
    if (reason === undefined || !this.#refusals.take(this.#now())) return;
    this.#outbox.send(errorResponse(message.id, SERVER_ERROR, reason), {
      recipient: event.pubkey,
      tags: [["e", event.id]],
      wrapKind: chooseReplyWrap(this.#parts.modes, wrapKind, false),
    }).catch((error) => logger.debug("a refusal could not be sent: {error}", { error }));
  }
}

function endOf({ signal }: Session): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Waits for something at most so long; false when the time is over. */
async function within(
  work: Promise<boolean>,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<boolean> {
  let giveUp = () => {};
  const late = new Promise<boolean>((resolve) => giveUp = () => resolve(false));
  const timer = setTimeout(giveUp, timeoutMs);
  signal?.addEventListener("abort", giveUp);
  try {
    return await Promise.race([work, ...(signal?.aborted ? [false] : []), late]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Whether a message announces another one, in parts. A stream only goes beside a request that is there. */
function beginsInParts(message: JsonRpcMessage): boolean {
  const frame = frameOf(message);
  return frame?.profile === OVERSIZED_TRANSFER && frame.frameType === "start";
}

function isInitialize(message: JsonRpcMessage): boolean {
  return isRequest(message) && message.method === "initialize";
}
