import { assertEquals, assertThrows } from "@std/assert";
import {
  base64Length,
  decodeBase64,
  decodeBase64Portable,
  encodeBase64,
  encodeBase64Portable,
} from "../../crypto/_base64.ts";

const LENGTHS = [0, 1, 2, 3, 4, 8_191, 8_192, 8_193, 100_000];

Deno.test("encodeBase64() and its portable form write the same, and both are read back", () => {
  for (const length of LENGTHS) {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 31 % 256);
    const text = encodeBase64(bytes);
    assertEquals(encodeBase64Portable(bytes), text);
    assertEquals(text.length, base64Length(length));
    assertEquals(decodeBase64(text), bytes);
    assertEquals(decodeBase64Portable(text), bytes);
  }
});

Deno.test("decodeBase64() refuses every text that is not canonical, in both forms", () => {
  const texts = [
    "A",
    "AA",
    "AAA",
    "AA=",
    "A===",
    "AAAA=",
    "AB==",
    "AAB=",
    "AA AA",
    "AAAA\n",
    "AA-_",
  ];
  for (const text of texts) {
    assertThrows(() => decodeBase64(text), SyntaxError);
    assertThrows(() => decodeBase64Portable(text), SyntaxError);
  }
});
