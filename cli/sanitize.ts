// deno-lint-ignore-file no-control-regex -- control characters are what this module is about
/**
 * Text that came from a peer or a relay, made harmless for a terminal.
 *
 * @module
 */

// Escape sequences as a whole: CSI, the string sequences (OSC, DCS, SOS, PM, APC) up to their end, and two-byte escapes.
const SEQUENCES =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g;
// What is left of C0 and C1, but tab and line feed; marks that reorder text.
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const UNSAFE_IN_JSON = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Removes escape sequences, control characters and marks that reorder text.
 * Line feeds and tabs stay.
 *
 * @param text Text that someone else wrote.
 * @returns The text, harmless for a terminal.
 */
export function sanitizeText(text: string): string {
  return text.replace(SEQUENCES, "").replace(CONTROLS, "");
}

/**
 * Like {@linkcode sanitizeText}, for one line of bounded length.
 *
 * @param text Text that someone else wrote.
 * @param maxLength Longest result in UTF-16 code units; what is beyond becomes `…`.
 * @returns One line.
 */
export function sanitizeLine(text: string, maxLength = 500): string {
  const line = sanitizeText(text).replace(/\s+/g, " ").trim();
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}

/**
 * JSON without a byte that a terminal could take for a command. Nothing is
 * lost: what is dangerous is written as an escape.
 *
 * @param value What is printed.
 * @param indent Spaces per level; 0 for one line.
 * @returns The JSON text, without a line feed at its end.
 */
export function toSafeJson(value: unknown, indent = 0): string {
  const json = JSON.stringify(value, null, indent) ?? "null";
  return json.replace(
    UNSAFE_IN_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
