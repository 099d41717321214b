import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import * as nip44 from "@nostr/tools/nip44";
import * as pure from "@nostr/tools/pure";
import { decodeBase64, encodeBase64 } from "../../crypto/_base64.ts";
import { signEvent } from "../../crypto/event.ts";
import { type GiftWrapKind, unwrapEvent, wrapEvent } from "../../crypto/gift_wrap.ts";
import { getPublicKey } from "../../crypto/keys.ts";
import { PrivateKeySigner } from "../../crypto/private_key_signer.ts";
import { EventError } from "../../errors.ts";
import { privateKeys, templates } from "./_arbitraries.ts";

const kinds = fc.constantFrom<GiftWrapKind[]>(1059, 21059);

Deno.test("nostr-tools opens what wrapEvent() makes, and finds the signed event", () => {
  fc.assert(
    fc.property(templates, privateKeys, privateKeys, kinds, (template, author, recipient, kind) => {
      const inner = signEvent(template, author);
      const wrap = wrapEvent(inner, getPublicKey(recipient), { kind });
      assert(pure.verifyEvent({ ...wrap, tags: wrap.tags.map((tag) => [...tag]) }));
      const plaintext = nip44.decrypt(
        wrap.content,
        nip44.getConversationKey(recipient, wrap.pubkey),
      );
      assertEquals(plaintext, JSON.stringify(inner));
    }),
    { numRuns: 25 },
  );
});

Deno.test("unwrapEvent() opens what nostr-tools makes", async () => {
  await fc.assert(
    fc.asyncProperty(templates, privateKeys, privateKeys, async (template, author, recipient) => {
      using signer = new PrivateKeySigner(recipient);
      const tags = template.tags.map((tag) => [...tag]);
      const inner = pure.finalizeEvent({ ...template, tags }, author);
      const oneTimeKey = pure.generateSecretKey();
      const key = nip44.getConversationKey(oneTimeKey, signer.pubkey);
      const wrap = pure.finalizeEvent({
        kind: 1059,
        created_at: 1_700_000_000,
        tags: [["p", signer.pubkey]],
        content: nip44.encrypt(JSON.stringify(inner), key),
      }, oneTimeKey);
      assertEquals(
        JSON.stringify(sorted(await unwrapEvent(wrap, signer))),
        JSON.stringify(sorted(inner)),
      );
    }),
    { numRuns: 25 },
  );
});

Deno.test("unwrapEvent() refuses a wrap whose payload has any one bit changed", async () => {
  using signer = PrivateKeySigner.generate();
  const template = { kind: 25910, created_at: 1_700_000_000, tags: [], content: "{}" };
  const inner = signEvent(template, new Uint8Array(32).fill(3));
  const wrap = wrapEvent(inner, signer.pubkey, { kind: 21059 });
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(7), async (at, bit) => {
      const bytes = decodeBase64(wrap.content);
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
      const changed = { ...wrap, content: encodeBase64(bytes) };
      await assertRejects(() => unwrapEvent(changed, signer), EventError, "can't be decrypted");
    }),
    { numRuns: 100 },
  );
});

/** The fields of an event in one order; nostr-tools has another, and a symbol besides. */
function sorted(event: object): [string, unknown][] {
  return Object.entries(event).sort(([a], [b]) => a < b ? -1 : 1);
}
