import { isNostrEvent, type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import type { Filter } from "../relay/filter.ts";
import { RateLimiter } from "../session/limits.ts";
import { AUTH_KIND, findAuthProblem, findReadProblem, mayRead } from "./authentication.ts";
import { parseClientMessage } from "./client_message.ts";
import type { RelayClientConnection, RelaySubscription } from "./endpoint.ts";
import { exceedsBytes, type RelayLimits } from "./limits.ts";
import type { RelayEngineOptions } from "./relay_engine.ts";
import { type AddResult, type EventStore, kindClass } from "./store.ts";
import type { SubscriptionIndex } from "./subscription_index.ts";

/** How many keys one connection may authenticate as. */
const MAX_KEYS = 16;

/** An open subscription, as the engine sees it. */
export interface Subscription extends RelaySubscription {
  readonly connection: Connection;
  /** The start of each EVENT frame. */
  readonly prefix: string;
}

/** What a {@linkcode Connection} needs from its engine. */
export interface ConnectionContext {
  readonly options: RelayEngineOptions;
  readonly limits: RelayLimits;
  readonly store: EventStore;
  readonly index: SubscriptionIndex<Subscription>;
  readonly send: (frame: string) => void;
  readonly terminate: (code: number, reason: string) => void;
  readonly deliver: (event: NostrEvent) => void;
  readonly ignoreTagFilters: (() => boolean) | undefined;
  readonly onClose: () => void;
}

/** A client at the engine: its subscriptions, its keys, and the answers to its frames. */
export class Connection implements RelayClientConnection {
  readonly #context: ConnectionContext;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #pubkeys = new Set<string>();
  readonly #rate: RateLimiter | undefined;
  #challenge: string | undefined;
  #closed = false;

  constructor(context: ConnectionContext) {
    this.#context = context;
    const { maxEventsPerSecond } = context.limits;
    if (maxEventsPerSecond < Infinity) {
      this.#rate = new RateLimiter(maxEventsPerSecond, this.#now());
    }
  }

  get pubkeys(): ReadonlySet<string> {
    return this.#pubkeys;
  }

  get subscriptions(): readonly RelaySubscription[] {
    return [...this.#subscriptions.values()];
  }

  get ignoresTags(): boolean {
    return this.#context.ignoreTagFilters?.() ?? false;
  }

  openSubscriptions(): Iterable<Subscription> {
    return this.#subscriptions.values();
  }

  send(frame: string): void {
    if (!this.#closed) this.#context.send(frame);
  }

  challenge(): void {
    this.#challenge = crypto.randomUUID();
    this.#answer("AUTH", this.#challenge);
  }

  receive(frame: string): void {
    if (this.#closed) return;
    const { limits } = this.#context;
    if (exceedsBytes(frame, limits.maxFrameBytes)) {
      const reason = `a frame has at most ${limits.maxFrameBytes} bytes`;
      this.#answer("NOTICE", `invalid: ${reason}`);
      this.close();
      this.#context.terminate(1009, reason);
      return;
    }
    const message = parseClientMessage(frame, limits);
    switch (message.type) {
      case "EVENT":
        return this.#takeEvent(message.event);
      case "AUTH":
        return this.#authenticate(message.event);
      case "REQ":
        return this.#subscribe(message.subscriptionId, message.filters);
      case "CLOSE":
        return this.#unsubscribe(message.subscriptionId);
      case "refused":
        this.#unsubscribe(message.subscriptionId);
        return this.#answer("CLOSED", message.subscriptionId, message.reason);
      case "malformed":
        return this.#answer("NOTICE", message.reason);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const id of [...this.#subscriptions.keys()]) this.#unsubscribe(id);
    this.#context.onClose();
  }

  #answer(...message: readonly unknown[]): void {
    this.send(JSON.stringify(message));
  }

  #takeEvent(value: unknown): void {
    if (!isNostrEvent(value)) return this.#refuseMalformed(value);
    const event = pickEvent(value);
    const problem = this.#findProblem(event);
    if (problem !== undefined) return this.#answer("OK", event.id, false, problem);
    const { options, store, deliver } = this.#context;
    if (kindClass(event.kind) === "ephemeral") {
      this.#answer("OK", event.id, true, "");
      options.onAccept?.(event);
      return deliver(event);
    }
    let result: AddResult;
    try {
      result = store.add(event);
    } catch (error) {
      // The client hears that it is the relay's fault, and the relay goes on for everybody else.
      const text = error instanceof Error ? error.message : String(error);
      return this.#answer("OK", event.id, false, `error: the event could not be stored: ${text}`);
    }
    this.#answer("OK", event.id, ...STORE_ANSWERS[result]);
    if (result !== "stored") return;
    options.onAccept?.(event);
    deliver(event);
  }

  #refuseMalformed(value: unknown): void {
    const reason = "invalid: not an event as NIP-01 defines it";
    const id = typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
    if (typeof id === "string") this.#answer("OK", id.slice(0, 64), false, reason);
    else this.#answer("NOTICE", reason);
  }

  /** Why an event is refused, cheap reasons first; `undefined` when it is not. */
  #findProblem(event: NostrEvent): string | undefined {
    const { options, limits } = this.#context;
    if (this.#rate?.take(this.#now()) === false) {
      return `rate-limited: at most ${limits.maxEventsPerSecond} events a second`;
    }
    if (options.requireAuth === true && this.#pubkeys.size === 0) {
      return "auth-required: this relay takes events only from clients that authenticate";
    }
    if (event.kind === AUTH_KIND) return `invalid: kind ${AUTH_KIND} belongs in an AUTH message`;
    if (exceedsBytes(JSON.stringify(event), limits.maxEventBytes)) {
      return `invalid: an event has at most ${limits.maxEventBytes} bytes`;
    }
    const age = this.#nowSeconds() - event.created_at;
    if (age > limits.maxAgeSeconds) {
      return `invalid: created_at is more than ${limits.maxAgeSeconds} seconds in the past`;
    }
    const maxEphemeralAge = limits.maxEphemeralAgeSeconds;
    if (kindClass(event.kind) === "ephemeral" && age > maxEphemeralAge) {
      return `invalid: an ephemeral event is at most ${maxEphemeralAge} seconds old`;
    }
    if (-age > limits.maxFutureSeconds) {
      return `invalid: created_at is more than ${limits.maxFutureSeconds} seconds in the future`;
    }
    const refusal = options.policy?.(event, this);
    if (refusal !== undefined) return refusal;
    if (!(options.verify ?? verifyEvent)(event)) {
      return "invalid: the id or the signature does not hold";
    }
    return undefined;
  }

  #authenticate(value: unknown): void {
    if (!isNostrEvent(value)) return this.#refuseMalformed(value);
    const event = pickEvent(value);
    const { options } = this.#context;
    const problem = this.#challenge === undefined ? "I sent no challenge" : findAuthProblem(event, {
      challenge: this.#challenge,
      urls: options.urls ?? [],
      nowSeconds: this.#nowSeconds(),
    });
    if (problem !== undefined) return this.#answer("OK", event.id, false, `invalid: ${problem}`);
    if (!(options.verify ?? verifyEvent)(event)) {
      return this.#answer("OK", event.id, false, "invalid: the id or the signature does not hold");
    }
    if (this.#pubkeys.size >= MAX_KEYS && !this.#pubkeys.has(event.pubkey)) {
      const reason = `error: one connection authenticates as at most ${MAX_KEYS} keys`;
      return this.#answer("OK", event.id, false, reason);
    }
    this.#pubkeys.add(event.pubkey);
    this.#answer("OK", event.id, true, "");
  }

  #subscribe(id: string, filters: readonly Filter[]): void {
    const { options, limits, store, index } = this.#context;
    this.#unsubscribe(id);
    const requireAuth = options.requireAuth ?? false;
    const problem = findReadProblem(filters, requireAuth, this.#pubkeys);
    if (problem !== undefined) return this.#answer("CLOSED", id, problem);
    if (this.#subscriptions.size >= limits.maxSubscriptions) {
      const reason = `error: at most ${limits.maxSubscriptions} subscriptions; close one first`;
      return this.#answer("CLOSED", id, reason);
    }
    let stored: NostrEvent[];
    try {
      stored = store.query(filters, limits.maxLimit);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return this.#answer("CLOSED", id, `error: the events could not be read: ${text}`);
    }
    const prefix = `["EVENT",${JSON.stringify(id)},`;
    let replyLength = 0;
    for (const event of stored) {
      if (!mayRead(event, requireAuth, this.#pubkeys)) continue;
      const json = JSON.stringify(event);
      replyLength += json.length;
      if (replyLength > limits.maxReplyLength) break;
      this.send(`${prefix}${json}]`);
    }
    this.#answer("EOSE", id);
    if (this.#closed) return;
    const subscription = { id, filters, connection: this, prefix };
    this.#subscriptions.set(id, subscription);
    index.add(subscription);
  }

  #unsubscribe(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    this.#subscriptions.delete(id);
    this.#context.index.delete(subscription);
  }

  #now(): number {
    return (this.#context.options.now ?? Date.now)();
  }

  #nowSeconds(): number {
    return Math.floor(this.#now() / 1000);
  }
}

/** What a client hears of what the store did. */
const STORE_ANSWERS: Readonly<Record<AddResult, readonly [boolean, string]>> = {
  stored: [true, ""],
  duplicate: [true, "duplicate: already have this event"],
  superseded: [false, "replaced: already have a newer version of this event"],
  deleted: [false, "blocked: the author has deleted this event"],
};

/** The event without fields that NIP-01 doesn't know: nothing else is stored or passed on. */
function pickEvent({ id, pubkey, created_at, kind, tags, content, sig }: NostrEvent): NostrEvent {
  return { id, pubkey, created_at, kind, tags, content, sig };
}
