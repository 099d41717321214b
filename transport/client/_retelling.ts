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
  /** Publishes a request once more. */
  readonly publish: (event: NostrEvent) => void;
  /** Asks the server which process it is; `undefined` when it does not say. Never rejects. */
  readonly serverProcess: () => Promise<string | undefined>;
}

/** What is asked again after an outage. */
interface Again {
  /** What left in it. */
  readonly asked: readonly Pending[];
  /** What left before it: the answers may have gone out meanwhile. */
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
      before?.asked.includes(request) || (leftAfter(since, request) && mayRepeat(request))
    );
    const older = this.#wasCutOff(url)
      ? pending.filter((request) => !asked.includes(request) && mayRepeat(request))
      : [];
    const timers = asked.length + older.length === 0 ? [] : AGAIN_AFTER_MS.map((delayMs) => {
      const timer = new Timer();
      timer.set(delayMs, () => {
        void this.#tellAgain({ asked, older });
        if (delayMs === AGAIN_AFTER_MS.at(-1)) this.#again.delete(url);
      });
      return timer;
    });
    this.#again.set(url, { asked, older, timers });
  }

  /** Whether no other relay was there while this one was away. */
  #wasCutOff(url: string): boolean {
    return [...this.#opened].every((other) => other === url || this.#awaySince.has(other));
  }

  /** What left before the outage has been run, and is asked only of the process that has run it. */
  async #tellAgain({ asked, older }: Again): Promise<void> {
    const isWaiting = (request: Pending) => this.#options.pending().includes(request);
    const publish = ({ left: { event } }: Pending) => this.#options.publish(event);
    asked.filter(isWaiting).forEach(publish);
    if (!older.some((request) => isWaiting(request) && request.left.process !== undefined)) return;
    const process = await this.#options.serverProcess();
    if (process === undefined) return;
    older.filter((request) => isWaiting(request) && request.left.process === process)
      .forEach(publish);
  }
}

/**
 * Whether a request can be asked again. Of one in parts, the last part alone is of no use; and servers
 * of `@contextvm/sdk` run each copy of a plain event: only those that say which process they are
 * don't.
 */
function mayRepeat({ left, method }: Pending): boolean {
  if (parseObject(left.event.content)?.method !== method || method === "ping") return false;
  return left.wrapKind !== undefined || left.process !== undefined || method !== "tools/call";
}

/** Whether a request left in an outage. */
function leftAfter(outageMs: number, { left: { event } }: Pending): boolean {
  return event.created_at >= Math.floor(outageMs / 1000) - NOTICED_AFTER_SECONDS;
}
