/**
 * Sends a message that is too large for one event in parts (CEP-22).
 *
 * start → (accept, when the peer has not said that it takes transfers) → chunk … → end
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { SessionError } from "../../errors.ts";
import type { JsonRpcNotification } from "../types.ts";
import { cutText } from "../wire/chunks.ts";
import { type Frame, frameMessage, OVERSIZED_TRANSFER } from "../wire/frames.ts";
import { FrameWindow } from "./_frame_window.ts";
import { digestOf } from "./digest.ts";
import type { TransferLimits } from "./limits.ts";

const logger = getLogger(["cvm", "transport"]);

/** A frame that was handed to the relays. */
export interface PostedFrame {
  /** Resolves when a relay has it. */
  readonly taken: Promise<unknown>;
}

/** How frames leave. */
export interface FrameChannel<Posted extends PostedFrame> {
  /** What the text of a chunk may take in a frame, escaped twice, in bytes. */
  readonly maxChunkBytes: number;
  /** Signs a frame and hands it to the relays; `taken` resolves when one has it. */
  post(frame: JsonRpcNotification, frameType: string): Promise<Posted>;
}

/** Options of an {@linkcode OutgoingTransfer}. */
export interface OutgoingTransferOptions {
  /** The progress token of the request that the message is, or answers. */
  readonly token: string;
  /** Whether the peer has said that it takes transfers; otherwise its `accept` is waited for. */
  readonly isWelcome: boolean;
  /** The bounds. */
  readonly limits: TransferLimits;
  /** Called as frames are taken by a relay, with the share that has left: above 0, at most 1. */
  readonly onProgress?: (share: number) => void;
}

/** What a person sees who watches the progress. */
const FOR_PEOPLE: Readonly<Record<string, string | undefined>> = {
  start: "starting a large message",
  end: "the large message is complete",
};

/** One message on its way in parts. */
export class OutgoingTransfer {
  /** The progress token of the request that the message is, or answers. */
  readonly token: string;
  readonly #options: OutgoingTransferOptions;
  readonly #window: FrameWindow;
  /** Whether the peer knows how it ended. */
  #isKnown = false;
  #progress = 0;

  /** Prepares it; nothing happens unless the message turns out to be too large. */
  constructor(options: OutgoingTransferOptions) {
    this.#options = options;
    this.token = options.token;
    this.#window = new FrameWindow(options.limits.maxFramesInFlight);
  }

  /** The peer takes the transfer. */
  accept(): void {
    this.#window.accept();
  }

  /** The peer has all of it: should relays not say so, it is told of no failure. */
  arrived(): void {
    this.#isKnown = true;
  }

  /** The peer has ended the transfer. */
  abortedByPeer(reason: string): void {
    this.#isKnown = true;
    const why = reason === "" ? "" : `: ${reason}`;
    this.cancel(new SessionError("TRANSFER_FAILED", `the peer ended the transfer${why}`));
  }

  /** Ends the transfer; the peer is told unless it ended it itself. */
  cancel(reason: unknown): void {
    this.#window.stop(reason);
  }

  /**
   * Sends the message.
   *
   * @param text The message's JSON text.
   * @param channel How frames leave.
   * @returns The last frame, once it is handed to the relays; its `taken` waits for all of them.
   * @throws {SessionError} MESSAGE_TOO_LARGE when the message is beyond the bounds or the peer does not take transfers; TRANSFER_FAILED when the peer ended it or time ran out.
   * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took a frame.
   */
  async send<Posted extends PostedFrame>(
    text: string,
    channel: FrameChannel<Posted>,
  ): Promise<Posted> {
    const { limits, isWelcome, onProgress } = this.#options;
    const bytes = new TextEncoder().encode(text);
    const { maxTransferBytes, maxTransferChunks } = limits;
    if (bytes.length > maxTransferBytes) {
      throw tooLarge(`has ${bytes.length} bytes; limits.maxTransferBytes is ${maxTransferBytes}`);
    }
    const chunks = cutText(text, channel.maxChunkBytes);
    if (chunks.length > maxTransferChunks) {
      throw tooLarge(
        `has ${chunks.length} parts; limits.maxTransferChunks is ${maxTransferChunks}`,
      );
    }
    const digest = await digestOf(bytes);
    const timer = setTimeout(
      () => this.cancel(tooSlow(limits.transferTimeoutMs)),
      limits.transferTimeoutMs,
    );
    try {
      const totals = { totalBytes: bytes.length, totalChunks: chunks.length };
      await this.#post(channel, "start", { completionMode: "render", digest, ...totals });
      if (!isWelcome) await this.#waitForAccept();
      for (const [index, data] of chunks.entries()) {
        await this.#post(channel, "chunk", { data });
        onProgress?.((index + 1) / (chunks.length + 1));
      }
      const end = await this.#post(channel, "end", {});
      return { ...end, taken: this.#window.empty().catch((error) => this.#fail(channel, error)) };
    } catch (error) {
      return await this.#fail(channel, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #post<Posted extends PostedFrame>(
    channel: FrameChannel<Posted>,
    frameType: string,
    fields: Frame["fields"],
  ): Promise<Posted> {
    await this.#window.room();
    const posted = await channel.post(this.#frame(frameType, fields), frameType);
    this.#window.add(posted.taken);
    return posted;
  }

  #frame(frameType: string, fields: Frame["fields"]): JsonRpcNotification {
    const progress = ++this.#progress;
    return frameMessage(
      { profile: OVERSIZED_TRANSFER, frameType, token: this.token, progress, fields },
      FOR_PEOPLE[frameType],
    );
  }

  async #waitForAccept(): Promise<void> {
    const { acceptTimeoutMs } = this.#options.limits;
    await this.#window.accepted(acceptTimeoutMs, () => notAccepted(acceptTimeoutMs));
    this.#progress++; // the number of the accept
  }

  /** A transfer that fails tells the other side (faults F23). */
  async #fail(channel: FrameChannel<PostedFrame>, error: unknown): Promise<never> {
    if (this.#isKnown || this.#progress === 0) throw error;
    const reason = error instanceof SessionError ? error.message : "the sender gave up";
    try {
      await channel.post(this.#frame("abort", { reason }), "abort");
    } catch (failure) {
      logger.debug("the end of a transfer could not be told: {failure}", { failure });
    }
    throw error;
  }
}

function tooLarge(why: string): SessionError {
  return new SessionError("MESSAGE_TOO_LARGE", `the message ${why}`);
}

function tooSlow(timeoutMs: number): SessionError {
  return new SessionError(
    "TRANSFER_FAILED",
    `the transfer was not done within ${timeoutMs} ms (limits.transferTimeoutMs)`,
  );
}

function notAccepted(timeoutMs: number): SessionError {
  return new SessionError(
    "MESSAGE_TOO_LARGE",
    "the message does not fit an event, and the peer did not accept it in parts (CEP-22) within " +
      `${timeoutMs} ms (limits.acceptTimeoutMs)`,
  );
}
