/**
 * Frames that overtook the first one of their transfer, by way of another
 * relay (CEP-22): kept until that comes, in small number and not for long.
 *
 * @module
 */
import type { Frame } from "../wire/frames.ts";
import type { Memory, TransferLimits } from "./limits.ts";

/** So many are kept of one peer. */
const MAX_FRAMES = 32;

/** A frame, and what came with it. */
export interface EarlyFrame<Context> {
  /** The frame. */
  readonly frame: Frame;
  /** What came with it. */
  readonly context: Context;
}

/** Options of {@linkcode EarlyFrames}. */
export interface EarlyFramesOptions<Context> {
  /** The bounds. */
  readonly limits: TransferLimits;
  /** The memory for the parts of all peers. */
  readonly budget: Memory;
  /** Told of the last frame of a transfer whose first one did not come. */
  readonly onLost: (end: EarlyFrame<Context>) => void;
}

interface Kept<Context> {
  readonly frames: EarlyFrame<Context>[];
  bytes: number;
  timer?: ReturnType<typeof setTimeout>;
}

/** The frames of one peer that came too early. */
export class EarlyFrames<Context> {
  readonly #options: EarlyFramesOptions<Context>;
  readonly #byToken = new Map<string, Kept<Context>>();
  #count = 0;

  /** @param options The bounds, and who is told of what is lost. */
  constructor(options: EarlyFramesOptions<Context>) {
    this.#options = options;
  }

  /** Keeps a frame that takes so many bytes, if there is room. */
  keep(early: EarlyFrame<Context>, bytes: number): void {
    const { limits, budget } = this.#options;
    if (this.#count >= MAX_FRAMES || !budget.take(bytes)) return;
    const { token } = early.frame;
    const kept: Kept<Context> = this.#byToken.get(token) ?? { frames: [], bytes: 0 };
    this.#byToken.set(token, kept);
    this.#count += 1;
    kept.frames.push(early);
    kept.bytes += bytes;
    const end = kept.frames.find(({ frame }) => frame.frameType === "end");
    clearTimeout(kept.timer);
    kept.timer = setTimeout(() => {
      this.take(token);
      if (end !== undefined) this.#options.onLost(end);
    }, end === undefined ? limits.transferIdleMs : limits.transferGraceMs);
  }

  /** Takes out what is kept of a transfer, in the order in which it came. */
  take(token: string): readonly EarlyFrame<Context>[] {
    const kept = this.#byToken.get(token);
    if (kept === undefined) return [];
    clearTimeout(kept.timer);
    this.#byToken.delete(token);
    this.#count -= kept.frames.length;
    this.#options.budget.give(kept.bytes);
    return kept.frames;
  }

  /** Forgets all. */
  clear(): void {
    for (const token of [...this.#byToken.keys()]) this.take(token);
  }
}
