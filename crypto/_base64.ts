/**
 * Base64 (RFC 4648, with padding), by the runtime's own methods where it has
 * them. Decoding takes the canonical form only: one text per list of bytes, so
 * that nobody can change a payload without changing what it holds.
 *
 * @module
 */

/** As many bytes as `String.fromCharCode` surely takes as arguments at once. */
const CHUNK_BYTES = 8_192;

/** The length of the base64 text of so many bytes. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** The methods of newer runtimes, which older ones and their types do not have. */
interface Base64Bytes {
  toBase64?(): string;
}

interface Base64Constructor {
  fromBase64?(text: string, options: { lastChunkHandling: "strict" }): Uint8Array;
}

/** Bytes as base64. */
export function encodeBase64(bytes: Uint8Array & Base64Bytes): string {
  return typeof bytes.toBase64 === "function" ? bytes.toBase64() : encodeBase64Portable(bytes);
}

/**
 * Base64 as bytes.
 *
 * @throws {SyntaxError} When the text is not base64 in its canonical form: a
 * strange character, white space, missing padding, or stray bits at the end.
 */
export function decodeBase64(text: string): Uint8Array {
  const { fromBase64 } = Uint8Array as typeof Uint8Array & Base64Constructor;
  if (typeof fromBase64 !== "function") return decodeBase64Portable(text);
  const bytes = fromBase64.call(Uint8Array, text, { lastChunkHandling: "strict" });
  // White space is all that the strict mode still skips, and it makes the text longer.
  if (text.length !== base64Length(bytes.length)) throw notCanonical();
  return bytes;
}

/** As {@linkcode encodeBase64}, for runtimes without `Uint8Array.prototype.toBase64`. */
export function encodeBase64Portable(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK_BYTES));
  }
  return btoa(binary);
}

/** As {@linkcode decodeBase64}, for runtimes without `Uint8Array.fromBase64`. */
export function decodeBase64Portable(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw new SyntaxError("The text is not base64", { cause });
  }
  if (btoa(binary) !== text) throw notCanonical();
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

function notCanonical(): SyntaxError {
  return new SyntaxError("The text is not base64 in its canonical form");
}
