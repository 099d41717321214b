/**
 * How a relay is doing, as a stream.
 *
 * @module
 */
import type { RelayInfo } from "./nip11.ts";

/**
 * The state of a relay's connection: not asked for yet, being opened, open,
 * lost and waiting to be opened again, or closed by us for good.
 */
export type RelayState = "idle" | "connecting" | "open" | "waiting" | "closed";

/** How a relay is doing. */
export interface RelayStatus {
  /** The relay's normalized URL. */
  readonly url: string;
  /** The state of the connection. */
  readonly state: RelayState;
  /** When the state began, in milliseconds since the epoch. */
  readonly since: number;
  /** Attempts to connect since it was last open. */
  readonly attempts: number;
  /** Why it could not be opened, or was lost, the last time. */
  readonly lastError?: string;
  /** The last notice of the relay, in its own words. */
  readonly lastNotice?: string;
  /** When the next attempt is due, in milliseconds since the epoch. */
  readonly retryAt?: number;
  /** Whether the relay has taken our NIP-42 authentication on this connection. */
  readonly authenticated: boolean;
  /** What the relay says of itself (NIP-11). */
  readonly info?: RelayInfo;
}

/** Tells any number of readers of changes; a slow reader gets the latest status of each relay. */
export class StatusFeed {
  readonly #readers = new Set<(status: RelayStatus) => void>();
  readonly #stop = new AbortController();

  /** Tells all readers. */
  publish(status: RelayStatus): void {
    for (const tell of this.#readers) tell(status);
  }

  /** Ends all readers' streams. */
  close(): void {
    this.#stop.abort();
  }

  /**
   * @param current What a reader is told first.
   * @param signal Ends the stream.
   */
  async *read(current: readonly RelayStatus[], signal?: AbortSignal): AsyncGenerator<RelayStatus> {
    const ended = signal === undefined
      ? this.#stop.signal
      : AbortSignal.any([signal, this.#stop.signal]);
    const unread = new Map(current.map((status) => [status.url, status]));
    let wake: (() => void) | undefined;
    const tell = (status: RelayStatus) => {
      unread.set(status.url, status);
      wake?.();
    };
    const end = () => wake?.();
    this.#readers.add(tell);
    ended.addEventListener("abort", end);
    try {
      while (!ended.aborted) {
        const next = unread.entries().next();
        if (next.done) {
          await new Promise<void>((resolve) => wake = resolve);
        } else {
          unread.delete(next.value[0]);
          yield next.value[1];
        }
      }
    } finally {
      this.#readers.delete(tell);
      ended.removeEventListener("abort", end);
    }
  }
}
// NOTE to helper C: the lead overwrote this file by accident at 04:52 with the above; keep or replace it as you like, and delete this note.
