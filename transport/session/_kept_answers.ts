/**
 * The last answers of a server, for clients that were away when theirs went
 * out: relays keep no ephemeral events for them. A client that comes back asks
 * again with the same event, which does not run a second time.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { GiftWrapKind } from "../../crypto/gift_wrap.ts";
import { eventWeight } from "../wire/event_size.ts";
import { RateLimiter } from "./limits.ts";

/** How often one answer is sent again, as a client of ours asks. */
const MAX_AGAIN = 5;

/** After so many milliseconds a copy of a request is no longer one that came by another relay. */
const AGAIN_AFTER_MS = 1_000;

/** An answer that has left in one event. */
export interface Answer {
  /** The signed event. */
  readonly event: NostrEvent;
  /** Whom it answers, hex. */
  readonly recipient: string;
  /** The gift wrap that it left in. */
  readonly wrapKind: GiftWrapKind | undefined;
}

/** Options of {@linkcode KeptAnswers}. */
export interface KeptAnswersOptions {
  /** How many are kept; the oldest go first. */
  readonly maxKeptAnswers: number;
  /** How much is kept, in bytes. */
  readonly maxKeptAnswerBytes: number;
  /** How many are sent once more a second, to all clients. */
  readonly maxAnswersAgainPerSecond: number;
  /** How many relays there are. */
  readonly relays: number;
  /** How long one is kept, in milliseconds: older requests are not asked again. */
  readonly freshnessMs: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Sends an answer once more. */
  readonly publish: (answer: Answer) => void;
}

interface Kept {
  readonly answer: Answer;
  readonly bytes: number;
  readonly keptAt: number;
  /** The relays that have passed the request on since. */
  readonly relays: Set<string>;
  sentAt: number;
  again: number;
}

/** Keeps answers by the ids of the events that asked for them. */
export class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  readonly #byRequest = new Map<string, Kept>();
  readonly #rate: RateLimiter;
  #bytes = 0;

  /** @param options The bounds, and how answers are sent. */
  constructor(options: KeptAnswersOptions) {
    this.#options = options;
    this.#rate = new RateLimiter(options.maxAnswersAgainPerSecond, options.now());
  }

  /** How many there are. */
  get size(): number {
    return this.#byRequest.size;
  }

  /** Keeps an answer that is on its way. */
  keep(requestEventId: string, answer: Answer): void {
    const { maxKeptAnswers, maxKeptAnswerBytes, freshnessMs, now } = this.#options;
    const bytes = eventWeight(answer.event);
    if (bytes > maxKeptAnswerBytes) return;
    const keptAt = now();
    this.#drop(requestEventId);
    const relays = new Set<string>();
    this.#byRequest.set(requestEventId, {
      answer,
      bytes,
      keptAt,
      relays,
      sentAt: keptAt,
      again: 0,
    });
    this.#bytes += bytes;
    for (const [id, oldest] of this.#byRequest) {
      const isOver = this.size > maxKeptAnswers || this.#bytes > maxKeptAnswerBytes;
      if (!isOver && keptAt - oldest.keptAt <= freshnessMs) break;
      this.#drop(id);
    }
  }

  /**
   * Sends the answer to a request once more that has come once more; nothing where there is none, or
   * where it has just left. Of several relays, the first copy of each may be one that took its time.
   *
   * @param requestEventId The id of the request's event.
   * @param relay The relay that has passed it on.
   */
  sendAgain(requestEventId: string, relay: string): void {
    const kept = this.#byRequest.get(requestEventId);
    if (kept === undefined) return;
    const now = this.#options.now();
    if (now - kept.keptAt > this.#options.freshnessMs) return this.#drop(requestEventId);
    const isFirst = this.#options.relays > 1 && !kept.relays.has(relay);
    kept.relays.add(relay);
    if (isFirst || kept.again >= MAX_AGAIN || now - kept.sentAt < AGAIN_AFTER_MS) return;
    if (!this.#rate.take(now)) return;
    kept.again += 1;
    kept.sentAt = now;
    this.#options.publish(kept.answer);
  }

  #drop(requestEventId: string): void {
    const kept = this.#byRequest.get(requestEventId);
    if (kept === undefined) return;
    this.#byRequest.delete(requestEventId);
    this.#bytes -= kept.bytes;
  }
}
