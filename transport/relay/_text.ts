/**
 * A stranger's words, made fit for a message or a terminal.
 *
 * @module
 */

/** The most characters kept of what a relay says. */
const MAX_TEXT_LENGTH = 300;

// Control characters, the line separators, and the marks that reorder or hide text.
// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g;

/**
 * Cuts a text short and takes out control characters.
 * @param value What a relay sent where a text belongs.
 * @returns One printable line of at most 300 characters; empty when `value` is no string.
 */
export function plainText(value: unknown): string {
  if (typeof value !== "string") return "";
  // Cut first: the pattern never runs over more than a bounded piece.
  const cut = value.slice(0, MAX_TEXT_LENGTH + 1).replace(UNPRINTABLE, " ").replace(/ +/g, " ")
    .trim();
  return (cut.length > MAX_TEXT_LENGTH ? cut.slice(0, MAX_TEXT_LENGTH - 1) + "…" : cut)
    .toWellFormed();
}

/**
 * The message of anything that was thrown.
 * @param error What was thrown.
 * @returns One printable line.
 */
export function errorText(error: unknown): string {
  return plainText(error instanceof Error ? error.message : String(error)) || "unknown error";
}
