/**
 * A WebSocket that comes back.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Heartbeat } from "./_heartbeat.ts";
import type { RelaySettings } from "./_settings.ts";
import { RelaySocket } from "./_socket.ts";
import { Timer } from "./_timer.ts";
import type { Backoff } from "./backoff.ts";
import type { RelayState } from "./status.ts";

const logger = getLogger(["cvm", "relay"]);

/** What a {@linkcode RelayLine} tells its owner. */
export interface RelayLineHandlers {
  /** The line is open. */
  onOpen(): void;
  /** A frame came. */
  onFrame(data: unknown): void;
  /** The line ended, or could not be opened; it comes back by itself. */
  onDrop(reason: string): void;
  /** The state changed: before `onOpen` and `onDrop`. */
  onState(): void;
  /** The relay has been silent: ask it for a sign of life. */
  onIdle(): void;
  /** Whether something waits to be sent. */
  isWanted(): boolean;
}

/** So many attempts in a row are made soon where something waits to be sent; a relay that stays away is not hammered. */
const SOON_ATTEMPTS = 16;

/**
 * A WebSocket that comes back: one at a time, opened again with back-off and jitter after every end,
 * a clean one too (F10), and after a ping without an answer (F17).
 */
export class RelayLine {
  readonly #url: string;
  readonly #settings: RelaySettings;
  readonly #handlers: RelayLineHandlers;
  readonly #heartbeat: Heartbeat;
  readonly #backoff: Backoff;
  readonly #retryTimer = new Timer();
  readonly #closing = new Set<Promise<void>>();
  #socket: RelaySocket | undefined;
  #state: RelayState = "idle";
  #since: number;
  #attempts = 0;
  #openedAt = 0;
  #lastHeardAt = 0;
  #retryAt: number | undefined;
  #lastError: string | undefined;

  /**
   * @param url The relay's normalized URL.
   * @param settings The pool's settings.
   * @param handlers What to tell the owner.
   */
  constructor(url: string, settings: RelaySettings, handlers: RelayLineHandlers) {
    this.#url = url;
    this.#settings = settings;
    this.#handlers = handlers;
    this.#since = settings.now();
    this.#backoff = settings.newBackoff();
    this.#heartbeat = new Heartbeat({
      idleMs: settings.idlePingMs,
      timeoutMs: settings.pingTimeoutMs,
      now: settings.now,
      probe: () => handlers.onIdle(),
      onDead: (reason) => this.#fail(reason),
    });
  }

  /** What the line is doing. */
  get state(): RelayState {
    return this.#state;
  }

  /** When that began, by the pool's clock, milliseconds. */
  get since(): number {
    return this.#since;
  }

  /** Attempts since the line was last open. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Attempts that have failed since the line was last open. */
  get failures(): number {
    return this.#state === "connecting" ? this.#attempts - 1 : this.#attempts;
  }

  /** When the next attempt is made, by the pool's clock, milliseconds. */
  get retryAt(): number | undefined {
    return this.#retryAt;
  }

  /** Why the line ended or could not be opened the last time. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** When the last frame came, by the pool's clock, milliseconds. */
  get lastHeardAt(): number {
    return this.#lastHeardAt;
  }

  /** What waits to be sent, bytes. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedBytes ?? 0;
  }

  /** Opens the line, if nobody has yet. */
  connect(): void {
    if (this.#state === "idle") this.#open();
  }

  /** Something waits to be sent: the next attempt is made soon. */
  hurry(): void {
    const { now, soonMs } = this.#settings;
    const isSoon = this.#retryAt !== undefined && this.#retryAt - now() <= soonMs;
    if (this.#state !== "waiting" || this.#attempts >= SOON_ATTEMPTS || isSoon) return;
    const delayMs = this.#backoff.within(soonMs);
    this.#retryTimer.set(delayMs, () => this.#open());
    this.#retryAt = now() + delayMs;
    this.#handlers.onState();
  }

  /** Sends a text frame; nothing when the line is not open. */
  send(text: string): void {
    if (this.#state === "open") this.#socket?.send(text);
  }

  /** Ends the line for good; resolves when the platform has let go of its sockets. */
  async close(): Promise<void> {
    this.#retryTimer.clear();
    this.#detach();
    this.#become("closed");
    await Promise.all(this.#closing);
  }

  #open(): void {
    this.#attempts++;
    this.#become("connecting");
    this.#socket = new RelaySocket(this.#url, {
      onOpen: () => this.#onOpen(),
      onFrame: (data) => {
        this.#lastHeardAt = this.#settings.now();
        this.#heartbeat.touch();
        this.#handlers.onFrame(data);
      },
      onEnd: (reason) => this.#fail(reason),
    }, this.#settings);
  }

  #onOpen(): void {
    this.#attempts = 0;
    this.#openedAt = performance.now();
    this.#lastHeardAt = this.#settings.now();
    this.#heartbeat.start();
    this.#become("open");
    logger.info("relay {url} is open", { url: this.#url });
    this.#handlers.onOpen();
  }

  #fail(reason: string): void {
    if (this.#state === "closed") return;
    const wasOpen = this.#state === "open";
    this.#detach();
    const workedMs = wasOpen ? performance.now() - this.#openedAt : 0;
    const isUrgent = this.#attempts < SOON_ATTEMPTS && this.#handlers.isWanted();
    const delayMs = this.#backoff.next(workedMs, isUrgent ? this.#settings.soonMs : undefined);
    this.#lastError = reason;
    this.#retryTimer.set(delayMs, () => this.#open());
    this.#become("waiting", this.#settings.now() + delayMs);
    logger[wasOpen ? "warning" : "debug"]("relay {url}: {reason}; next attempt in {delayMs} ms", {
      url: this.#url,
      reason,
      delayMs: Math.round(delayMs),
    });
    this.#handlers.onDrop(reason);
  }

  /** Lets go of the socket, and remembers it until it has closed. */
  #detach(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#heartbeat.stop();
    if (socket === undefined) return;
    socket.close();
    const closed = socket.closed.then(() => void this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  #become(state: RelayState, retryAt?: number): void {
    this.#state = state;
    this.#since = this.#settings.now();
    this.#retryAt = retryAt;
    this.#handlers.onState();
  }
}
