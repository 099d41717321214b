/**
 * The bounds of a server's memory and work. Every one of them is an option.
 *
 * @module
 */

import {
  DEFAULT_STREAM_LIMITS,
  DEFAULT_TRANSFER_LIMITS,
  MAX_TIMER_MS,
  type StreamLimits,
  type TransferLimits,
} from "../transfer/limits.ts";
import { MAX_EVENT_BYTES } from "../wire/event_size.ts";

/** The bounds of a listener and of its sessions; a client's transport has those that concern one peer. */
export interface SessionLimits extends TransferLimits, StreamLimits {
  /**
   * Clients that have a session at the same time. When it is reached, the idle
   * session unused for the longest time makes room; with none idle, a new
   * client is told that the server is full.
   * @default {1000}
   */
  readonly maxSessions: number;
  /**
   * What one client may take of `maxBufferedBytes`, whatever sessions it has. Default: a quarter, or
   * what a message of `maxTransferBytes` takes where that is more; 105,906,176 with the other
   * defaults.
   */
  readonly maxPeerBufferedBytes: number;
  /**
   * Requests of one client that are being worked on, and as many whose answers are on their way.
   * @default {256}
   */
  readonly maxInFlight: number;
  /**
   * Requests of all clients together that are being worked on.
   * @default {4096}
   */
  readonly maxTotalInFlight: number;
  /**
   * Resources that one client of a server shared by all may subscribe to; a URI of more than 4,096
   * characters is refused.
   * @default {256}
   */
  readonly maxSubscriptions: number;
  /**
   * Messages of one client each second; as many again may come in a burst.
   * @default {1000}
   */
  readonly maxMessagesPerSecond: number;
  /**
   * Messages that wait for a session whose MCP server is not connected yet.
   * @default {64}
   */
  readonly maxQueued: number;
  /**
   * Events of all clients that wait for decryption or verification; what comes beyond is dropped,
   * and so is what would make them larger together than `maxBufferedBytes`.
   * @default {2048}
   */
  readonly maxUnverified: number;
  /**
   * Refusals that are sent each second, to strangers together and to each client; as many again may come in
   * a burst, and beyond that there is silence.
   * @default {20}
   */
  readonly maxRefusalsPerSecond: number;
  /**
   * A session with nothing in flight ends after so many milliseconds without a message.
   * @default {3600000}
   */
  readonly idleTimeoutMs: number;
  /**
   * How far a message's `created_at` may lie from our clock, in milliseconds, either way.
   * @default {300000}
   */
  readonly freshnessMs: number;
  /**
   * Event ids remembered so that nothing runs twice.
   * @default {262144}
   */
  readonly maxRememberedIds: number;
  /**
   * Answers that are kept for clients that ask once more, since theirs went out while they were away;
   * the oldest go first.
   * @default {4096}
   */
  readonly maxKeptAnswers: number;
  /**
   * The answers that are kept, in bytes.
   * @default {8388608}
   */
  readonly maxKeptAnswerBytes: number;
  /**
   * Kept answers that are sent once more in a second, to all clients.
   * @default {100}
   */
  readonly maxAnswersAgainPerSecond: number;
  /**
   * The largest event that is read, in bytes of its content.
   * @default {1048576}
   */
  readonly maxEventBytes: number;
}

/** What is kept beside the parts of a message, in bytes. */
const BESIDE_PARTS = 1_048_576;

/** The bounds where no option says otherwise. */
export const DEFAULT_LIMITS: SessionLimits = {
  ...DEFAULT_TRANSFER_LIMITS,
  ...DEFAULT_STREAM_LIMITS,
  maxPeerBufferedBytes: peerShare(DEFAULT_TRANSFER_LIMITS),
  maxSessions: 1000,
  maxInFlight: 256,
  maxTotalInFlight: 4096,
  maxSubscriptions: 256,
  maxMessagesPerSecond: 1000,
  maxQueued: 64,
  maxUnverified: 2048,
  maxRefusalsPerSecond: 20,
  idleTimeoutMs: 3_600_000,
  freshnessMs: 300_000,
  maxRememberedIds: 262_144,
  maxKeptAnswers: 4_096,
  maxKeptAnswerBytes: 8_388_608,
  maxAnswersAgainPerSecond: 100,
  maxEventBytes: MAX_EVENT_BYTES,
};

/**
 * @param limits The bounds that differ from the defaults.
 * @returns All bounds; times of more than 24.8 days, such as `Infinity`, count as that.
 * @throws {RangeError} When a bound is not a positive number.
 */
export function resolveLimits(limits: Partial<SessionLimits> = {}): SessionLimits {
  const given: Record<string, number> = {};
  for (const [name, value] of Object.entries(limits)) {
    if (value === undefined) continue;
    if (!(value > 0)) {
      throw new RangeError(`limits.${name} must be a positive number, got ${value}`);
    }
    given[name] = name.endsWith("Ms") ? Math.min(value, MAX_TIMER_MS) : value;
  }
  const resolved = { ...DEFAULT_LIMITS, ...given };
  return { ...resolved, maxPeerBufferedBytes: given.maxPeerBufferedBytes ?? peerShare(resolved) };
}

function peerShare({ maxBufferedBytes, maxTransferBytes }: TransferLimits): number {
  const share = Math.max(maxBufferedBytes / 4, maxTransferBytes + BESIDE_PARTS);
  return Math.min(maxBufferedBytes, share);
}

/** Lets so many things a second pass, and as many again in a burst. */
export class RateLimiter {
  readonly #perSecond: number;
  #tokens: number;
  #at: number;

  /**
   * @param perSecond What passes each second.
   * @param now The clock's time, in milliseconds.
   */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond * 2;
    this.#at = now;
  }

  /** Whether one more may pass at this time, in milliseconds. */
  take(now: number): boolean {
    const elapsed = Math.max(0, now - this.#at) / 1000;
    this.#at = now;
    this.#tokens = Math.min(this.#perSecond * 2, this.#tokens + elapsed * this.#perSecond);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
