/**
 * Noticing that a relay has gone without closing the connection.
 *
 * @module
 */
import { Timer } from "./_timer.ts";

/** How often it is looked whether the machine has slept, in milliseconds. */
const LOOK_MS = 2_000;
/** A look that comes so much too late, by the clock, follows a sleep; in milliseconds. */
const SLEEP_MS = 5_000;
/** How long a relay may take for a sign of life after a sleep: connections seldom outlive one. */
const AWAKE_TIMEOUT_MS = 3_000;

/** What a {@linkcode Heartbeat} needs. */
export interface HeartbeatContext {
  /** The silence after which the relay is asked for a sign of life, milliseconds. */
  readonly idleMs: number;
  /** How long it may take to give one, milliseconds. */
  readonly timeoutMs: number;
  /** The clock, in milliseconds since the epoch: unlike timers, it goes on while the machine sleeps. */
  readonly now: () => number;
  /** Asks for a sign of life. */
  readonly probe: () => void;
  /** Called when none came. */
  readonly onDead: (reason: string) => void;
}

/** Watches one connection: after a silence, or a sleep, it probes, and after more silence it gives up. */
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
    this.#watch();
  }

  /** A frame came. Cheap: no timer is set anew. */
  touch(): void {
    this.#heardAt = performance.now();
  }

  /** Stops to watch. */
  stop(): void {
    this.#timer.clear();
  }

  #watch(): void {
    const { idleMs, timeoutMs, now } = this.#context;
    const leftMs = idleMs - (performance.now() - this.#heardAt);
    if (leftMs <= 0) return this.#probe(timeoutMs);
    const delayMs = Math.min(leftMs, LOOK_MS);
    const due = now() + delayMs;
    this.#timer.set(delayMs, () => {
      if (now() - due > SLEEP_MS) this.#probe(Math.min(timeoutMs, AWAKE_TIMEOUT_MS));
      else this.#watch();
    });
  }

  #probe(timeoutMs: number): void {
    const { probe, onDead } = this.#context;
    const askedAt = performance.now();
    this.#timer.set(timeoutMs, () => {
      if (this.#heardAt > askedAt) this.#watch();
      else onDead(`no sign of life within ${timeoutMs} ms of a ping`);
    });
    probe();
  }
}
