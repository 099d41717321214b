/**
 * What was asked while a relay was away is asked again after it has come back:
 * the server, too, has to find its way back, and relays keep no ephemeral
 * events for it.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { Timer } from "../relay/_timer.ts";
import type { RelayStatus } from "../relay/status.ts";
import { parseObject } from "../wire/json.ts";
import type { Pending } from "./_pending.ts";

/** When it is asked again, as long as there is no answer, in milliseconds after the relay is back. */
const AGAIN_AFTER_MS: readonly number[] = [1_000, 3_000, 8_000, 16_000, 32_000];

/** What leaves so shortly before the end of a connection is noticed may not have reached the relay. */
const NOTICED_AFTER_SECONDS = 1;

/** What {@linkcode Retelling} works with. */
export interface RetellingOptions {
  /** The requests without an answer. */
  readonly pending: () => readonly Pending[];
  /** Publishes a request once more; the server runs one event once. */
  readonly publish: (event: NostrEvent) => void;
  /** Whether the server still knows that it has run a request; asks it. Never rejects. */
  readonly isKnown: (request: Pending) => Promise<boolean>;
}

/** What is asked again after an outage. */
interface Again {
  /** What left in it. */
  readonly asked: readonly Pending[];
  /** What left before it, the oldest first: the answers may have gone out meanwhile. */
  readonly older: readonly Pending[];
}

/** Follows the relays of a client, and asks again after an outage. */
export class Retelling {
  readonly #options: RetellingOptions;
  readonly #opened = new Set<string>();
  readonly #awaySince = new Map<string, number>();
  /** What is asked again after the last outage of each relay, and when. */
  readonly #again = new Map<string, Again & { readonly timers: readonly Timer[] }>();

  /** @param options What it works with. */
  constructor(options: RetellingOptions) {
    this.#options = options;
  }

  /** Follows the relays until the stream of their states ends. */
  async follow(statuses: AsyncIterable<RelayStatus>): Promise<void> {
    for await (const { url, state, since } of statuses) {
      if (state === "open") this.#onOpen(url);
      else if (this.#opened.has(url) && !this.#awaySince.has(url)) this.#awaySince.set(url, since);
    }
    for (const { timers } of this.#again.values()) for (const timer of timers) timer.clear();
  }

  #onOpen(url: string): void {
    this.#opened.add(url);
    const since = this.#awaySince.get(url);
    if (since === undefined) return;
    this.#awaySince.delete(url);
    const before = this.#again.get(url);
    for (const timer of before?.timers ?? []) timer.clear();
    const pending = this.#options.pending();
    const asked = pending.filter((request) =>
      before?.asked.includes(request) || (leftAfter(since, request) && leftWhole(request))
    );
    const older = pending.filter((request) => !asked.includes(request));
    const timers = pending.length === 0 ? [] : AGAIN_AFTER_MS.map((delayMs) => {
      const timer = new Timer();
      timer.set(delayMs, () => {
        void this.#tellAgain({ asked, older });
        if (delayMs === AGAIN_AFTER_MS.at(-1)) this.#again.delete(url);
      });
      return timer;
    });
    this.#again.set(url, { asked, older, timers });
  }

  /**
   * What left before the outage may have been run by a server that has restarted since, and is asked
   * only of one that has not. That it has could have been in an answer that was lost: so it is asked
   * while no younger one is without an answer.
   */
  async #tellAgain({ asked, older }: Again): Promise<void> {
    const isWaiting = (request: Pending) => this.#options.pending().includes(request);
    const due = asked.filter(isWaiting);
    for (const { left: { event } } of due) this.#options.publish(event);
    const youngest = older.findLast(isWaiting);
    if (youngest === undefined || due.length > 0 || !leftWhole(youngest)) return;
    const isKnown = await this.#options.isKnown(youngest);
    if (isKnown && isWaiting(youngest)) this.#options.publish(youngest.left.event);
  }
}

/** Whether a request left in one event: of one in parts, the last part alone is of no use. */
function leftWhole({ left: { event }, method }: Pending): boolean {
  return parseObject(event.content)?.method === method;
}

/** Whether a request left in an outage. */
function leftAfter(outageMs: number, { left: { event } }: Pending): boolean {
  return event.created_at >= Math.floor(outageMs / 1000) - NOTICED_AFTER_SECONDS;
}
