/**
 * Cuts a text into pieces by the room that each takes on the wire.
 *
 * A piece stands in the JSON text of a notification, which stands in the JSON
 * text of an event: it is escaped twice. A quotation mark takes four bytes
 * there.
 *
 * @module
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;
/** `\b \t \n \f \r`, which JSON writes as two characters. */
const SHORT_ESCAPES = new Set([0x08, 0x09, 0x0a, 0x0c, 0x0d]);

/** The bytes of each code unit below 128, escaped twice. */
const ASCII_COST = Uint8Array.from({ length: 128 }, (_, unit) => {
  if (unit === QUOTE || unit === BACKSLASH) return 4;
  if (unit >= FIRST_PRINTABLE) return 1;
  return SHORT_ESCAPES.has(unit) ? 3 : 7;
});

/** `\udXXX`, as JSON writes half of a pair, with its backslash escaped once more. */
const LONE_SURROGATE_COST = 7;

/**
 * @param text Any text.
 * @param maxBytes What a piece may take, escaped twice, in bytes; at least 8.
 * @returns The pieces in order; no code point is cut apart.
 * @throws {RangeError} When `maxBytes` is below 8.
 */
export function cutText(text: string, maxBytes: number): string[] {
  if (!(maxBytes >= 8)) throw new RangeError(`maxBytes must be at least 8, got ${maxBytes}`);
  const pieces: string[] = [];
  let start = 0;
  let bytes = 0;
  for (let at = 0; at < text.length;) {
    const unit = text.charCodeAt(at);
    const isAscii = unit < ASCII_COST.length;
    const point = isAscii ? unit : text.codePointAt(at)!;
    const cost = isAscii ? ASCII_COST[unit]! : costOf(point);
    if (bytes + cost > maxBytes) {
      pieces.push(text.slice(start, at));
      start = at;
      bytes = 0;
    }
    bytes += cost;
    at += point > 0xffff ? 2 : 1;
  }
  if (start < text.length) pieces.push(text.slice(start));
  return pieces;
}

/** The bytes of a code point beyond ASCII, escaped twice. */
function costOf(point: number): number {
  if (point < 0x800) return 2;
  if (point > 0xffff) return 4;
  return point >= 0xd800 && point < 0xe000 ? LONE_SURROGATE_COST : 3;
}
