import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as pure from "@nostr/tools/pure";
import { getEventId, isNostrEvent, signEvent, verifyEvent } from "../../crypto/event.ts";
import { getPublicKey } from "../../crypto/keys.ts";
import { privateKeys, templates, texts } from "./_arbitraries.ts";

/** An event as nostr-tools wants it: with lists that can be changed. */
function thawed<T extends { readonly tags: readonly (readonly string[])[] }>(event: T) {
  return { ...event, tags: event.tags.map((tag) => [...tag]) };
}

Deno.test("getEventId() is the id that nostr-tools computes, for any event", () => {
  const pubkey = "4f355bdcb7cc0af728ef3cceb9615d90684bb5b2ca5f859ab0f0b704075871aa";
  fc.assert(
    fc.property(templates, (template) => {
      const event = { ...template, pubkey };
      assertEquals(getEventId(event), pure.getEventHash(thawed(event)));
    }),
    { numRuns: 300 },
  );
});

Deno.test("what signEvent() signs, nostr-tools verifies", () => {
  fc.assert(
    fc.property(templates, privateKeys, (template, privateKey) => {
      const event = signEvent(template, privateKey);
      assertEquals(event.pubkey, pure.getPublicKey(privateKey));
      assert(pure.verifyEvent(thawed(event)));
    }),
    { numRuns: 40 },
  );
});

Deno.test("what nostr-tools signs, verifyEvent() takes", () => {
  fc.assert(
    fc.property(templates, privateKeys, (template, privateKey) => {
      const event = pure.finalizeEvent(thawed(template), privateKey);
      assertEquals(event.pubkey, getPublicKey(privateKey));
      assert(verifyEvent(event));
    }),
    { numRuns: 40 },
  );
});

Deno.test("verifyEvent() takes what went through JSON and refuses any other content", () => {
  fc.assert(
    fc.property(templates, privateKeys, texts, (template, privateKey, other) => {
      const event = signEvent(template, privateKey);
      const parsed: unknown = JSON.parse(JSON.stringify(event));
      assert(isNostrEvent(parsed) && verifyEvent(parsed));
      fc.pre(JSON.stringify(other) !== JSON.stringify(event.content));
      assert(!verifyEvent({ ...event, content: other }));
    }),
    { numRuns: 30 },
  );
});

Deno.test("verifyEvent() refuses an id, an author or a signature with one digit changed", () => {
  const fields = fc.constantFrom("id" as const, "pubkey" as const, "sig" as const);
  fc.assert(
    fc.property(templates, fields, fc.nat(), fc.nat(14), (template, field, at, by) => {
      const event = signEvent(template, new Uint8Array(32).fill(3));
      const digits = [...event[field]];
      const index = at % digits.length;
      digits[index] = ((parseInt(digits[index] ?? "", 16) + 1 + by) % 16).toString(16);
      assert(!verifyEvent({ ...event, [field]: digits.join("") }));
    }),
    { numRuns: 60 },
  );
});

Deno.test("isNostrEvent() and verifyEvent() never throw, whatever they are given", () => {
  const event = signEvent(
    { kind: 1, created_at: 1, tags: [], content: "" },
    new Uint8Array(32).fill(3),
  );
  const names = fc.constantFrom(...Object.keys(event));
  fc.assert(
    fc.property(fc.anything(), names, (value, name) => {
      isNostrEvent(value);
      const changed = { ...event, [name]: value };
      assertEquals(verifyEvent(changed), JSON.stringify(changed) === JSON.stringify(event));
    }),
    { numRuns: 200 },
  );
});
