import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as nip44 from "@nostr/tools/nip44";
import { decodeBase64, encodeBase64 } from "../../crypto/_base64.ts";
import { getPublicKey } from "../../crypto/keys.ts";
import { conversationKey, decrypt, encrypt, payloadLength } from "../../crypto/nip44.ts";
import { EventError } from "../../errors.ts";
import { privateKeys, texts } from "./_arbitraries.ts";

const KEY = new Uint8Array(32).fill(5);

/** Both sides of every border of the padding, and of the length prefix. */
const BORDERS = [
  ...[1, 2, 31, 32, 33, 64, 65, 96, 97, 128, 129, 160, 161, 192, 193, 224, 225],
  ...[8, 9, 10, 11, 12, 13, 14, 15, 16].flatMap((power) => {
    const size = 2 ** power;
    const step = size / 8;
    return [size - 1, size, size + 1, size + 2 * step, size + 2 * step + 1];
  }),
  ...[40_960, 40_961, 65_533, 65_534, 100_000],
];

const plaintexts = texts.map((text) => new TextDecoder().decode(new TextEncoder().encode(text)))
  .filter((text) => text !== "" && !text.startsWith("\uFEFF"));
const nonces = fc.uint8Array({ minLength: 32, maxLength: 32 });

Deno.test("conversationKey() is the one of nostr-tools, from both sides", () => {
  fc.assert(
    fc.property(privateKeys, privateKeys, (one, two) => {
      const key = conversationKey(one, getPublicKey(two));
      assertEquals(key, conversationKey(two, getPublicKey(one)));
      assertEquals(key, nip44.getConversationKey(one, getPublicKey(two)));
    }),
    { numRuns: 25 },
  );
});

Deno.test("encrypt() makes the payload of nostr-tools, and each reads the other's", () => {
  fc.assert(
    fc.property(plaintexts, nonces, nonces, (plaintext, key, nonce) => {
      const payload = encrypt(plaintext, key, { nonce });
      assertEquals(payload, nip44.encrypt(plaintext, key, nonce));
      assertEquals(nip44.decrypt(payload, key), plaintext);
      assertEquals(decrypt(payload, key), plaintext);
    }),
    { numRuns: 300 },
  );
});

Deno.test("encrypt() makes the payload of nostr-tools at every border of the padding", () => {
  const nonce = new Uint8Array(32).fill(7);
  for (const bytes of BORDERS) {
    const plaintext = "x".repeat(bytes);
    const payload = encrypt(plaintext, KEY, { nonce });
    assertEquals(payload === nip44.encrypt(plaintext, KEY, nonce), true, `${bytes} bytes`);
    assertEquals(payload.length, payloadLength(bytes));
    assertEquals(decrypt(payload, KEY) === plaintext, true, `${bytes} bytes`);
  }
});

Deno.test("encrypt() makes the payload of nostr-tools for any size up to 200,000 bytes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200_000 }), nonces, (bytes, nonce) => {
      const plaintext = "é".repeat(bytes >> 1) + "x".repeat(bytes & 1);
      const payload = encrypt(plaintext, KEY, { nonce });
      assertEquals(payload === nip44.encrypt(plaintext, KEY, nonce), true);
      assertEquals(payload.length, payloadLength(bytes));
      assertEquals(decrypt(payload, KEY) === plaintext, true);
    }),
    { numRuns: 25 },
  );
});

Deno.test("decrypt() refuses a payload with any one bit changed", () => {
  fc.assert(
    fc.property(plaintexts, fc.nat(), fc.nat(7), (plaintext, at, bit) => {
      const bytes = decodeBase64(encrypt(plaintext, KEY));
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
      assertThrows(() => decrypt(encodeBase64(bytes), KEY), EventError);
    }),
    { numRuns: 300 },
  );
});

Deno.test("decrypt() refuses a payload with any bit of any character changed", () => {
  const payload = encrypt("hello", KEY);
  for (let index = 0; index < payload.length; index++) {
    for (let bit = 0; bit < 7; bit++) {
      const changed = String.fromCharCode(payload.charCodeAt(index) ^ (1 << bit));
      const text = payload.slice(0, index) + changed + payload.slice(index + 1);
      assertThrows(() => decrypt(text, KEY), EventError);
    }
  }
});

Deno.test("decrypt() refuses a payload that is cut off, extended or spliced", () => {
  fc.assert(
    fc.property(plaintexts, plaintexts, fc.nat(), (one, two, at) => {
      const [first, second] = [encrypt(one, KEY), encrypt(two, KEY)];
      const cut = at % first.length;
      assertThrows(() => decrypt(first.slice(0, cut), KEY), EventError);
      assertThrows(() => decrypt(first + second, KEY), EventError);
      // Enough of the nonce in front of it to be another one, and all of the MAC behind it.
      const border = 24 + cut % 60;
      assertThrows(() => decrypt(first.slice(0, border) + second.slice(border), KEY), EventError);
    }),
    { numRuns: 100 },
  );
});

Deno.test("decrypt() throws an EventError, and nothing else, for any text", () => {
  const base64 = fc.uint8Array({ minLength: 90, maxLength: 200 }).map((bytes) => {
    bytes[0] = 2;
    return encodeBase64(bytes);
  });
  fc.assert(
    fc.property(fc.oneof(texts, base64), (text) => {
      assertEquals(assertThrows(() => decrypt(text, KEY), EventError).code, "DECRYPT_FAILED");
    }),
    { numRuns: 300 },
  );
});
