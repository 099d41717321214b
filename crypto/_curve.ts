/**
 * Which bytes are keys of secp256k1 at all.
 *
 * @module
 */
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** Whether the bytes are a private key: 32 of them, above zero and below the order of the curve. */
export function isPrivateKey(bytes: Uint8Array): boolean {
  return bytes instanceof Uint8Array && secp256k1.utils.isValidSecretKey(bytes);
}

/** Whether the bytes are a public key: 32 of them, the x coordinate of a point of the curve (BIP-340). */
export function isPublicKey(bytes: Uint8Array): boolean {
  if (!(bytes instanceof Uint8Array) || bytes.length !== 32) return false;
  try {
    schnorr.utils.lift_x(BigInt(`0x${bytesToHex(bytes)}`));
    return true;
  } catch {
    // lift_x has no other way to say that there is no such point.
    return false;
  }
}
