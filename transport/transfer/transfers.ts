/**
 * The oversized transfers with one peer, in both directions (CEP-22).
 *
 * @module
 */
import type { Frame } from "../wire/frames.ts";
import { IncomingTransfers, type IncomingTransfersOptions } from "./incoming_transfers.ts";
import type { OutgoingTransfer } from "./outgoing_transfer.ts";

/** The transfers with one peer; `Context` is what comes with a frame. */
export class Transfers<Context> {
  readonly #incoming: IncomingTransfers<Context>;
  readonly #outgoing = new Set<OutgoingTransfer>();

  /** @param options The bounds, and where messages go. */
  constructor(options: IncomingTransfersOptions<Context>) {
    this.#incoming = new IncomingTransfers(options);
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    return this.#incoming.size === 0 && this.#outgoing.size === 0;
  }

  /** Settles when what has come whole by now has been handed on; `undefined` when nothing waits for that. */
  get verifying(): Promise<void> | undefined {
    return this.#incoming.verifying;
  }

  /** Whether a frame belongs to a transfer that is under way. */
  expects({ token }: Frame): boolean {
    return this.#incoming.has(token) || this.isSending(token);
  }

  /** Whether a message is on its way out under a token. */
  isSending(token: string): boolean {
    return this.#outgoingWith(token).length > 0;
  }

  /** Forgets what has come under a token; the peer is not told. */
  forget(token: string): void {
    this.#incoming.forget(token);
  }

  /**
   * Takes a frame of the peer.
   *
   * @param frame Any frame of an oversized transfer.
   * @param context What came with it.
   * @param options `wantsAccept`: whether the sender can't know that we take transfers.
   */
  receive(frame: Frame, context: Context, options: { readonly wantsAccept: boolean }): void {
    const { frameType, token, fields } = frame;
    if (frameType === "accept") {
      for (const transfer of this.#outgoingWith(token)) transfer.accept();
    } else if (frameType === "abort" && !this.#incoming.has(token)) {
      const reason = typeof fields.reason === "string" ? fields.reason.slice(0, 200) : "";
      for (const transfer of this.#outgoingWith(token)) transfer.abortedByPeer(reason);
    } else {
      this.#incoming.receive(frame, context, options);
    }
  }

  /** Lets the peer's `accept` and `abort` reach a transfer for as long as some work lasts. */
  async during<T>(transfer: OutgoingTransfer, work: () => Promise<T>): Promise<T> {
    this.#outgoing.add(transfer);
    try {
      return await work();
    } finally {
      this.#outgoing.delete(transfer);
    }
  }

  /** Ends everything. What comes in is forgotten; peers are told of what goes out. */
  close(reason: unknown): void {
    for (const transfer of this.#outgoing) transfer.cancel(reason);
    this.#incoming.close();
  }

  #outgoingWith(token: string): readonly OutgoingTransfer[] {
    return [...this.#outgoing].filter((transfer) => transfer.token === token);
  }
}
