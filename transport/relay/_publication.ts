/**
 * One event on its way to the relays of a pool.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { RelayError, type RelayFailure } from "../../errors.ts";
import { EventFrame } from "./_event_frame.ts";
import type { Publish, PublishOutcome } from "./_publish.ts";
import { eventWeight } from "../wire/event_size.ts";
import { Timer } from "./_timer.ts";
import type { RelayConnection } from "./connection.ts";
import type { PublishReceipt } from "./options.ts";

/** How a {@linkcode Publication} is done. */
export interface PublicationOptions {
  readonly connections: readonly RelayConnection[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether every relay's answer is waited for. */
  readonly all: boolean;
  /** Called at the first OK, when other relays are still to come. */
  readonly onFirst: () => void;
  /** Called when nothing goes on any more: later than the first OK, when relays are still to come. */
  readonly onEnd: () => void;
}

/**
 * One event on its way to the relays of a pool. The first OK settles it for the caller; the other
 * relays go on until the deadline, holding nobody up.
 */
export class Publication {
  /** What it takes in memory, roughly. */
  readonly bytes: number;
  /** Settles for the caller. */
  readonly receipt: Promise<PublishReceipt>;
  readonly #event: NostrEvent;
  readonly #options: PublicationOptions;
  readonly #pending = new Map<RelayConnection, Publish>();
  readonly #accepted: string[] = [];
  readonly #refused: RelayFailure[] = [];
  readonly #timer = new Timer();
  readonly #onAbort = () => this.#abort();
  readonly #resolve: (receipt: PublishReceipt) => void;
  readonly #reject: (error: unknown) => void;

  /**
   * @param event The event.
   * @param options Where, and how long.
   */
  constructor(event: NostrEvent, options: PublicationOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<PublishReceipt>();
    this.receipt = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#event = event;
    this.bytes = eventWeight(event);
    this.#options = options;
    this.#timer.set(options.timeoutMs, () => this.#expire());
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    const frame = new EventFrame(event);
    for (const connection of options.connections) {
      const publish = connection.publish(frame, (outcome) => this.#onDone(connection, outcome));
      this.#pending.set(connection, publish);
    }
  }

  /**
   * Ends it.
   * @param error What the caller is told, unless the receipt is out.
   */
  fail(error: unknown): void {
    this.#reject(error);
    this.end();
  }

  /** Ends it for those that have not answered. */
  end(): void {
    this.#timer.clear();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    for (const [connection, publish] of this.#pending) connection.cancelPublish(publish);
    this.#pending.clear();
    this.#options.onEnd();
  }

  #onDone(connection: RelayConnection, { reason }: PublishOutcome): void {
    this.#pending.delete(connection);
    const { url } = connection;
    if (reason === undefined) this.#accepted.push(url);
    else this.#refused.push({ url, reason });
    if (this.#pending.size === 0) this.#finish("PUBLISH_REFUSED", "every relay refused");
    else if (reason === undefined && !this.#options.all && this.#accepted.length === 1) {
      this.#resolve(this.#receipt());
      this.#options.onFirst();
    }
  }

  #expire(): void {
    let silent = false;
    for (const [{ url }, publish] of this.#pending) {
      silent ||= !publish.isRefused;
      this.#refused.push({ url, reason: publish.problem });
    }
    const { timeoutMs } = this.#options;
    if (silent) this.#finish("PUBLISH_TIMEOUT", `no relay took within ${timeoutMs} ms`);
    else this.#finish("PUBLISH_REFUSED", `every relay refused for ${timeoutMs} ms`);
  }

  #finish(code: "PUBLISH_REFUSED" | "PUBLISH_TIMEOUT", what: string): void {
    if (this.#accepted.length > 0) this.#resolve(this.#receipt());
    else {
      const { kind, id } = this.#event;
      const message = `${what} the event ${id.slice(0, 8)} of kind ${kind}`;
      this.#reject(new RelayError(code, message, this.#refused));
    }
    this.end();
  }

  #abort(): void {
    this.fail(this.#options.signal?.reason);
  }

  #receipt(): PublishReceipt {
    return { accepted: [...this.#accepted], refused: [...this.#refused] };
  }
}
