/**
 * Noticing that a relay has gone without closing the connection.
 *
 * @module
 */
import { Timer } from "./_timer.ts";

/** What a {@linkcode Heartbeat} needs. */
export interface HeartbeatContext {
  /** The silence after which the relay is asked for a sign of life, milliseconds. */
  readonly idleMs: number;
  /** How long it may take to give one, milliseconds. */
  readonly timeoutMs: number;
  /** Asks for a sign of life. */
  readonly probe: () => void;
  /** Called when none came. */
  readonly onDead: (reason: string) => void;
}

/** Watches one connection: after a silence it probes, and after more silence it gives up. */
export class Heartbeat {
  readonly #context: HeartbeatContext;
  readonly #timer = new Timer();
  #heardAt = 0;

  /** @param context What it needs. */
  constructor(context: HeartbeatContext) {
    this.#context = context;
  }

  /** Starts to watch. */
  start(): void {
    this.touch();
    this.#watch(this.#context.idleMs);
  }

  /** A frame came. Cheap: no timer is set anew. */
  touch(): void {
    this.#heardAt = performance.now();
  }

  /** Stops to watch. */
  stop(): void {
    this.#timer.clear();
  }

  #watch(delayMs: number): void {
    this.#timer.set(delayMs, () => {
      const leftMs = this.#context.idleMs - (performance.now() - this.#heardAt);
      if (leftMs > 0) this.#watch(leftMs);
      else this.#probe();
    });
  }

  #probe(): void {
    const { idleMs, timeoutMs, probe, onDead } = this.#context;
    const askedAt = performance.now();
    this.#timer.set(timeoutMs, () => {
      if (this.#heardAt > askedAt) this.#watch(idleMs);
      else onDead(`no sign of life within ${timeoutMs} ms of a ping`);
    });
    probe();
  }
}
