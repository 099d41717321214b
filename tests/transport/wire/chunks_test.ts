import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { cutText } from "../../../transport/wire/chunks.ts";

/** The bytes that a text takes once it stands in JSON that stands in JSON. */
function twiceEscaped(text: string): number {
  const once = JSON.stringify(text).slice(1, -1);
  return new TextEncoder().encode(JSON.stringify(once).slice(1, -1)).length;
}

const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.json(),
  fc.array(
    fc.constantFrom(
      '"',
      "\\",
      "\n",
      "\u0000",
      "\u007f",
      "é",
      "漢",
      "😀",
      "\u2028",
      "\ud800",
      "\udc00",
      "x",
    ),
  )
    .map((parts) => parts.join("")),
);

Deno.test("cutText() cuts any text into pieces that fit and make the text again", () => {
  fc.assert(fc.property(texts, fc.integer({ min: 8, max: 200 }), (text, maxBytes) => {
    const pieces = cutText(text, maxBytes);
    assertEquals(pieces.join(""), text);
    for (const piece of pieces) assert(twiceEscaped(piece) <= maxBytes);
  }));
});

Deno.test("cutText() fills each piece: with the next code point it would not fit any more", () => {
  fc.assert(fc.property(texts, fc.integer({ min: 8, max: 200 }), (text, maxBytes) => {
    const pieces = cutText(text, maxBytes);
    for (let index = 0; index + 1 < pieces.length; index++) {
      const [next = ""] = pieces[index + 1]!;
      assert(twiceEscaped(pieces[index]! + next) > maxBytes);
    }
  }));
});

Deno.test("cutText() refuses a bound below what one code point may take", () => {
  assertThrows(() => cutText("x", 7), RangeError, "maxBytes");
});
