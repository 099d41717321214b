/**
 * Frames: parts of something larger, each in an MCP progress notification of
 * its own. Oversized transfers (CEP-22) and open streams (CEP-41) share the
 * envelope; the `cvm` object in the notification's parameters tells them
 * apart.
 *
 * @module
 */
import type { JsonRpcMessage, JsonRpcNotification, ProgressToken } from "../types.ts";
import { isObject } from "./json.ts";
import { isNotification } from "./message.ts";

/** A message that is too large for one event (CEP-22). */
export const OVERSIZED_TRANSFER = "oversized-transfer";
/** Data that comes piece by piece beside a call (CEP-41). */
export const OPEN_STREAM = "open-stream";

/** A longer progress token names no frames: each of them would carry it. In UTF-16 code units. */
const MAX_TOKEN_LENGTH = 256;

/** What frames are part of. */
export type FrameProfile = typeof OVERSIZED_TRANSFER | typeof OPEN_STREAM;

/** One frame, as it came: the envelope is checked, the fields are not. */
export interface Frame {
  /** What it is part of. */
  readonly profile: FrameProfile;
  /** `start`, `accept`, `chunk`, `end` and the like. */
  readonly frameType: string;
  /** The progress token of the request, always as a string: peers send numbers as strings here. */
  readonly token: string;
  /** Orders the frames of one sender. */
  readonly progress: number;
  /** The fields of the `cvm` object. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * @param message Any message.
 * @returns The frame that it carries; `undefined` when it carries none.
 */
export function frameOf(message: JsonRpcMessage): Frame | undefined {
  if (!isNotification(message) || message.method !== "notifications/progress") return undefined;
  const { progressToken, progress, cvm } = message.params ?? {};
  if (!isObject(cvm) || typeof cvm.frameType !== "string") return undefined;
  if (cvm.type !== OVERSIZED_TRANSFER && cvm.type !== OPEN_STREAM) return undefined;
  if (typeof progressToken !== "string" && typeof progressToken !== "number") return undefined;
  if (!mayNameFrames(progressToken)) return undefined;
  if (typeof progress !== "number" || !Number.isFinite(progress)) return undefined;
  return {
    profile: cvm.type,
    frameType: cvm.frameType,
    token: String(progressToken),
    progress,
    fields: cvm,
  };
}

/** Whether a progress token is short enough to stand in every frame. */
export function mayNameFrames(token: ProgressToken): boolean {
  return String(token).length <= MAX_TOKEN_LENGTH;
}

/** The notification that carries a frame; `text` is for people who watch the progress. */
export function frameMessage(
  frame: Omit<Frame, "fields"> & { readonly fields?: Frame["fields"] },
  text?: string,
): JsonRpcNotification {
  const { profile, frameType, token, progress, fields } = frame;
  return {
    jsonrpc: "2.0",
    method: "notifications/progress",
    params: {
      progressToken: token,
      progress,
      ...(text === undefined ? {} : { message: text }),
      cvm: { type: profile, frameType, ...fields },
    },
  };
}
