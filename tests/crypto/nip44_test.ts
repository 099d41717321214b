import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { chacha20 } from "@noble/ciphers/chacha.js";
import { expand } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { encodeBase64 } from "../../crypto/_base64.ts";
import { getPublicKey } from "../../crypto/keys.ts";
import { conversationKey, decrypt, encrypt, payloadLength } from "../../crypto/nip44.ts";
import { EventError } from "../../errors.ts";
import {
  encryptDecrypt,
  invalidKeys,
  invalidPayloads,
  longMessages,
  paddedLengths,
} from "../testdata/nip44_vectors.ts";
import { CLIENT_KEY, OFF_CURVE } from "./_fixtures.ts";

const KEY = new Uint8Array(32).fill(5);

/** A payload that is authentic, but whose padded plaintext is whatever the test says. */
function payloadOf(padded: Uint8Array): string {
  const nonce = new Uint8Array(32).fill(6);
  const keys = expand(sha256, KEY, nonce, 76);
  const ciphertext = chacha20(keys.slice(0, 32), keys.slice(32, 44), padded);
  const mac = hmac(sha256, keys.slice(44), concatBytes(nonce, ciphertext));
  return encodeBase64(concatBytes(Uint8Array.of(2), nonce, ciphertext, mac));
}

function assertRefused(payload: string, says: string, maxPlaintextBytes?: number): EventError {
  const options = maxPlaintextBytes === undefined ? {} : { maxPlaintextBytes };
  const error = assertThrows(() => decrypt(payload, KEY, options), EventError, says);
  assertEquals(error.code, "DECRYPT_FAILED");
  return error;
}

Deno.test("conversationKey(), encrypt() and decrypt() agree with the vectors of NIP-44 (NIP44-1)", () => {
  for (const vector of encryptDecrypt) {
    const [sec1, sec2] = [hexToBytes(vector.sec1), hexToBytes(vector.sec2)];
    const key = conversationKey(sec1, getPublicKey(sec2));
    assertEquals(bytesToHex(key), vector.conversationKey);
    assertEquals(conversationKey(sec2, getPublicKey(sec1)), key);
    assertEquals(
      encrypt(vector.plaintext, key, { nonce: hexToBytes(vector.nonce) }),
      vector.payload,
    );
    assertEquals(decrypt(vector.payload, key), vector.plaintext);
  }
});

Deno.test("encrypt() agrees with the vectors for long messages, extended prefix included", () => {
  for (const vector of longMessages) {
    const key = hexToBytes(vector.conversationKey);
    const plaintext = vector.pattern.repeat(vector.repeat);
    const payload = encrypt(plaintext, key, { nonce: hexToBytes(vector.nonce) });
    assertEquals(bytesToHex(sha256(utf8ToBytes(payload))), vector.payloadSha256);
    assertEquals(decrypt(payload, key), plaintext);
  }
});

Deno.test("payloadLength() follows the paddings of the vectors", () => {
  for (const [plain = 0, padded = 0] of paddedLengths) {
    const prefix = plain < 65_536 ? 2 : 6;
    assertEquals(payloadLength(plain), Math.ceil((65 + prefix + padded) / 3) * 4, `${plain}`);
  }
});

Deno.test("payloadLength() is the length of what encrypt() makes", () => {
  for (const bytes of [1, 32, 33, 256, 257, 320, 321, 40_960, 40_961, 65_535, 65_536, 65_537]) {
    assertEquals(encrypt("x".repeat(bytes), KEY).length, payloadLength(bytes), `${bytes}`);
  }
});

Deno.test("payloadLength() refuses lengths that no plaintext has", () => {
  for (const bytes of [0, -1, 1.5, NaN, 2 ** 32]) {
    assertThrows(() => payloadLength(bytes), RangeError);
  }
  assertEquals(payloadLength(2 ** 32 - 1), Math.ceil((2 ** 32 + 71) / 3) * 4);
});

Deno.test("conversationKey() refuses the keys that the vectors call invalid", () => {
  for (const { sec1, pub2, note } of invalidKeys) {
    const error = assertThrows(() => conversationKey(hexToBytes(sec1), pub2), RangeError);
    assert(!error.message.includes(sec1), note);
  }
});

Deno.test("conversationKey() refuses a public key that is not lower-case hex", () => {
  for (const pubkey of ["", "zz", OFF_CURVE.toUpperCase(), `02${OFF_CURVE}`]) {
    assertThrows(() => conversationKey(CLIENT_KEY, pubkey), TypeError, "64 lower-case hex digits");
  }
});

Deno.test("decrypt() refuses the payloads that the vectors call invalid, and says why", () => {
  for (const { conversationKey, payload, reason } of invalidPayloads) {
    const error = assertThrows(
      () => decrypt(payload, hexToBytes(conversationKey)),
      EventError,
      reason,
    );
    assertEquals(error.code, "DECRYPT_FAILED");
  }
});

Deno.test("encrypt() uses a new nonce each time", () => {
  assertNotEquals(encrypt("same", KEY), encrypt("same", KEY));
});

Deno.test("encrypt() refuses an empty plaintext, and keys and nonces of the wrong length", () => {
  assertThrows(() => encrypt("", KEY), RangeError, "1 to 4294967295 bytes");
  assertThrows(() => encrypt("x", KEY.subarray(1)), RangeError, "32 bytes");
  assertThrows(() => encrypt("x", KEY, { nonce: new Uint8Array(12) }), RangeError, "32 bytes");
  assertThrows(() => decrypt(encrypt("x", KEY), KEY.subarray(1)), RangeError, "32 bytes");
});

Deno.test("decrypt() gives back a byte order mark and every other character", () => {
  for (const text of ["\uFEFFbom", "\0", "\r\n", "🦄", "\u2028"]) {
    assertEquals(decrypt(encrypt(text, KEY), KEY), text);
  }
});

Deno.test("decrypt() refuses white space and other bytes around a payload", () => {
  const payload = encrypt("hello", KEY);
  for (
    const text of [
      `${payload}\n`,
      ` ${payload}`,
      `${payload}====`,
      `${payload.slice(0, 60)} ${payload.slice(60)}`,
    ]
  ) {
    assertRefused(text, "it is not base64");
  }
});

Deno.test("F09: decrypt() refuses what is above maxPlaintextBytes, before it decodes it", () => {
  const payload = encrypt("x".repeat(1_000), KEY);
  assertEquals(decrypt(payload, KEY, { maxPlaintextBytes: 1_000 }).length, 1_000);
  // Same padded length: known only after decryption.
  assertRefused(payload, "larger than 999 bytes", 999);
  assertRefused(payload, "larger than 500 bytes", 500);
  // No base64 at all, so the length was looked at first.
  assertRefused("!".repeat(2_000_000), "larger than 1048576 bytes");
});

Deno.test("decrypt() reads both length prefixes up to 1 MiB by default", () => {
  const text = "x".repeat(1_048_576);
  assertEquals(decrypt(encrypt(text, KEY), KEY).length, text.length);
  assertRefused(encrypt(`${text}x`, KEY), "larger than 1048576 bytes");
});

Deno.test("decrypt() refuses an authentic payload whose padding is wrong", () => {
  const cases: Record<string, Uint8Array> = {
    "length 0 in both prefixes": new Uint8Array(34),
    "more text than there is": Uint8Array.from({ length: 34 }, (_, at) => at === 1 ? 33 : 0),
    "a length far outside": new Uint8Array(34).fill(0xff),
    "a block too many": Uint8Array.from({ length: 66 }, (_, at) => at === 1 ? 5 : 0),
    "the extended prefix before a short text": Uint8Array.from(
      { length: 38 },
      (_, at) => at === 5 ? 5 : 0,
    ),
  };
  for (const padded of Object.values(cases)) assertRefused(payloadOf(padded), "padding");
});

Deno.test("F07: decrypt() refuses a text that is not UTF-8 and quotes nothing of it", () => {
  const padded = new Uint8Array(34);
  padded.set([0, 7, ...utf8ToBytes("secret"), 0xff]);
  const error = assertRefused(payloadOf(padded), "not UTF-8");
  assert(!`${error.stack} ${error.cause}`.includes("secret"));
});
