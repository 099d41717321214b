/**
 * The symmetric operations by `node:crypto`, which Deno and Node.js have: from
 * some hundred bytes on it is several times as fast as plain JavaScript.
 *
 * @module
 */
import { createCipheriv, createHash, createHmac, getCiphers, hkdfSync } from "node:crypto";
import { type HkdfOptions, pureSymmetric, type SymmetricEngine } from "../../crypto/symmetric.ts";

/** ChaCha20 of OpenSSL takes the counter before the nonce. */
const COUNTER_BYTES = 4;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;

/** The symmetric operations by `node:crypto`. */
export const nodeSymmetric: SymmetricEngine = Object.freeze({
  name: "node",
  sha256: (data: Uint8Array) => bytesOf(createHash("sha256").update(data).digest()),
  hmacSha256: (key: Uint8Array, ...parts: readonly Uint8Array[]) => {
    const mac = createHmac("sha256", key);
    for (const part of parts) mac.update(part);
    return bytesOf(mac.digest());
  },
  hkdfSha256: (secret: Uint8Array, { salt, info, length }: HkdfOptions) =>
    new Uint8Array(hkdfSync("sha256", secret, salt, info, length)),
  // `node:crypto` of Deno 2.4 does not have it.
  chacha20: getCiphers().includes("chacha20") ? chacha20 : pureSymmetric.chacha20,
});

function chacha20(key: Uint8Array, nonce: Uint8Array, data: Uint8Array): Uint8Array {
  // OpenSSL would take any nonce that fits.
  if (key.length !== KEY_BYTES || nonce.length !== NONCE_BYTES) {
    throw new RangeError("ChaCha20 takes a key of 32 bytes and a nonce of 12");
  }
  const iv = new Uint8Array(COUNTER_BYTES + NONCE_BYTES);
  iv.set(nonce, COUNTER_BYTES);
  const cipher = createCipheriv("chacha20", key, iv);
  const result = bytesOf(cipher.update(data));
  cipher.final(); // of no length; without it, Deno keeps the cipher for good
  return result;
}

/** The same memory as a plain `Uint8Array`: a `Buffer` behaves differently in some methods. */
function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
