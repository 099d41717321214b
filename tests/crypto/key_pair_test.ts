import { assertEquals, assertThrows } from "@std/assert";
import { bytesToHex } from "@noble/hashes/utils.js";
import { openKeyPair } from "../../crypto/_key_pair.ts";
import { PrivateKeySigner } from "../../crypto/private_key_signer.ts";
import { createPureEngine, pureEngine } from "../../crypto/pure_engine.ts";
import { openEngines } from "./_engines.ts";
import { CLIENT_KEY } from "./_fixtures.ts";

const HASH = new Uint8Array(32).fill(9);

Deno.test("openKeyPair() signs as the engine does, with every engine", async () => {
  using engines = await openEngines({ randomBytes: (length) => new Uint8Array(length).fill(5) });
  const [pure] = engines.all;
  for (const engine of engines.all) {
    const pair = openKeyPair(CLIENT_KEY, engine);
    assertEquals(pair.pubkey, bytesToHex(pure!.getPublicKey(CLIENT_KEY)), engine.name);
    assertEquals(pair.sign(HASH), pure!.sign(HASH, CLIENT_KEY), engine.name);
    assertThrows(() => pair.sign(HASH.subarray(1)), RangeError, "32 bytes");
    pair.close();
  }
});

Deno.test("openKeyPair() refuses what is no private key, with every engine", async () => {
  using engines = await openEngines();
  for (const engine of engines.all) {
    for (const key of [new Uint8Array(32), new Uint8Array(31).fill(1)]) {
      assertThrows(() => openKeyPair(key, engine), RangeError, "between 1 and the order");
    }
  }
});

Deno.test("PrivateKeySigner closes the key that its engine holds ready", () => {
  let closed = 0;
  const engine = {
    ...createPureEngine(),
    openKey: () => ({
      publicKey: pureEngine.getPublicKey(CLIENT_KEY),
      sign: (hash: Uint8Array) => pureEngine.sign(hash, CLIENT_KEY),
      close: () => void closed++,
    }),
  };
  new PrivateKeySigner(CLIENT_KEY, { engine }).close();
  assertEquals(closed, 1);
});

Deno.test("PrivateKeySigner derives its public key once, and not for each signature", async () => {
  let derived = 0;
  const engine = {
    ...createPureEngine(),
    getPublicKey: (key: Uint8Array) => {
      derived++;
      return pureEngine.getPublicKey(key);
    },
  };
  using signer = new PrivateKeySigner(CLIENT_KEY, { engine });
  const template = { kind: 1, created_at: 1, tags: [], content: "" };
  await signer.signEvent(template);
  await signer.signEvent(template);
  assertEquals(derived, 1);
});
