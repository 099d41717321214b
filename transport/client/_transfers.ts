/**
 * The messages between a client and its server that do not fit one event
 * (CEP-22).
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { Inbound } from "../session/inbox.ts";
import { eventWeight } from "../wire/event_size.ts";
import type { SessionLimits } from "../session/limits.ts";
import { ByteBudget } from "../transfer/limits.ts";
import { OutgoingTransfer } from "../transfer/outgoing_transfer.ts";
import { Transfers } from "../transfer/transfers.ts";
import type { JsonRpcMessage, JsonRpcNotification, JsonRpcRequest } from "../types.ts";
import { type Frame, mayNameFrames } from "../wire/frames.ts";
import { progressTokenOf, transferToken, withProgressToken } from "../wire/message.ts";
import { hasSupportFlag, tagValue } from "../wire/tags.ts";
import type { Pending, PendingRequests } from "./_pending.ts";

/** How a request leaves. */
export interface RequestDeparture {
  /** Whether the server has said that it takes messages in parts. */
  readonly isWelcome: boolean;
  /** Takes back what has left of a request in parts. */
  readonly signal: AbortSignal;
  /** Told how much of a request in parts has left, at most 1. */
  readonly onProgress: (share: number) => void;
  /** Sends the request; the transfer is `undefined` for one that can't leave in parts. */
  readonly post: (transfer: OutgoingTransfer | undefined) => Promise<void>;
}

/** Options of {@linkcode ClientTransfers}. */
export interface ClientTransfersOptions {
  /** The bounds. */
  readonly limits: SessionLimits;
  /** The requests that wait for an answer. */
  readonly pending: PendingRequests;
  /** Makes tokens that no other client of the server makes. */
  readonly salt: string;
  /** Sends an `accept` or an `abort` to the server. */
  readonly reply: (frame: JsonRpcNotification, inbound: Inbound) => void;
  /** Takes the answer to a request. */
  readonly onAnswer: (answer: JsonRpcMessage, pending: Pending) => void;
  /** Told why a request can't be answered any more. */
  readonly onFailed: (pending: Pending, error: SessionError) => void;
  /** Tells the caller that its request gets on, so that no soft timeout ends it. */
  readonly onProgress: (report: JsonRpcNotification) => void;
}

/** The messages in parts of one client. */
export class ClientTransfers {
  readonly #options: ClientTransfersOptions;
  readonly #transfers: Transfers<Inbound>;
  #tokens = 0;

  /** @param options The bounds, and where messages go. */
  constructor(options: ClientTransfersOptions) {
    this.#options = options;
    const { limits, reply, onAnswer, onFailed } = options;
    this.#transfers = new Transfers<Inbound>({
      limits,
      budget: new ByteBudget(limits.maxBufferedBytes),
      weigh: ({ event }) => eventWeight(event),
      reply,
      onMessage: (message, last) => this.#withPending(last, (one) => onAnswer(message, one)),
      onFailed: (error, inbound) => this.#withPending(inbound, (one) => onFailed(one, error)),
      onProgress: (share, inbound) =>
        this.#withPending(inbound, ({ callersToken, progress }) => {
          if (callersToken !== undefined) this.#report(callersToken, progress + (1 + share) / 2);
        }),
    });
  }

  /** A request that can be sent and answered in parts although its caller wants no progress reports. */
  withToken(request: JsonRpcRequest): JsonRpcRequest {
    if (progressTokenOf(request) !== undefined) return request;
    return withProgressToken(request, transferToken(`${this.#options.salt}-${++this.#tokens}`));
  }

  /**
   * Sends a request, in parts if need be.
   *
   * @param sent The request as it leaves.
   * @param departure How.
   */
  async send(
    sent: JsonRpcRequest,
    { isWelcome, signal, onProgress, post }: RequestDeparture,
  ): Promise<void> {
    const token = progressTokenOf(sent);
    if (token === undefined || !mayNameFrames(token)) return await post(undefined);
    const transfer = new OutgoingTransfer({
      token: String(token),
      isWelcome,
      limits: this.#options.limits,
      onProgress,
    });
    const cancel = () => transfer.cancel(signal.reason);
    signal.addEventListener("abort", cancel, { once: true });
    try {
      await this.#transfers.during(transfer, () => post(transfer));
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  /** Forgets what has come of the answer to a request that nobody waits for any more. */
  forget(token: string): void {
    this.#transfers.forget(token);
  }

  /** Whether a frame is the server's answer to parts that are leaving. */
  answers({ frameType, token }: Frame): boolean {
    return (frameType === "accept" || frameType === "abort") && this.#transfers.isSending(token);
  }

  /** Whether a frame of the server belongs to a transfer that is under way. */
  expects(frame: Frame): boolean {
    return this.#transfers.expects(frame);
  }

  /** Takes a frame of the server that is expected. */
  receive(frame: Frame, inbound: Inbound): void {
    if (frame.frameType === "abort" && !this.#transfers.expects(frame)) {
      this.#refused(frame);
    } else {
      this.#transfers.receive(frame, inbound, { wantsAccept: hasSupportFlag(inbound.event.tags) });
    }
  }

  /** Ends everything. */
  close(reason: unknown): void {
    this.#transfers.close(reason);
  }

  /** The server could not read a request whose parts had all left. */
  #refused({ token, fields }: Frame): void {
    const why = typeof fields.reason === "string" ? `: ${fields.reason.slice(0, 200)}` : "";
    const error = new SessionError("TRANSFER_FAILED", `the server did not take the message${why}`);
    for (const pending of this.#options.pending.withToken(token)) {
      this.#options.onFailed(pending, error);
    }
  }

  #withPending({ event }: Inbound, work: (pending: Pending) => void): void {
    const pending = this.#options.pending.get(tagValue(event.tags, "e"));
    if (pending !== undefined) work(pending);
  }

  #report(progressToken: string | number, progress: number): void {
    const params = { progressToken, progress };
    this.#options.onProgress({ jsonrpc: "2.0", method: "notifications/progress", params });
  }
}
