/**
 * What a relay says (NIP-01, NIP-42), read from a frame that may hold anything.
 *
 * @module
 */
import { plainText } from "./_text.ts";

/** The longest challenge that is answered, characters. */
const MAX_CHALLENGE_LENGTH = 1_024;

/** The longest subscription or event id that can be one of ours, characters. */
const MAX_ID_LENGTH = 64;

const encoder = new TextEncoder();

/** A frame from a relay; texts are bounded and printable. The event is still unchecked. */
export type RelayMessage =
  | { readonly type: "EVENT"; readonly id: string; readonly event: unknown }
  | { readonly type: "EOSE"; readonly id: string }
  | { readonly type: "CLOSED"; readonly id: string; readonly reason: string }
  | {
    readonly type: "OK";
    readonly id: string;
    readonly accepted: boolean;
    readonly reason: string;
  }
  | { readonly type: "AUTH"; readonly challenge: string }
  | { readonly type: "NOTICE"; readonly text: string };

/**
 * Reads a frame. Never throws.
 * @param data What the socket delivered.
 * @param maxBytes A larger frame is not read.
 * @returns What the relay says, or `undefined` when that is nothing.
 */
export function readFrame(data: unknown, maxBytes: number): RelayMessage | undefined {
  if (typeof data !== "string" || isLarger(data, maxBytes)) return undefined;
  const message = parseJson(data);
  if (!Array.isArray(message)) return undefined;
  const [type, first, second, third] = message;
  switch (type) {
    case "EVENT":
      return isId(first) ? { type, id: first, event: second } : undefined;
    case "EOSE":
      return isId(first) ? { type, id: first } : undefined;
    case "CLOSED":
      return isId(first) ? { type, id: first, reason: plainText(second) } : undefined;
    case "OK":
      return isId(first) && typeof second === "boolean"
        ? { type, id: first, accepted: second, reason: plainText(third) }
        : undefined;
    case "AUTH":
      return typeof first === "string" && first !== "" && first.length <= MAX_CHALLENGE_LENGTH
        ? { type, challenge: first }
        : undefined;
    case "NOTICE":
      return typeof first === "string" ? { type, text: plainText(first) } : undefined;
    default:
      return undefined;
  }
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_ID_LENGTH;
}

/** Whether a text has more than so many bytes of UTF-8; looks at its length first. */
function isLarger(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  if (text.length * 3 <= maxBytes) return false;
  return encoder.encode(text).length > maxBytes;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A peer's garbage is nobody's error: the caller counts it.
    return undefined;
  }
}
