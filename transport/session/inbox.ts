/**
 * The way in: from a relay's event to a verified message, cheapest checks
 * first. Both sides of a connection use it.
 *
 * known copy? → kind, address, time → id → decrypt → address, time, replay → verify → JSON-RPC
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type CheckedPart, hasOwnId, type NostrEvent, verifyRest } from "../../crypto/event.ts";
import type { EventWorkers } from "../../crypto/event_workers.ts";
import { decryptWrap, type GiftWrapKind } from "../../crypto/gift_wrap.ts";
import type { Signer } from "../../crypto/signer.ts";
import { CvmError, EventError } from "../../errors.ts";
import type { EventOrigin, RelayPool, RelaySubscription } from "../relay/pool.ts";
import type { JsonRpcMessage } from "../types.ts";
import { MESSAGE_KIND } from "../wire/kinds.ts";
import { parseMessage } from "../wire/message.ts";
import { isAddressed, isAddressedTo } from "../wire/tags.ts";
import type { SessionLimits } from "./limits.ts";
import { acceptedWraps, type Modes, subscribedKinds } from "./modes.ts";
import { ReplayGuard, type ReplayMemory } from "./replay_guard.ts";

const logger = getLogger(["cvm", "transport"]);

/** Events that are remembered to drop second deliveries before any cryptography. */
const MAX_DELIVERED = 8192;
/** Ids of stored events that were passed over, with their relays. */
const MAX_SKIPPED_IDS = 8192;

/** A message that a peer really sent to us, once. */
export interface Inbound {
  /** The signed event: the plain one, or the one inside the gift wrap. */
  readonly event: NostrEvent;
  /** What its content says. */
  readonly message: JsonRpcMessage;
  /** The kind of its gift wrap; `undefined` when it came in plain text. */
  readonly wrapKind: GiftWrapKind | undefined;
}

/** Options of an {@linkcode Inbox}. */
export interface InboxOptions {
  /** The relays that messages come from. */
  readonly pool: RelayPool;
  /** Our key. */
  readonly signer: Signer;
  /** Our public key, hex. */
  readonly publicKey: string;
  /** The only author to listen to, hex. Absent: everyone. */
  readonly author?: string;
  /** Whether messages without any `p` tag are accepted; a client tolerates them. */
  readonly acceptUnaddressed?: boolean;
  /** What is accepted in plain text and in which wraps. */
  readonly modes: Modes;
  /** The bounds. */
  readonly limits: SessionLimits;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Whether a relay to which we have come back may send what is older than we are; a client knows what it asked. */
  readonly acceptOlder?: boolean;
  /** Keeps what has run beyond the life of the process. */
  readonly replayMemory?: ReplayMemory;
  /** The engine that verifies. */
  readonly engine?: CryptoEngine;
  /** Verify in its place, when many events wait. */
  readonly workers?: EventWorkers;
  /** Called with each message, in the order of arrival. */
  readonly onMessage: (inbound: Inbound) => void;
  /** Called with the id of an event that has been received before, when a relay passes it on once more. */
  readonly onRepeated?: (eventId: string, relay: string) => void;
  /** Called for faults of our own signer; a peer's faults are only logged. */
  readonly onError: (error: Error) => void;
}

/** Receives messages from relays until it is closed. */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #wraps: ReadonlySet<number>;
  readonly #guard: ReplayGuard;
  readonly #delivered = new Set<string>();
  /** Per relay, or else one could make us deaf for what the others deliver. */
  readonly #skipped = new Set<string>();
  readonly #primed = new Set<string>();
  /** When we began, in seconds. */
  readonly #startedAt: number;
  readonly #subscriptions: RelaySubscription[];
  #tail: Promise<void> = Promise.resolve();
  #unverified = 0;
  #unverifiedBytes = 0;
  #dropped = 0;
  #closed = false;

  /** @param options Where messages come from, what is accepted, and where they go. */
  constructor(options: InboxOptions) {
    this.#options = options;
    this.#wraps = new Set(acceptedWraps(options.modes));
    const { limits, now, replayMemory: memory } = options;
    this.#startedAt = Math.floor(now() / 1000);
    this.#guard = new ReplayGuard({ ...limits, now, memory });
    this.#subscriptions = subscribedKinds(options.modes).map((kinds, index) =>
      this.#subscribe(kinds, index === 0)
    );
  }

  /** Events that were dropped because too many were waiting for cryptography. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Stops receiving. What has arrived is not delivered any more. */
  close(): void {
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.close();
  }

  #subscribe(kinds: readonly number[], essential: boolean): RelaySubscription {
    const { pool, publicKey } = this.#options;
    return pool.subscribe({ kinds, "#p": [publicKey] }, {
      onEvent: (event, from) => {
        const { url, stored } = from;
        // What a relay had stored before we came may have run in an earlier life of this process.
        const copy = `${url} ${event.id}`;
        if (stored && !this.#primed.has(`${kinds} ${url}`)) {
          remember(this.#skipped, copy, MAX_SKIPPED_IDS);
        } else if (!stored || !this.#skipped.has(copy)) this.#receive(event, from);
      },
      onEose: (url) => void this.#primed.add(`${kinds} ${url}`),
    }, { essential, live: true });
  }

  #receive(event: NostrEvent, from: EventOrigin): void {
    const plain = event.kind === MESSAGE_KIND;
    // The signature of a wrap proves nothing; that of a message may have been forged in this copy alone.
    const copy = plain ? `${event.id}${event.sig}` : event.id;
    if (this.#closed) return;
    if (this.#delivered.has(copy)) {
      if (plain) this.#noteRepeated(event, from);
      return;
    }
    if (plain ? this.#options.modes.encryption === "required" : !this.#wraps.has(event.kind)) {
      return;
    }
    if (!isAddressedTo(event, this.#options.publicKey)) return;
    if (event.content.length > this.#options.limits.maxEventBytes) return;
    if (plain && !this.#isWanted(event, from)) return;
    const { maxUnverified, maxBufferedBytes } = this.#options.limits;
    const bytes = event.content.length;
    if (
      this.#unverified >= maxUnverified || this.#unverifiedBytes + bytes > maxBufferedBytes
    ) {
      this.#dropped += 1;
      return;
    }
    // Or else one relay could make us deaf for what the others deliver, with anything under its id.
    if (!hasOwnId(event, this.#options.engine)) return;
    remember(this.#delivered, copy, MAX_DELIVERED);
    this.#unverified += 1;
    this.#unverifiedBytes += bytes;
    const opened = this.#open(event, from);
    // Verification may take its time; delivery keeps the order of arrival.
    this.#tail = this.#tail.then(async () => {
      const inbound = await opened;
      this.#unverified -= 1;
      this.#unverifiedBytes -= bytes;
      if (inbound !== undefined && !this.#closed) this.#deliver(inbound);
    });
  }

  /** The checks that need no cryptography, on what claims to be a message. */
  #isWanted(event: NostrEvent, from: EventOrigin): boolean {
    const { publicKey, author, acceptUnaddressed = false, replayMemory } = this.#options;
    const { acceptOlder = replayMemory !== undefined } = this.#options;
    // What is older than we are may have run in an earlier life of this process.
    if (from.stored && !acceptOlder && event.created_at <= this.#startedAt) return false;
    const isOurs = event.kind === MESSAGE_KIND &&
      (author === undefined || event.pubkey === author) &&
      (isAddressedTo(event, publicKey) || (acceptUnaddressed && !isAddressed(event)));
    if (!isOurs) return false;
    const verdict = this.#guard.check(event.id, event.created_at);
    if (verdict === "seen") this.#noteRepeated(event, from);
    return verdict === "new";
  }

  /** What a relay had in store is no sign that anybody asks again. */
  #noteRepeated({ id }: NostrEvent, { url, stored }: EventOrigin): void {
    if (!stored) this.#options.onRepeated?.(id, url);
  }

  async #open(event: NostrEvent, from: EventOrigin): Promise<Inbound | undefined> {
    const { signer, limits } = this.#options;
    try {
      if (event.kind === MESSAGE_KIND) {
        await this.#verify(event, "id");
        return { event, message: parseMessage(event.content), wrapKind: undefined };
      }
      const inner = await decryptWrap(event, signer, { maxPlaintextBytes: limits.maxEventBytes });
      if (!this.#isWanted(inner, from)) {
        logger.debug(
          "dropped an event from inside a gift wrap: kind {kind}, not for us or not fresh",
          {
            kind: inner.kind,
          },
        );
        return undefined;
      }
      await this.#verify(inner, "shape");
      const wrapKind = event.kind as GiftWrapKind;
      return { event: inner, message: parseMessage(inner.content), wrapKind };
    } catch (error) {
      // A signer that refuses may have been given nonsense; one that is silent reads nothing at all.
      if (error instanceof CvmError && error.code !== "SIGNER_NOT_ANSWERING") {
        logger.debug("dropped an event: {reason}", { reason: error.message });
      } else {
        this.#report(error);
      }
      return undefined;
    }
  }

  async #verify(event: NostrEvent, checked: CheckedPart): Promise<void> {
    const { engine, workers } = this.#options;
    const verdict = workers?.verify(event, { waiting: this.#unverified, checked }) ??
      verifyRest(event, { checked, engine });
    if (typeof verdict === "boolean" ? verdict : await verdict) return;
    throw new EventError("SIGNATURE_INVALID", "the event's signature does not hold");
  }

  #deliver(inbound: Inbound): void {
    const { id, created_at } = inbound.event;
    try {
      if (this.#guard.admit(id, created_at) === "new") this.#options.onMessage(inbound);
    } catch (error) {
      this.#report(error);
    }
  }

  /** Whoever is told may fail, too: that must not make us deaf. */
  #report(error: unknown): void {
    try {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    } catch (fault) {
      logger.error("who was told of a fault has failed: {fault}", { fault });
    }
  }
}

/** Adds to a set that keeps its youngest members only. */
function remember(ids: Set<string>, id: string, max: number): void {
  ids.add(id);
  if (ids.size <= max) return;
  const oldest = ids.values().next();
  if (!oldest.done) ids.delete(oldest.value);
}
