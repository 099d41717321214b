import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { nodeSymmetric } from "../../cli/crypto/mod.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import {
  conversationKey,
  decrypt,
  decryptFromSecret,
  encrypt,
  encryptToSecret,
  sharedSecret,
} from "../../crypto/nip44.ts";
import { pureSymmetric } from "../../crypto/symmetric.ts";
import { openEngines } from "../crypto/_engines.ts";
import { privateKeys } from "./_arbitraries.ts";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** Bytes of about the right length: what a peer can make an engine look at. */
const hostile = fc.oneof(
  { weight: 4, arbitrary: bytes32 },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 66 }) },
  fc.constant(new Uint8Array(32)),
  fc.constant(new Uint8Array(32).fill(0xff)),
);

/** What comes of an operation: its result, or its error. */
function outcome<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    return String(error);
  }
}

/** Holds a property of each engine against the first, the pure one. */
function assertAlike<T>(engines: readonly CryptoEngine[], run: (engine: CryptoEngine) => T): void {
  const [first, ...others] = engines.map((engine) => outcome(() => run(engine)));
  for (const other of others) assertEquals(other, first);
}

Deno.test("all engines make the same keys, signatures and secrets of the same input", async () => {
  let aux = new Uint8Array(32);
  using engines = await openEngines({
    randomBytes: (length) => new Uint8Array(length).fill(aux[0] ?? 0).fill(aux[1] ?? 0, 1, 9),
  });
  fc.assert(
    fc.property(privateKeys, privateKeys, bytes32, bytes32, (one, two, hash, random) => {
      aux = random;
      assertAlike(engines.all, (engine) => engine.generatePrivateKey());
      assertAlike(engines.all, (engine) => engine.getPublicKey(one));
      assertAlike(engines.all, (engine) => engine.sign(hash, one));
      assertAlike(engines.all, (engine) => engine.sharedSecret(one, engine.getPublicKey(two)));
    }),
    { numRuns: 40 },
  );
});

Deno.test("all engines verify what any of them has signed", async () => {
  using engines = await openEngines();
  fc.assert(
    fc.property(privateKeys, bytes32, (privateKey, hash) => {
      for (const signer of engines.all) {
        const signature = signer.sign(hash, privateKey);
        const publicKey = signer.getPublicKey(privateKey);
        for (const engine of engines.all) {
          assertEquals(engine.verify(signature, hash, publicKey), true, engine.name);
        }
      }
    }),
    { numRuns: 15 },
  );
});

Deno.test("all engines agree on signatures with any one bit changed", async () => {
  using engines = await openEngines();
  fc.assert(
    fc.property(privateKeys, bytes32, fc.nat(1023), (privateKey, hash, at) => {
      const [engine] = engines.all;
      const publicKey = engine!.getPublicKey(privateKey);
      const input = [...engine!.sign(hash, privateKey), ...hash, ...publicKey];
      input[at >> 3] = input[at >> 3]! ^ (1 << (at & 7));
      const changed = Uint8Array.from(input);
      assertAlike(
        engines.all,
        (engine) =>
          engine.verify(changed.subarray(0, 64), changed.subarray(64, 96), changed.subarray(96)),
      );
    }),
    { numRuns: 60 },
  );
});

Deno.test("all engines give the same result or the same error for hostile input", async () => {
  using engines = await openEngines({ randomBytes: (length) => new Uint8Array(length).fill(3) });
  const signatures = fc.oneof(fc.uint8Array({ minLength: 64, maxLength: 64 }), hostile);
  fc.assert(
    fc.property(hostile, hostile, signatures, (one, two, signature) => {
      assertAlike(engines.all, (engine) => engine.getPublicKey(one));
      assertAlike(engines.all, (engine) => engine.sign(two, one));
      assertAlike(engines.all, (engine) => engine.verify(signature, one, two));
      assertAlike(engines.all, (engine) => engine.sharedSecret(one, two));
    }),
    { numRuns: 200 },
  );
});

Deno.test("the symmetric operations of node:crypto give the bytes of the pure ones", () => {
  const data = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 40_000 }));
  const nonces = fc.uint8Array({ minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(bytes32, nonces, data, data, (key, nonce, one, two) => {
      assertEquals(nodeSymmetric.sha256(one), pureSymmetric.sha256(one));
      const mac = nodeSymmetric.hmacSha256(key, one, two);
      assertEquals(mac, pureSymmetric.hmacSha256(key, one, two));
      const ciphertext = nodeSymmetric.chacha20(key, nonce, one);
      assertEquals(ciphertext, pureSymmetric.chacha20(key, nonce, one));
      const hkdf = { salt: nonce, info: two, length: 76 };
      assertEquals(nodeSymmetric.hkdfSha256(one, hkdf), pureSymmetric.hkdfSha256(one, hkdf));
    }),
    { numRuns: 60 },
  );
});

Deno.test("NIP-44 payloads are the same with every engine and symmetric part", async () => {
  using engines = await openEngines();
  fc.assert(
    fc.property(privateKeys, privateKeys, bytes32, fc.nat(70_000), (one, two, nonce, size) => {
      const plaintext = "é".repeat(size >> 1) + "x";
      const payloads = engines.all.flatMap((engine) => {
        const peer = Array.from(engine.getPublicKey(two), (b) => b.toString(16).padStart(2, "0"));
        const key = conversationKey(one, peer.join(""), engine);
        return [pureSymmetric, nodeSymmetric].map((symmetric) => {
          const payload = encrypt(plaintext, key, { nonce, symmetric });
          assertEquals(decrypt(payload, key, { symmetric }) === plaintext, true);
          // Wraps and signers go straight from what ECDH gives to the keys of a message.
          const secret = sharedSecret(one, peer.join(""), engine);
          assertEquals(decryptFromSecret(payload, secret, { symmetric }) === plaintext, true);
          const other = encryptToSecret(plaintext, secret, { symmetric });
          assertEquals(decrypt(other, key, { symmetric }) === plaintext, true);
          return payload;
        });
      });
      assertEquals(new Set(payloads).size, 1);
    }),
    { numRuns: 15 },
  );
});
