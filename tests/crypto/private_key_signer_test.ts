import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { bytesToHex } from "@noble/hashes/utils.js";
import { verifyEvent } from "../../crypto/event.ts";
import { formatNsec, getPublicKey } from "../../crypto/keys.ts";
import { PrivateKeySigner } from "../../crypto/private_key_signer.ts";
import { createPureEngine, pureEngine } from "../../crypto/pure_engine.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { CvmError, EventError, InputError } from "../../errors.ts";
import { CLIENT_KEY, OFF_CURVE, SERVER_KEY } from "./_fixtures.ts";

const TEMPLATE = { kind: 1, created_at: 1_700_000_000, tags: [["t", "x"]], content: "hello" };
const SERVER = getPublicKey(SERVER_KEY);

/** An engine that counts the ECDH operations. */
function countingEngine(): CryptoEngine & { readonly count: () => number } {
  const pure = createPureEngine();
  let count = 0;
  return {
    ...pure,
    sharedSecret(privateKey, publicKey) {
      count++;
      return pure.sharedSecret(privateKey, publicKey);
    },
    count: () => count,
  };
}

Deno.test("PrivateKeySigner takes bytes, hex and nsec", async () => {
  for (const key of [CLIENT_KEY, bytesToHex(CLIENT_KEY), formatNsec(CLIENT_KEY)]) {
    using signer = new PrivateKeySigner(key);
    assertEquals(signer.pubkey, getPublicKey(CLIENT_KEY));
    assertEquals(await signer.getPublicKey(), signer.pubkey);
  }
});

Deno.test("PrivateKeySigner refuses what is no private key", () => {
  assertThrows(() => new PrivateKeySigner("nonsense"), InputError);
  assertThrows(() => new PrivateKeySigner(new Uint8Array(32)), RangeError);
  assertThrows(() => new PrivateKeySigner(CLIENT_KEY.subarray(1)), RangeError);
});

Deno.test("PrivateKeySigner refuses options out of range", () => {
  for (const value of [-1, 1.5, NaN]) {
    const options = { conversationKeyCacheSize: value };
    assertThrows(() => new PrivateKeySigner(CLIENT_KEY, options), RangeError, "CacheSize");
  }
  assertThrows(() => new PrivateKeySigner(CLIENT_KEY, { maxPlaintextBytes: 0 }), RangeError);
});

Deno.test("PrivateKeySigner.generate() makes another key each time", () => {
  using one = PrivateKeySigner.generate();
  using two = PrivateKeySigner.generate();
  assertNotEquals(one.pubkey, two.pubkey);
});

Deno.test("signEvent() resolves to a genuine event of the signer", async () => {
  using signer = new PrivateKeySigner(CLIENT_KEY);
  const event = await signer.signEvent(TEMPLATE);
  assertEquals(event.pubkey, signer.pubkey);
  assert(verifyEvent(event));
});

Deno.test("signEvent() rejects, and does not throw, when the template is wrong", async () => {
  using signer = new PrivateKeySigner(CLIENT_KEY);
  const promise = signer.signEvent({ ...TEMPLATE, kind: -1 });
  await assertRejects(() => promise, TypeError);
});

Deno.test("PrivateKeySigner works on a copy of the bytes", async () => {
  const bytes = CLIENT_KEY.slice();
  using signer = new PrivateKeySigner(bytes);
  bytes.fill(0);
  assert(verifyEvent(await signer.signEvent(TEMPLATE)));
});

Deno.test("nip44 goes both ways, and to nobody else", async () => {
  using client = new PrivateKeySigner(CLIENT_KEY);
  using server = new PrivateKeySigner(SERVER_KEY);
  using stranger = PrivateKeySigner.generate();
  const payload = await client.nip44.encrypt(server.pubkey, "hello");
  assertEquals(await server.nip44.decrypt(client.pubkey, payload), "hello");
  const error = await assertRejects(
    () => stranger.nip44.decrypt(client.pubkey, payload),
    EventError,
    "MAC",
  );
  assertEquals(error.code, "DECRYPT_FAILED");
});

Deno.test("nip44 rejects a peer that is no key", async () => {
  using signer = new PrivateKeySigner(CLIENT_KEY);
  await assertRejects(() => signer.nip44.encrypt("nobody", "hello"), TypeError);
  await assertRejects(() => signer.nip44.encrypt(OFF_CURVE, "hello"), RangeError);
});

Deno.test("nip44.decrypt() keeps to maxPlaintextBytes", async () => {
  using signer = new PrivateKeySigner(CLIENT_KEY, { maxPlaintextBytes: 100 });
  const payload = await signer.nip44.encrypt(SERVER, "x".repeat(101));
  await assertRejects(() => signer.nip44.decrypt(SERVER, payload), EventError, "100 bytes");
});

Deno.test("nip44 computes a conversation key once, and again when it was the oldest of too many", async () => {
  const engine = countingEngine();
  using signer = new PrivateKeySigner(CLIENT_KEY, { engine, conversationKeyCacheSize: 2 });
  const peers = [1, 2, 3].map((byte) => getPublicKey(new Uint8Array(32).fill(byte)));
  const [first = "", second = "", third = ""] = peers;
  await signer.nip44.encrypt(first, "a");
  await signer.nip44.encrypt(second, "a");
  await signer.nip44.encrypt(first, "b");
  assertEquals(engine.count(), 2);
  await signer.nip44.encrypt(third, "a"); // second goes, it was used longest ago
  await signer.nip44.encrypt(first, "c");
  assertEquals(engine.count(), 3);
  const payload = await signer.nip44.encrypt(second, "d");
  assertEquals(engine.count(), 4);
  assertEquals(await signer.nip44.decrypt(second, payload), "d");
});

Deno.test("nip44 remembers nothing when the cache has no room", async () => {
  const engine = countingEngine();
  using signer = new PrivateKeySigner(CLIENT_KEY, { engine, conversationKeyCacheSize: 0 });
  const payload = await signer.nip44.encrypt(SERVER, "a");
  assertEquals(await signer.nip44.decrypt(SERVER, payload), "a");
  assertEquals(engine.count(), 2);
});

Deno.test("F07: no way of printing a signer shows its key", async () => {
  using signer = new PrivateKeySigner(CLIENT_KEY);
  const payload = await signer.nip44.encrypt(SERVER, "hello");
  await signer.nip44.decrypt(SERVER, payload);
  const shown = [
    String(signer),
    `${signer}`,
    JSON.stringify({ signer }),
    JSON.stringify(Object.entries(signer)),
    Deno.inspect(signer, { depth: 10, showHidden: true, getters: true }),
    Object.getOwnPropertyNames(signer).join(),
  ].join("\n");
  assert(shown.includes(signer.pubkey));
  for (const secret of ["1111111111", "17, 17, 17", "17,17,17", formatNsec(CLIENT_KEY)]) {
    assert(!shown.includes(secret), "the key shows");
  }
});

Deno.test("close() ends a signer for good, and can be called again", async () => {
  const signer = new PrivateKeySigner(CLIENT_KEY);
  await signer.nip44.encrypt(SERVER, "hello");
  signer.close();
  signer.close();
  for (
    const use of [
      () => signer.signEvent(TEMPLATE),
      () => signer.nip44.encrypt(SERVER, "hello"),
      () => signer.nip44.decrypt(SERVER, "AA=="),
    ]
  ) {
    const error = await assertRejects<CvmError>(use, CvmError, "after close()");
    assertEquals(error.code, "CLOSED");
  }
  assertEquals(await signer.getPublicKey(), signer.pubkey);
});

Deno.test("close() overwrites the key with zeros", () => {
  const seen: Uint8Array[] = [];
  const pure = createPureEngine();
  const engine = {
    ...pure,
    getPublicKey(privateKey: Uint8Array): Uint8Array {
      seen.push(privateKey);
      return pure.getPublicKey(privateKey);
    },
  };
  new PrivateKeySigner(CLIENT_KEY, { engine }).close();
  PrivateKeySigner.generate({ engine }).close();
  assertEquals(seen, [new Uint8Array(32), new Uint8Array(32)]);
});

Deno.test("PrivateKeySigner wipes the secrets that it remembers: the oldest for a new one, all with close()", async () => {
  const made: Uint8Array[] = [];
  const engine = {
    ...createPureEngine(),
    sharedSecret: (...args: Parameters<typeof pureEngine.sharedSecret>) => {
      const secret = pureEngine.sharedSecret(...args);
      made.push(secret);
      return secret;
    },
  };
  const signer = new PrivateKeySigner(CLIENT_KEY, { engine, conversationKeyCacheSize: 2 });
  const wiped = () => made.map((secret) => secret.every((byte) => byte === 0));
  for (let peer = 0; peer < 3; peer++) {
    await signer.nip44.encrypt(PrivateKeySigner.generate().pubkey, "hello");
  }
  assertEquals(wiped(), [true, false, false]);
  signer.close();
  assertEquals(wiped(), [true, true, true]);
});
