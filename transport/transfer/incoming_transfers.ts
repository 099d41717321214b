/**
 * Receives the messages of one peer that come in parts (CEP-22).
 *
 * Nothing of a message is seen before all of it has come and its digest is
 * right. Whatever is put together takes the way of every other message from
 * there: access, limits, price (faults F02).
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { EventError, SessionError } from "../../errors.ts";
import type { JsonRpcMessage, JsonRpcNotification } from "../types.ts";
import { utf8Length } from "../wire/event_size.ts";
import { type Frame, frameMessage, OVERSIZED_TRANSFER } from "../wire/frames.ts";
import { EarlyFrames } from "./_early_frames.ts";
import { beginTransfer, type IncomingTransfer, type Problem } from "./incoming_transfer.ts";
import type { Memory, TransferLimits } from "./limits.ts";

const logger = getLogger(["cvm", "transport"]);

/** Transfers that are over, remembered so that late frames of theirs are not kept as early ones. */
const MAX_ENDED = 64;

const NO_MEMORY: Problem = "there is no memory left for more transfers";

/** Options of {@linkcode IncomingTransfers}; `Context` is what comes with a frame. */
export interface IncomingTransfersOptions<Context> {
  /** The bounds. */
  readonly limits: TransferLimits;
  /** The memory for the parts of all peers. */
  readonly budget: Memory;
  /** What keeping a context takes, in bytes. Default: nothing. */
  readonly weigh?: (context: Context) => number;
  /** Sends an `accept` or an `abort` to the peer. */
  readonly reply: (frame: JsonRpcNotification, context: Context) => void;
  /** Takes a message that is whole, with what came with its last frame. */
  readonly onMessage: (message: JsonRpcMessage, last: Context) => void;
  /** Told of each frame that brings a transfer on, and how much of it is there, at most 1. */
  readonly onProgress?: (share: number, context: Context) => void;
  /** Told why a transfer failed; the peer knows already. */
  readonly onFailed?: (error: SessionError, context: Context) => void;
}

/** A transfer with its timers. */
interface Entry<Context> {
  readonly transfer: IncomingTransfer;
  readonly deadline: ReturnType<typeof setTimeout>;
  idle?: ReturnType<typeof setTimeout>;
  /** What came with the last frame, once that is there; with the first one before. */
  context: Context;
  /** What that takes, in bytes. */
  contextBytes: number;
}

/** The transfers of one peer. */
export class IncomingTransfers<Context> {
  readonly #options: IncomingTransfersOptions<Context>;
  readonly #entries = new Map<string, Entry<Context>>();
  readonly #ended = new Set<string>();
  readonly #early: EarlyFrames<Context>;
  #verifying: Promise<void> | undefined;

  /** @param options The bounds, and where messages go. */
  constructor(options: IncomingTransfersOptions<Context>) {
    this.#options = options;
    this.#early = new EarlyFrames({
      ...options,
      onLost: ({ frame, context }) => this.#tell(frame, "its first frame is missing", context),
    });
  }

  /** The transfers that are under way. */
  get size(): number {
    return this.#entries.size;
  }

  /** Settles when what has come whole by now has been handed on; `undefined` when nothing waits for that. */
  get verifying(): Promise<void> | undefined {
    return this.#verifying;
  }

  /** Whether a transfer with this token is under way. */
  has(token: string): boolean {
    return this.#entries.has(token);
  }

  /**
   * Takes a frame.
   *
   * @param frame A `start`, `chunk`, `end` or `abort` of the peer.
   * @param context What came with it.
   * @param options `wantsAccept`: whether the sender can't know that we take transfers.
   */
  receive(frame: Frame, context: Context, options: { readonly wantsAccept: boolean }): void {
    const entry = this.#entries.get(frame.token);
    if (frame.frameType === "start") this.#start(frame, context, entry, options.wantsAccept);
    else if (entry === undefined) this.#keepEarly(frame, context);
    else if (frame.frameType === "abort") this.#abort(entry, frame, context);
    else this.#advance(entry, frame, context);
  }

  /** Forgets what has come under a token; nobody is told. */
  forget(token: string): void {
    const entry = this.#entries.get(token);
    if (entry !== undefined) this.#drop(entry);
  }

  /** Forgets everything; nobody is told. */
  close(): void {
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
    this.#early.clear();
  }

  #start(
    frame: Frame,
    context: Context,
    known: Entry<Context> | undefined,
    wantsAccept: boolean,
  ): void {
    if (known !== undefined) {
      if (known.transfer.isCopy(frame)) return;
      return this.#fail(known, "another transfer was started under the same token");
    }
    const { maxTransfers, transferTimeoutMs } = this.#options.limits;
    const contextBytes = this.#weigh(context);
    const transfer = this.size >= maxTransfers
      ? `${maxTransfers} transfers are under way already`
      : beginTransfer(frame, this.#options.limits);
    if (typeof transfer === "string") return this.#tell(frame, transfer, context);
    if (!this.#options.budget.take(contextBytes)) return this.#tell(frame, NO_MEMORY, context);
    const entry: Entry<Context> = {
      transfer,
      deadline: setTimeout(
        () => this.#fail(entry, `it was not done within ${transferTimeoutMs} ms`),
        transferTimeoutMs,
      ),
      context,
      contextBytes,
    };
    this.#entries.set(frame.token, entry);
    this.#awaitMore(entry);
    if (wantsAccept) this.#reply("accept", frame, context, {});
    for (const early of this.#early.take(frame.token)) {
      if (this.has(frame.token)) this.#advance(entry, early.frame, early.context);
    }
  }

  #advance(entry: Entry<Context>, frame: Frame, context: Context): void {
    const { transfer } = entry;
    const before = transfer.share;
    const hadEnd = transfer.hasEnd;
    const problem = this.#add(transfer, frame) ??
      (transfer.hasEnd === hadEnd ? undefined : this.#replaceContext(entry, context));
    if (problem !== undefined) return this.#fail(entry, problem);
    if (transfer.share > before) this.#options.onProgress?.(transfer.share, context);
    if (transfer.hasEnd && transfer.missing === 0) this.#verify(entry);
    else this.#awaitMore(entry);
  }

  #add(transfer: IncomingTransfer, frame: Frame): Problem | undefined {
    const { frameType, fields } = frame;
    if (frameType === "end") return transfer.addEnd(frame);
    if (frameType !== "chunk") {
      return `a frame of the type ${JSON.stringify(frameType.slice(0, 20))} does not belong there`;
    }
    if (transfer.hasChunk(frame)) return undefined;
    const bytes = bytesOf(fields);
    if (!this.#options.budget.take(bytes)) return NO_MEMORY;
    const problem = transfer.addChunk(frame, bytes);
    if (problem !== undefined) this.#options.budget.give(bytes);
    return problem;
  }

  #weigh(context: Context): number {
    return this.#options.weigh?.(context) ?? 0;
  }

  #replaceContext(entry: Entry<Context>, context: Context): Problem | undefined {
    const { budget } = this.#options;
    budget.give(entry.contextBytes);
    entry.contextBytes = 0;
    entry.context = context;
    const bytes = this.#weigh(context);
    if (!budget.take(bytes)) return NO_MEMORY;
    entry.contextBytes = bytes;
    return undefined;
  }

  /** Waits for the next frame; after the last one, for those that it overtook. */
  #awaitMore(entry: Entry<Context>): void {
    const { transferGraceMs, transferIdleMs } = this.#options.limits;
    clearTimeout(entry.idle);
    entry.idle = entry.transfer.hasEnd
      ? setTimeout(
        () => this.#fail(entry, `${entry.transfer.missing} chunks are missing at its end`),
        transferGraceMs,
      )
      : setTimeout(
        () => this.#fail(entry, `nothing came for ${transferIdleMs} ms`),
        transferIdleMs,
      );
  }

  #verify(entry: Entry<Context>): void {
    const { transfer } = entry;
    this.#detach(entry);
    // One after the other, so that messages keep the order in which they were whole.
    const verifying = (this.#verifying ?? Promise.resolve()).then(async () => {
      try {
        this.#options.onMessage(await transfer.assemble(), entry.context);
      } catch (error) {
        if (!(error instanceof EventError)) throw error;
        this.#tell(positionOf(transfer), error.message, entry.context);
      }
    }).finally(() => {
      this.#giveBack(entry);
      if (this.#verifying === verifying) this.#verifying = undefined;
    });
    this.#verifying = verifying;
  }

  #abort(entry: Entry<Context>, { fields: { reason } }: Frame, context: Context): void {
    this.#drop(entry);
    const why = typeof reason === "string" ? `: ${reason.slice(0, 200)}` : "";
    this.#report(`the peer ended it${why}`, context);
  }

  /** A transfer that fails here: the peer is told (faults F23). */
  #fail(entry: Entry<Context>, reason: Problem): void {
    this.#drop(entry);
    this.#tell(positionOf(entry.transfer), reason, entry.context);
  }

  #tell(last: Pick<Frame, "token" | "progress">, reason: Problem, context: Context): void {
    this.#remember(last.token);
    this.#reply("abort", last, context, { reason });
    this.#report(reason, context);
  }

  #report(reason: Problem, context: Context): void {
    const message = `a message in parts did not arrive: ${reason}`;
    logger.debug(message);
    this.#options.onFailed?.(new SessionError("TRANSFER_FAILED", message), context);
  }

  #drop(entry: Entry<Context>): void {
    this.#detach(entry);
    this.#giveBack(entry);
  }

  #giveBack({ transfer, contextBytes }: Entry<Context>): void {
    this.#options.budget.give(transfer.bytes + contextBytes);
  }

  #detach({ transfer, deadline, idle }: Entry<Context>): void {
    clearTimeout(deadline);
    clearTimeout(idle);
    this.#entries.delete(transfer.token);
    this.#remember(transfer.token);
  }

  /** A frame whose transfer has not begun: it may have overtaken the first one by way of another relay. */
  #keepEarly(frame: Frame, context: Context): void {
    const { frameType, fields, token } = frame;
    if ((frameType !== "chunk" && frameType !== "end") || this.#ended.has(token)) return;
    this.#early.keep({ frame, context }, bytesOf(fields) + this.#weigh(context));
  }

  #remember(token: string): void {
    this.#ended.add(token);
    if (this.#ended.size <= MAX_ENDED) return;
    const oldest = this.#ended.values().next();
    if (!oldest.done) this.#ended.delete(oldest.value);
  }

  #reply(
    frameType: "accept" | "abort",
    { token, progress }: Pick<Frame, "token" | "progress">,
    context: Context,
    fields: Frame["fields"],
  ): void {
    const profile = OVERSIZED_TRANSFER;
    this.#options.reply(
      frameMessage({ profile, frameType, token, progress: progress + 1, fields }),
      context,
    );
  }
}

function bytesOf({ data }: Frame["fields"]): number {
  return typeof data === "string" ? utf8Length(data) : 0;
}

/** Where an `abort` stands in the order of frames. */
function positionOf({ token, lastProgress }: IncomingTransfer): Pick<Frame, "token" | "progress"> {
  return { token, progress: lastProgress };
}
