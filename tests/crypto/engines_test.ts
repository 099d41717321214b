import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { openNativeEngine } from "../../cli/crypto/mod.ts";
import { pureEngine } from "../../crypto/pure_engine.ts";
import { createWasmEngine, loadWasmEngine } from "../../crypto/wasm_engine.ts";
import { CvmError } from "../../errors.ts";
import { codeOf } from "../cli/helpers.ts";
import { BIP340_VECTORS } from "../testdata/bip340_vectors.ts";
import { openEngines } from "./_engines.ts";
import { CLIENT_KEY, OFF_CURVE, SERVER_KEY } from "./_fixtures.ts";

const HASH = new Uint8Array(32).fill(9);
/** The order of secp256k1, the first number that is no private key any more. */
const ORDER = hexToBytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
/** The size of the field, the first number that is no coordinate any more. */
const FIELD = hexToBytes("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f");

Deno.test("verify() of every engine decides the vectors of BIP-340", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    for (const { name, publicKey, hash, signature, holds } of BIP340_VECTORS) {
      const actual = engine.verify(hexToBytes(signature), hexToBytes(hash), hexToBytes(publicKey));
      assertEquals(actual, holds, `${engine.name}, ${name}`);
    }
  }
});

Deno.test("sign() of every engine makes the signatures of BIP-340", async () => {
  for (const { name, privateKey, publicKey, aux, hash, signature } of BIP340_VECTORS) {
    if (privateKey === undefined || aux === undefined) continue;
    using engines = await openEngines({ randomBytes: () => hexToBytes(aux) });
    for (const engine of engines.all) {
      const key = hexToBytes(privateKey);
      const made = engine.sign(hexToBytes(hash), key);
      assertEquals(bytesToHex(made), signature, `${engine.name}, ${name}`);
      assertEquals(bytesToHex(engine.getPublicKey(key)), publicKey, `${engine.name}, ${name}`);
    }
  }
});

Deno.test("sign() makes a signature that verify() takes for that hash and key only", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    const publicKey = engine.getPublicKey(CLIENT_KEY);
    const signature = engine.sign(HASH, CLIENT_KEY);
    assertEquals(signature.length, 64);
    assert(engine.verify(signature, HASH, publicKey));
    assert(!engine.verify(signature, new Uint8Array(32), publicKey));
    assert(!engine.verify(signature, HASH, engine.getPublicKey(SERVER_KEY)));
  }
});

Deno.test("sign() draws new randomness each time", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    const [one, two] = [engine.sign(HASH, CLIENT_KEY), engine.sign(HASH, CLIENT_KEY)];
    assertNotEquals(bytesToHex(one), bytesToHex(two), engine.name);
  }
});

Deno.test("verify() returns false for bytes of the wrong length", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    const publicKey = engine.getPublicKey(CLIENT_KEY);
    const signature = engine.sign(HASH, CLIENT_KEY);
    assert(!engine.verify(signature.subarray(1), HASH, publicKey), engine.name);
    assert(!engine.verify(signature, HASH.subarray(1), publicKey), engine.name);
    assert(!engine.verify(signature, HASH, publicKey.subarray(1)), engine.name);
    assert(!engine.verify(new Uint8Array(0), new Uint8Array(0), new Uint8Array(0)), engine.name);
  }
});

Deno.test("generatePrivateKey() makes a new key of the curve each time", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    const keys = Array.from({ length: 5 }, () => engine.generatePrivateKey());
    assertEquals(new Set(keys.map(bytesToHex)).size, 5);
    for (const key of keys) assertEquals(engine.getPublicKey(key).length, 32);
  }
});

Deno.test("every operation refuses a private key that is none", async () => {
  using engines = await openEngines();
  const keys = [
    new Uint8Array(32),
    ORDER,
    new Uint8Array(32).fill(0xff),
    new Uint8Array(31).fill(1),
    new Uint8Array(33).fill(1),
    new Uint8Array(0),
  ];
  for (const engine of engines.all) {
    const publicKey = engine.getPublicKey(CLIENT_KEY);
    for (const key of keys) {
      assertThrows(() => engine.getPublicKey(key), RangeError, "between 1 and the order");
      assertThrows(() => engine.sign(HASH, key), RangeError, "between 1 and the order");
      assertThrows(() => engine.sharedSecret(key, publicKey), RangeError, "between 1 and");
    }
  }
});

Deno.test("sign() refuses what is not a hash", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    assertThrows(() => engine.sign(new Uint8Array(31), CLIENT_KEY), RangeError, "32 bytes");
  }
});

Deno.test("sharedSecret() is the same from both sides", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    const secret = engine.sharedSecret(CLIENT_KEY, engine.getPublicKey(SERVER_KEY));
    assertEquals(secret.length, 32);
    assertEquals(secret, engine.sharedSecret(SERVER_KEY, engine.getPublicKey(CLIENT_KEY)));
  }
});

Deno.test("sharedSecret() refuses a public key that is not on the curve", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    for (const x of [hexToBytes(OFF_CURVE), new Uint8Array(32), FIELD]) {
      const message = "not the x coordinate";
      assertThrows(() => engine.sharedSecret(CLIENT_KEY, x), RangeError, message);
    }
    for (const length of [0, 31, 33, 65]) {
      const x = new Uint8Array(length);
      assertThrows(() => engine.sharedSecret(CLIENT_KEY, x), RangeError, "32 bytes");
    }
  }
});

Deno.test("no operation changes what it is given", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    const [key, hash] = [CLIENT_KEY.slice(), HASH.slice()];
    const publicKey = engine.getPublicKey(key);
    const [signature, before] = [engine.sign(hash, key), publicKey.slice()];
    engine.verify(signature, hash, publicKey);
    engine.sharedSecret(key, publicKey);
    assertEquals([key, hash, publicKey], [CLIENT_KEY, HASH, before]);
  }
});

Deno.test("createWasmEngine() overwrites the whole point of which it returns the half", () => {
  const point = new Uint8Array(33).fill(7);
  const unused = () => {
    throw new Error("not needed here");
  };
  const engine = createWasmEngine({
    xOnlyPointFromScalar: unused,
    signSchnorr: unused,
    verifySchnorr: unused,
    pointMultiply: () => point,
  });
  const publicKey = pureEngine.getPublicKey(SERVER_KEY);
  assertEquals(engine.sharedSecret(CLIENT_KEY, publicKey), new Uint8Array(32).fill(7));
  assertEquals(point, new Uint8Array(33));
});

Deno.test("loadWasmEngine() loads where reading is permitted, and says why it can't elsewhere", async () => {
  const made = await loadWasmEngine().then(({ name }) => name, (error) => codeOf(error));
  const { state } = Deno.permissions.querySync({ name: "read" });
  assertEquals(made, state === "granted" ? "wasm" : "ENGINE_UNAVAILABLE");
});

Deno.test("openNativeEngine() is silent where there is no library, or no library of that kind", () => {
  const paths = ["/nowhere/libsecp256k1.so.6", "/lib/x86_64-linux-gnu/libc.so.6"];
  assertEquals(openNativeEngine({ paths }), undefined);
  assertEquals(openNativeEngine({ paths: [] }), undefined);
});

Deno.test({
  name: "openNativeEngine() neither asks nor loads without permission",
  permissions: { ffi: false },
  fn: () => assertEquals(openNativeEngine(), undefined),
});

Deno.test({
  name: "openNativeEngine() does not load with a permission for its path alone",
  permissions: { ffi: ["/usr/lib/x86_64-linux-gnu/libsecp256k1.so.1"] },
  ignore: Deno.permissions.querySync({ name: "ffi" }).state !== "granted",
  fn: () => assertEquals(openNativeEngine(), undefined),
});

Deno.test("a native engine that was closed fails with CLOSED, and can be closed again", () => {
  using engine = openNativeEngine();
  if (engine === undefined) return; // not to be had here, as the tests above have said
  const publicKey = engine.getPublicKey(CLIENT_KEY);
  const signature = engine.sign(HASH, CLIENT_KEY);
  engine.close();
  const uses = [
    () => engine.getPublicKey(CLIENT_KEY),
    () => engine.sign(HASH, CLIENT_KEY),
    () => engine.verify(signature, HASH, publicKey),
    () => engine.sharedSecret(CLIENT_KEY, publicKey),
  ];
  for (const use of uses) assertEquals(assertThrows(use, CvmError).code, "CLOSED");
});
