/**
 * The bounds of oversized transfers (CEP-22) and open streams (CEP-41). Every
 * one of them is an option.
 *
 * @module
 */

/** The longest wait that a timer can do, in milliseconds (24.8 days); it ends a longer one, and an endless one, at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** The bounds of oversized transfers, in both directions. */
export interface TransferLimits {
  /**
   * The largest message that is received in parts, in bytes.
   * @default {104857600}
   */
  readonly maxTransferBytes: number;
  /**
   * The parts of one message.
   * @default {20000}
   */
  readonly maxTransferChunks: number;
  /**
   * Messages that one peer may be sending in parts at the same time.
   * @default {16}
   */
  readonly maxTransfers: number;
  /**
   * The parts of all peers together that wait for the rest, in bytes, and what waits in streams for
   * its reader; as much again may wait for decryption or verification.
   * @default {268435456}
   */
  readonly maxBufferedBytes: number;
  /**
   * How long a transfer may take from its first part to its last, in milliseconds.
   * @default {300000}
   */
  readonly transferTimeoutMs: number;
  /**
   * How long a transfer may stand still, in milliseconds.
   * @default {30000}
   */
  readonly transferIdleMs: number;
  /**
   * How long parts that were overtaken by the last one may still come, in milliseconds.
   * @default {2000}
   */
  readonly transferGraceMs: number;
  /**
   * How long a peer that has not said that it takes transfers may think about one, in milliseconds.
   * @default {10000}
   */
  readonly acceptTimeoutMs: number;
  /**
   * Parts that are on their way to the relays at the same time.
   * @default {16}
   */
  readonly maxFramesInFlight: number;
}

/** The bounds where no option says otherwise. */
export const DEFAULT_TRANSFER_LIMITS: TransferLimits = {
  maxTransferBytes: 104_857_600,
  maxTransferChunks: 20_000,
  maxTransfers: 16,
  maxBufferedBytes: 268_435_456,
  transferTimeoutMs: 300_000,
  transferIdleMs: 30_000,
  transferGraceMs: 2_000,
  acceptTimeoutMs: 10_000,
  maxFramesInFlight: 16,
};

/** The bounds of open streams (CEP-41), in both directions. */
export interface StreamLimits {
  /**
   * How far a chunk may come before its turn, in chunks.
   * @default {64}
   */
  readonly maxStreamGap: number;
  /**
   * What of one stream may wait for its reader, in bytes, with 64 more for each chunk; it counts for
   * `maxBufferedBytes`, too. A stream whose reader falls further behind fails, since nothing can
   * slow its sender.
   * @default {4194304}
   */
  readonly maxStreamBufferBytes: number;
  /**
   * After so long without a frame the peer is asked for a sign of life, in milliseconds.
   * @default {30000}
   */
  readonly streamIdleMs: number;
  /**
   * How long the peer may take to give it, in milliseconds.
   * @default {20000}
   */
  readonly streamProbeMs: number;
  /**
   * How long a stream may last, in milliseconds.
   * @default {86400000}
   */
  readonly maxStreamMs: number;
}

/** The bounds where no option says otherwise. */
export const DEFAULT_STREAM_LIMITS: StreamLimits = {
  maxStreamGap: 64,
  maxStreamBufferBytes: 4_194_304,
  streamIdleMs: 30_000,
  streamProbeMs: 20_000,
  maxStreamMs: 86_400_000,
};

/** Memory that is taken and given back. */
export interface Memory {
  /** Takes some, in bytes; false when there is not so much left. */
  take(bytes: number): boolean;
  /** Gives back what was taken, in bytes. */
  give(bytes: number): void;
}

/** Memory that many transfers share. */
export class ByteBudget implements Memory {
  readonly #max: number;
  #used = 0;

  /** @param max How much there is, in bytes. */
  constructor(max: number) {
    this.#max = max;
  }

  /** How much is in use, in bytes. */
  get used(): number {
    return this.#used;
  }

  /** Takes some; false when there is not so much left. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#max) return false;
    this.#used += bytes;
    return true;
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** Memory that many peers share, of which none of them may take more than its part. */
export class PeerBudgets {
  readonly #total: ByteBudget;
  readonly #maxPerPeer: number;
  /** What each peer has taken that has taken something. */
  readonly #used = new Map<string, number>();

  /** @param max How much there is, in bytes. @param maxPerPeer How much one peer may take, in bytes. */
  constructor(max: number, maxPerPeer: number) {
    this.#total = new ByteBudget(max);
    this.#maxPerPeer = maxPerPeer;
  }

  /** How many peers have taken something. */
  get size(): number {
    return this.#used.size;
  }

  /** The part of one peer; however often it is asked for, it is the same. */
  of(peer: string): Memory {
    return {
      take: (bytes) => {
        const used = (this.#used.get(peer) ?? 0) + bytes;
        if (used > this.#maxPerPeer || !this.#total.take(bytes)) return false;
        if (used > 0) this.#used.set(peer, used);
        return true;
      },
      give: (bytes) => {
        this.#total.give(bytes);
        const left = (this.#used.get(peer) ?? 0) - bytes;
        if (left > 0) this.#used.set(peer, left);
        else this.#used.delete(peer);
      },
    };
  }
}
