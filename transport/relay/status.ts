/**
 * How the relays of a pool are doing: a snapshot, and a stream of changes.
 *
 * @module
 */
import type { RelayInfo } from "./nip11.ts";

/**
 * What a relay connection is doing: not used yet, being opened, open, waiting for the next
 * attempt, or closed for good.
 */
export type RelayState = "idle" | "connecting" | "open" | "waiting" | "closed";

/** How one relay is doing. */
export interface RelayStatus {
  /** The relay's normalized URL. */
  readonly url: string;
  /** What the connection is doing. */
  readonly state: RelayState;
  /** When that began, milliseconds since the epoch. */
  readonly since: number;
  /** Attempts to connect since the connection was last open. */
  readonly attempts: number;
  /** Why the connection ended or could not be opened the last time. */
  readonly lastError?: string;
  /** The relay's last NOTICE: one printable line, cut short. */
  readonly lastNotice?: string;
  /**
   * Why the relay refused the last message that it was given, where it said who may write
   * (`restricted:`, `blocked:`, `auth-required:`): nobody is reached through it until it takes one,
   * with which this is gone.
   */
  readonly refusal?: string;
  /** When the next attempt is made, milliseconds since the epoch; while `"waiting"`. */
  readonly retryAt?: number;
  /** Whether the relay has accepted our key on this connection (NIP-42). */
  readonly authenticated: boolean;
  /** How many frames and events were dropped: malformed, not asked for, not matching. */
  readonly dropped?: number;
  /** The relay's information document (NIP-11), once it is known. */
  readonly info?: RelayInfo;
}

/** Spreads status changes to any number of readers. */
export class StatusBoard {
  readonly #snapshot: () => readonly RelayStatus[];
  readonly #streams = new Set<StatusStream>();
  #closed = false;

  /** @param snapshot Tells how each relay is doing now. */
  constructor(snapshot: () => readonly RelayStatus[]) {
    this.#snapshot = snapshot;
  }

  /**
   * Tells every reader.
   * @param status The new status of one relay.
   */
  update(status: RelayStatus): void {
    for (const stream of this.#streams) stream.push(status);
  }

  /**
   * The status of every relay, then each change.
   * @param signal Ends the stream, without an error.
   * @returns The stream. A slow reader misses the statuses between, never the latest.
   */
  stream(signal?: AbortSignal): AsyncIterableIterator<RelayStatus> {
    const stream = new StatusStream(this.#snapshot(), (self) => this.#streams.delete(self));
    if (this.#closed || signal?.aborted) {
      stream.finish();
      return stream;
    }
    this.#streams.add(stream);
    stream.follow(signal);
    return stream;
  }

  /** Ends every stream, after what it still holds. */
  close(): void {
    this.#closed = true;
    for (const stream of [...this.#streams]) stream.finish();
  }
}

/** One reader's view: the latest status of each relay that it has not read yet. */
class StatusStream implements AsyncIterableIterator<RelayStatus> {
  readonly #unread = new Map<string, RelayStatus>();
  readonly #waiting: ((result: IteratorResult<RelayStatus>) => void)[] = [];
  readonly #onEnd: (stream: StatusStream) => void;
  #unfollow: () => void = () => {};
  #done = false;

  constructor(current: readonly RelayStatus[], onEnd: (stream: StatusStream) => void) {
    for (const status of current) this.#unread.set(status.url, status);
    this.#onEnd = onEnd;
  }

  /** Ends with a signal. */
  follow(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const end = () => void this.return();
    signal.addEventListener("abort", end, { once: true });
    this.#unfollow = () => signal.removeEventListener("abort", end);
  }

  push(status: RelayStatus): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ done: false, value: status });
    // Deleted first, so that a relay's newest status takes its place at the end.
    this.#unread.delete(status.url);
    this.#unread.set(status.url, status);
  }

  finish(): void {
    this.#done = true;
    this.#unfollow();
    this.#onEnd(this);
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<RelayStatus>> {
    for (const [url, status] of this.#unread) {
      this.#unread.delete(url);
      return Promise.resolve({ done: false, value: status });
    }
    if (this.#done) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<RelayStatus>> {
    this.#unread.clear();
    this.finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
