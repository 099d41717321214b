/** Two sides of transfers without relays between them, for tests of the parts alone. */
import type { SessionError } from "../../../errors.ts";
import {
  IncomingTransfers,
  type IncomingTransfersOptions,
} from "../../../transport/transfer/incoming_transfers.ts";
import { digestOf } from "../../../transport/transfer/digest.ts";
import {
  ByteBudget,
  DEFAULT_TRANSFER_LIMITS,
  type TransferLimits,
} from "../../../transport/transfer/limits.ts";
import type { JsonRpcMessage, JsonRpcNotification } from "../../../transport/types.ts";
import { type Frame, frameOf, OVERSIZED_TRANSFER } from "../../../transport/wire/frames.ts";

/** An answer, and its JSON text. */
export const ANSWER: JsonRpcMessage = { jsonrpc: "2.0", id: 7, result: { text: "0123456789" } };
export const TEXT = JSON.stringify(ANSWER);

/** The bounds with some of them changed. */
export function limits(change: Partial<TransferLimits> = {}): TransferLimits {
  return { ...DEFAULT_TRANSFER_LIMITS, ...change };
}

/** A frame of an oversized transfer. */
export function frame(
  frameType: string,
  progress: number,
  fields: Frame["fields"] = {},
  token = "t",
): Frame {
  return { profile: OVERSIZED_TRANSFER, frameType, token, progress, fields };
}

/** The frames of a text in so many chunks: start, chunks, end. */
export async function framesOf(text: string, chunks: number, token = "t"): Promise<Frame[]> {
  const size = Math.ceil(text.length / chunks);
  const pieces = Array.from({ length: chunks }, (_, i) => text.slice(i * size, (i + 1) * size));
  const bytes = new TextEncoder().encode(text);
  const start = {
    completionMode: "render",
    digest: await digestOf(bytes),
    totalBytes: bytes.length,
    totalChunks: chunks,
  };
  return [
    frame("start", 1, start, token),
    ...pieces.map((data, index) => frame("chunk", index + 2, { data }, token)),
    frame("end", chunks + 2, {}, token),
  ];
}

/** A receiver that keeps books. The context of a frame is a number. */
export class Receiver {
  readonly messages: JsonRpcMessage[] = [];
  readonly lastContexts: number[] = [];
  readonly replies: Frame[] = [];
  readonly failures: SessionError[] = [];
  readonly shares: number[] = [];
  readonly budget: ByteBudget;
  readonly transfers: IncomingTransfers<number>;
  #count = 0;

  constructor(
    change: Partial<TransferLimits> = {},
    options: Partial<IncomingTransfersOptions<number>> & { readonly budget?: ByteBudget } = {},
  ) {
    const bounds = limits(change);
    this.budget = options.budget ?? new ByteBudget(bounds.maxBufferedBytes);
    this.transfers = new IncomingTransfers<number>({
      limits: bounds,
      budget: this.budget,
      reply: (message: JsonRpcNotification) => {
        const reply = frameOf(message);
        if (reply !== undefined) this.replies.push(reply);
      },
      onMessage: (message, last) => {
        this.messages.push(message);
        this.lastContexts.push(last);
      },
      onProgress: (share) => this.shares.push(share),
      onFailed: (error) => this.failures.push(error),
      ...options,
    });
  }

  /** Takes frames, and waits until what is whole has been handed on. */
  async take(...frames: Frame[]): Promise<void> {
    for (const one of frames) this.transfers.receive(one, ++this.#count, { wantsAccept: false });
    await this.transfers.verifying;
  }

  /** What was sent to the peer: the types, and the reasons of aborts. */
  get answers(): readonly string[] {
    return this.replies.map(({ frameType, fields }) =>
      typeof fields.reason === "string" ? `${frameType}: ${fields.reason}` : frameType
    );
  }
}
