import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { createPureEngine, pureEngine } from "../../crypto/pure_engine.ts";
import { CLIENT_KEY, OFF_CURVE, SERVER_KEY } from "./_fixtures.ts";

const HASH = new Uint8Array(32).fill(9);
/** The order of secp256k1, the first number that is no private key any more. */
const ORDER = hexToBytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

/** From the table of BIP-340. */
const BIP340 = [
  {
    name: "0: signed with key 3",
    publicKey: "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
    hash: "0".repeat(64),
    signature: "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215" +
      "25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0",
    holds: true,
  },
  {
    name: "4: a public key with zeros in front",
    publicKey: "d69c3509bb99e412e68b0fe8544e72837dfa30746d8be2aa65975f29d22dc7b9",
    hash: "4df3c3f68fcc83b27e9d42c90431a72499f17875c81a599b566c9889b9696703",
    signature: "00000000000000000000003b78ce563f89a0ed9414f5aa28ad0d96d6795f9c63" +
      "76afb1548af603b3eb45c9f8207dee1060cb71c04e80f593060b07d28308d7f4",
    holds: true,
  },
  {
    name: "5: the public key is not on the curve",
    publicKey: OFF_CURVE,
    hash: "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89",
    signature: "6cff5c3ba86c69ea4b7376f31a9bcb4f74c1976089b2d9963da2e5543e177769" +
      "69e89b4c5564d00349106b8497785dd7d1d713a8ae82b32fa79d5f7fc407d39b",
    holds: false,
  },
];

Deno.test("verify() decides the vectors of BIP-340", () => {
  for (const { name, publicKey, hash, signature, holds } of BIP340) {
    const actual = pureEngine.verify(
      hexToBytes(signature),
      hexToBytes(hash),
      hexToBytes(publicKey),
    );
    assertEquals(actual, holds, name);
  }
});

Deno.test("sign() makes a signature that verify() takes for that hash and key only", () => {
  const engine = createPureEngine();
  const publicKey = engine.getPublicKey(CLIENT_KEY);
  const signature = engine.sign(HASH, CLIENT_KEY);
  assertEquals(signature.length, 64);
  assert(engine.verify(signature, HASH, publicKey));
  assert(!engine.verify(signature, new Uint8Array(32), publicKey));
  assert(!engine.verify(signature, HASH, engine.getPublicKey(SERVER_KEY)));
});

Deno.test("sign() draws new randomness each time", () => {
  assertNotEquals(
    bytesToHex(pureEngine.sign(HASH, CLIENT_KEY)),
    bytesToHex(pureEngine.sign(HASH, CLIENT_KEY)),
  );
});

Deno.test("verify() returns false for bytes of the wrong length", () => {
  const publicKey = pureEngine.getPublicKey(CLIENT_KEY);
  const signature = pureEngine.sign(HASH, CLIENT_KEY);
  assert(!pureEngine.verify(signature.subarray(1), HASH, publicKey));
  assert(!pureEngine.verify(signature, HASH.subarray(1), publicKey));
  assert(!pureEngine.verify(signature, HASH, publicKey.subarray(1)));
  assert(!pureEngine.verify(new Uint8Array(0), new Uint8Array(0), new Uint8Array(0)));
});

Deno.test("generatePrivateKey() makes a new key of the curve each time", () => {
  const keys = Array.from({ length: 5 }, () => pureEngine.generatePrivateKey());
  assertEquals(new Set(keys.map(bytesToHex)).size, 5);
  for (const key of keys) assertEquals(pureEngine.getPublicKey(key).length, 32);
});

Deno.test("every operation refuses a private key that is none", () => {
  const publicKey = pureEngine.getPublicKey(CLIENT_KEY);
  for (const key of [new Uint8Array(32), ORDER, new Uint8Array(31).fill(1), new Uint8Array(0)]) {
    assertThrows(() => pureEngine.getPublicKey(key), RangeError);
    assertThrows(() => pureEngine.sign(HASH, key), RangeError);
    assertThrows(() => pureEngine.sharedSecret(key, publicKey), RangeError);
  }
});

Deno.test("sign() refuses what is not a hash", () => {
  assertThrows(() => pureEngine.sign(new Uint8Array(31), CLIENT_KEY), RangeError, "32 bytes");
});

Deno.test("sharedSecret() is the same from both sides", () => {
  const secret = pureEngine.sharedSecret(CLIENT_KEY, pureEngine.getPublicKey(SERVER_KEY));
  assertEquals(secret.length, 32);
  assertEquals(secret, pureEngine.sharedSecret(SERVER_KEY, pureEngine.getPublicKey(CLIENT_KEY)));
});

Deno.test("sharedSecret() refuses a public key that is not on the curve", () => {
  assertThrows(
    () => pureEngine.sharedSecret(CLIENT_KEY, hexToBytes(OFF_CURVE)),
    RangeError,
    "not the x coordinate",
  );
  assertThrows(() => pureEngine.sharedSecret(CLIENT_KEY, new Uint8Array(33)), RangeError);
});
