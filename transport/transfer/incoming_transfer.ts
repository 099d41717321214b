/**
 * One message that comes in parts (CEP-22): what is there of it, and whether
 * it can still become whole.
 *
 * @module
 */
import { EventError } from "../../errors.ts";
import type { JsonRpcMessage } from "../types.ts";
import type { Frame } from "../wire/frames.ts";
import { isNotification, parseMessage } from "../wire/message.ts";
import { digestOf } from "./digest.ts";
import type { TransferLimits } from "./limits.ts";

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Why a transfer can't begin, or can't go on; for the peer and for people. */
export type Problem = string;

/** What the first frame of a transfer declares. */
interface Declaration {
  readonly digest: string;
  readonly totalBytes: number;
  readonly totalChunks: number;
}

/**
 * Checks what a sender declares, before anything is kept.
 *
 * @param start The first frame.
 * @param limits The bounds.
 * @returns The transfer, or why it can't begin.
 */
export function beginTransfer(start: Frame, limits: TransferLimits): IncomingTransfer | Problem {
  const { completionMode, digest, totalBytes, totalChunks } = start.fields;
  if (completionMode !== "render") return "its completionMode is not render";
  if (typeof digest !== "string" || !DIGEST.test(digest)) {
    return "its digest is not sha256: and 64 hex digits";
  }
  if (!isCount(totalBytes)) return "its totalBytes is not a positive whole number";
  if (!isCount(totalChunks)) return "its totalChunks is not a positive whole number";
  if (totalBytes > limits.maxTransferBytes) {
    return `it has ${totalBytes} bytes; ${limits.maxTransferBytes} are the most`;
  }
  if (totalChunks > limits.maxTransferChunks) {
    return `it has ${totalChunks} chunks; ${limits.maxTransferChunks} are the most`;
  }
  return new IncomingTransfer(start, { digest, totalBytes, totalChunks });
}

/** One message that comes in parts. */
export class IncomingTransfer {
  /** The progress token that names it. */
  readonly token: string;
  readonly #start: Frame;
  readonly #declared: Declaration;
  readonly #chunks = new Map<number, string>();
  #bytes = 0;
  #end: number | undefined;

  /** @param start The first frame. @param declared What it declares, checked. */
  constructor(start: Frame, declared: Declaration) {
    this.token = start.token;
    this.#start = start;
    this.#declared = declared;
  }

  /** How much is there, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How much of the message is there, from 0 to 1. */
  get share(): number {
    return this.#chunks.size / this.#declared.totalChunks;
  }

  /** The chunks that have not come yet. */
  get missing(): number {
    return this.#declared.totalChunks - this.#chunks.size;
  }

  /** Whether the last frame has come; others may have been overtaken by it. */
  get hasEnd(): boolean {
    return this.#end !== undefined;
  }

  /** Whether another first frame is a copy of this one's. */
  isCopy({ progress, fields }: Frame): boolean {
    const { digest, totalBytes, totalChunks } = this.#declared;
    return this.#start.progress === progress && fields.digest === digest &&
      fields.totalBytes === totalBytes && fields.totalChunks === totalChunks;
  }

  /**
   * Takes a chunk that is not there already. Chunks may come in any order.
   *
   * @param frame The chunk.
   * @param bytes The bytes of its data.
   * @returns What is wrong, or `undefined`.
   */
  addChunk({ progress, fields }: Frame, bytes: number): Problem | undefined {
    const { data } = fields;
    if (typeof data !== "string") return "a chunk has no data";
    if (this.#chunks.has(progress)) return `two chunks differ that have the number ${progress}`;
    if (progress <= this.#start.progress) return "a chunk is not numbered after the start";
    if (this.#end !== undefined && progress >= this.#end) {
      return "a chunk is numbered after the end";
    }
    if (this.missing === 0) return "there are more chunks than declared";
    if (this.#bytes + bytes > this.#declared.totalBytes) {
      return "there are more bytes than declared";
    }
    this.#chunks.set(progress, data);
    this.#bytes += bytes;
    return undefined;
  }

  /** Whether this very chunk is there already. */
  hasChunk({ progress, fields }: Frame): boolean {
    const known = this.#chunks.get(progress);
    return known !== undefined && known === fields.data;
  }

  /** Takes the last frame; returns what is wrong, or `undefined`. */
  addEnd({ progress }: Frame): Problem | undefined {
    if (this.#end !== undefined) {
      return this.#end === progress ? undefined : "it has two different ends";
    }
    if (progress <= this.lastProgress) return "its end is not numbered last";
    this.#end = progress;
    return undefined;
  }

  /** The highest number among the frames that have come. */
  get lastProgress(): number {
    let last = this.#end ?? this.#start.progress;
    for (const progress of this.#chunks.keys()) if (progress > last) last = progress;
    return last;
  }

  /**
   * Puts the message together.
   *
   * @returns The message, proven to be the one that was sent.
   * @throws {EventError} EVENT_INVALID when it is another one, or none that may be sent in parts.
   */
  async assemble(): Promise<JsonRpcMessage> {
    const inOrder = [...this.#chunks].sort(([a], [b]) => a - b).map(([, data]) => data);
    const text = inOrder.join("");
    const bytes = new TextEncoder().encode(text);
    if (bytes.length !== this.#declared.totalBytes) {
      throw new EventError("EVENT_INVALID", "its length is not the one that was declared");
    }
    if (await digestOf(bytes) !== this.#declared.digest) {
      throw new EventError("EVENT_INVALID", "its digest is not the one that was declared");
    }
    const message = parseMessage(text);
    if (isNotification(message)) {
      throw new EventError("EVENT_INVALID", "only requests and answers are sent in parts");
    }
    return message;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
