/**
 * One query to the relays of a pool.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { RelayError, type RelayFailure } from "../../errors.ts";
import type { Query } from "./_query.ts";
import { Timer } from "./_timer.ts";
import type { RelayConnection } from "./connection.ts";
import type { Filter } from "./filter.ts";

/** How long those that answer wait for a relay that is connected and says nothing, milliseconds. */
const SILENCE_MS = 500;

/** How an {@linkcode Inquiry} is done. */
export interface InquiryOptions {
  readonly connections: readonly RelayConnection[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onHeard: ((events: readonly NostrEvent[]) => void) | undefined;
  /** Takes what `onHeard` throws, which must not reach the relay's other affairs. */
  readonly report: (error: unknown) => void;
  readonly onEnd: () => void;
}

/** One query to the relays of a pool: over when each relay is through, or at the deadline (F16). */
export class Inquiry {
  /** The events, the newest first, then by lowest id. */
  readonly events: Promise<NostrEvent[]>;
  readonly #options: InquiryOptions;
  readonly #pending = new Map<RelayConnection, Query>();
  readonly #found = new Map<string, NostrEvent>();
  readonly #failures: RelayFailure[] = [];
  readonly #timer = new Timer();
  readonly #patience = new Timer();
  readonly #onAbort = () => this.fail(this.#options.signal?.reason);
  readonly #resolve: (events: NostrEvent[]) => void;
  readonly #reject: (error: unknown) => void;
  #asked = false;
  #served = false;
  #isHeard = false;

  /**
   * @param filters What to ask for.
   * @param options Whom, and how long.
   */
  constructor(filters: readonly Filter[], options: InquiryOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<NostrEvent[]>();
    this.events = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#options = options;
    this.#timer.set(options.timeoutMs, () => this.#expire());
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    for (const connection of options.connections) {
      const query = connection.query(filters, {
        onEvent: (event) => this.#add(event),
        onDone: (reason) => this.#onDone(connection, reason),
      });
      this.#pending.set(connection, query);
    }
  }

  /**
   * Ends it.
   * @param error What the caller is told.
   */
  fail(error: unknown): void {
    this.#reject(error);
    this.#end();
  }

  /**
   * Keeps an event. Its id is known to be its own, so copies differ in nothing but the signature; a
   * copy with a forged one must not displace the genuine.
   */
  #add(event: NostrEvent): void {
    this.#found.set(`${event.id}${event.sig}`, event);
  }

  #onDone(connection: RelayConnection, reason: string | undefined): void {
    this.#asked ||= this.#pending.get(connection)?.wasAsked === true;
    this.#pending.delete(connection);
    if (reason === undefined) this.#served = true;
    else this.#failures.push({ url: connection.url, reason });
    if (this.#pending.size === 0) this.#finish();
    else if (this.#served && !this.#isHeard) this.#considerTelling();
  }

  /** Those that are connected are waited for, but not long. */
  #considerTelling(): void {
    if (![...this.#pending.keys()].some(({ isOpen }) => isOpen)) this.#tellWhatIsHeard();
    else if (!this.#patience.isSet) this.#patience.set(SILENCE_MS, () => this.#tellWhatIsHeard());
  }

  #tellWhatIsHeard(): void {
    this.#patience.clear();
    this.#isHeard = true;
    const { onHeard, report } = this.#options;
    try {
      onHeard?.(this.#sorted());
    } catch (error) {
      report(error);
    }
  }

  #expire(): void {
    for (const [{ url }, query] of this.#pending) {
      this.#asked ||= query.wasAsked;
      this.#failures.push({ url, reason: query.problem });
    }
    this.#finish();
  }

  #finish(): void {
    if (this.#served || this.#found.size > 0) {
      this.#resolve(this.#sorted());
    } else {
      this.#reject(
        this.#asked
          ? new RelayError("SUBSCRIPTION_REFUSED", "no relay answered the query", this.#failures)
          : new RelayError("RELAY_UNREACHABLE", "no relay could be asked", this.#failures),
      );
    }
    this.#end();
  }

  #sorted(): NostrEvent[] {
    return [...this.#found.values()].sort(byAge);
  }

  #end(): void {
    this.#timer.clear();
    this.#patience.clear();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    for (const [connection, query] of this.#pending) connection.cancelQuery(query);
    this.#pending.clear();
    this.#options.onEnd();
  }
}

function byAge(a: NostrEvent, b: NostrEvent): number {
  return b.created_at - a.created_at || (a.id < b.id ? -1 : 1);
}
