/**
 * What counts as hex on the wire of Nostr: lower case, and of an exact length.
 *
 * @module
 */

const LOWER_HEX = /^[0-9a-f]*$/;

/** Whether `value` is a string of exactly `bytes` bytes in lower-case hex. */
export function isHex(value: unknown, bytes: number): value is string {
  return typeof value === "string" && value.length === bytes * 2 && LOWER_HEX.test(value);
}
