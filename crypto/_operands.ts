/**
 * What all engines have in common: how they check what they are given, and how
 * they make keys. So they behave alike, also with hostile input.
 *
 * @module
 */
import { schnorr } from "@noble/curves/secp256k1.js";
import { isPrivateKey } from "./_curve.ts";

/** The length of a hash, of a private key and of an x coordinate. */
const FIELD_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** The random bytes of which a private key is made, so that none is likelier than another. */
const SEED_BYTES = 48;
/** The first byte of a compressed point whose y is even, the one that BIP-340 means. */
const EVEN_Y = 0x02;

/** Fresh random bytes of the runtime. */
export function secureRandomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** A private key that is valid on the curve. */
export function makePrivateKey(randomBytes: (length: number) => Uint8Array): Uint8Array {
  const seed = randomBytes(SEED_BYTES);
  try {
    return schnorr.utils.randomSecretKey(seed);
  } finally {
    seed.fill(0);
  }
}

/** @throws {RangeError} When the bytes are no private key. */
export function checkPrivateKey(privateKey: Uint8Array): void {
  if (!isPrivateKey(privateKey)) {
    throw new RangeError("The private key is not 32 bytes between 1 and the order of secp256k1");
  }
}

/** @throws {RangeError} When the bytes are no hash. */
export function checkHash(hash: Uint8Array): void {
  if (!hasLength(hash, FIELD_BYTES)) throw new RangeError("A hash to sign has 32 bytes");
}

/** @throws {RangeError} When one of the two is not what its name says. */
export function checkSigning(hash: Uint8Array, privateKey: Uint8Array): void {
  checkHash(hash);
  checkPrivateKey(privateKey);
}

/** Whether all three have the lengths that a signature, a hash and a public key have. */
export function areVerifiable(
  signature: Uint8Array,
  hash: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  return hasLength(signature, SIGNATURE_BYTES) && hasLength(hash, FIELD_BYTES) &&
    hasLength(publicKey, FIELD_BYTES);
}

/**
 * The point that an x-only public key means, compressed.
 *
 * @throws {RangeError} When it has not 32 bytes. Whether there is such a point is not checked.
 */
export function evenPoint(publicKey: Uint8Array): Uint8Array {
  if (!hasLength(publicKey, FIELD_BYTES)) throw new RangeError("A public key has 32 bytes");
  const compressed = new Uint8Array(1 + FIELD_BYTES);
  compressed[0] = EVEN_Y;
  compressed.set(publicKey, 1);
  return compressed;
}

/** What to throw when a public key is not on the curve. */
export function notOnCurve(options?: ErrorOptions): RangeError {
  return new RangeError(
    "The public key is not the x coordinate of a point on secp256k1",
    options,
  );
}

function hasLength(bytes: Uint8Array, length: number): boolean {
  return bytes instanceof Uint8Array && bytes.length === length;
}
