/**
 * The digest by which a message in parts is known to have arrived whole
 * (CEP-22).
 *
 * @module
 */
import { bytesToHex } from "@noble/hashes/utils.js";

/**
 * @param bytes The message's JSON text in UTF-8, to the letter as it was sent.
 * @returns `sha256:` and 64 lower-case hex digits.
 */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return `sha256:${bytesToHex(new Uint8Array(hash))}`;
}
