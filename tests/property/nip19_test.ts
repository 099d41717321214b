import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as nip19 from "@nostr/tools/nip19";
import {
  formatNprofile,
  formatNpub,
  formatNsec,
  getPublicKey,
  parsePrivateKey,
  parsePublicKey,
  parseServerAddress,
} from "../../crypto/keys.ts";
import { InputError } from "../../errors.ts";
import { privateKeys, texts } from "./_arbitraries.ts";

const relayLists = fc.uniqueArray(fc.webUrl().map((url) => url.replace(/^http/, "ws")), {
  maxLength: 5,
});

Deno.test("keys go to nostr-tools and back through npub, nsec and nprofile", () => {
  fc.assert(
    fc.property(privateKeys, relayLists, (privateKey, relays) => {
      const pubkey = getPublicKey(privateKey);
      assertEquals(nip19.decode(formatNpub(pubkey)), { type: "npub", data: pubkey });
      assertEquals(nip19.decode(formatNsec(privateKey)), { type: "nsec", data: privateKey });
      assertEquals(nip19.decode(formatNprofile(pubkey, relays)), {
        type: "nprofile",
        data: { pubkey, relays },
      });
      assertEquals(parsePublicKey(nip19.npubEncode(pubkey)), pubkey);
      assertEquals(parsePrivateKey(nip19.nsecEncode(privateKey)), privateKey);
    }),
    { numRuns: 50 },
  );
});

Deno.test("parseServerAddress() reads every nprofile and naddr that nostr-tools writes", () => {
  const kinds = fc.integer({ min: 11_316, max: 11_320 });
  fc.assert(
    fc.property(privateKeys, relayLists, kinds, (privateKey, relays, kind) => {
      const pubkey = getPublicKey(privateKey);
      const address = { pubkey, relays };
      assertEquals(parseServerAddress(nip19.nprofileEncode({ pubkey, relays })), address);
      const naddr = nip19.naddrEncode({ kind, identifier: "", pubkey, relays });
      assertEquals(parseServerAddress(naddr), address);
    }),
    { numRuns: 50 },
  );
});

Deno.test("a text with one character changed is no key", () => {
  const letters = fc.constantFrom(..."qpzry9x8gf2tvdw0s3jn54khce6mua7l");
  fc.assert(
    fc.property(privateKeys, fc.integer({ min: 5, max: 62 }), letters, (privateKey, at, letter) => {
      const change = (text: string) => text.slice(0, at) + letter + text.slice(at + 1);
      const npub = formatNpub(getPublicKey(privateKey));
      fc.pre(npub[at] !== letter);
      assertThrows(() => parsePublicKey(change(npub)), InputError);
      const nsec = formatNsec(privateKey);
      if (nsec[at] !== letter) assertThrows(() => parsePrivateKey(change(nsec)), InputError);
    }),
    { numRuns: 100 },
  );
});

Deno.test("the parsers throw an InputError that repeats nothing, and nothing else, for any text", () => {
  const prefixes = fc.constantFrom("", "nsec1", "npub1", "nprofile1", "naddr1", "nostr:", "NSEC1");
  fc.assert(
    fc.property(prefixes, texts, (prefix, text) => {
      for (const parse of [parsePrivateKey, parsePublicKey, parseServerAddress]) {
        const { message } = assertThrows(() => parse(prefix + text), InputError);
        if (text.trim().length > 12) assert(!message.includes(text.trim()));
      }
    }),
    { numRuns: 200 },
  );
});
