import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { bytesToHex } from "@noble/hashes/utils.js";
import * as nip19 from "@nostr/tools/nip19";
import {
  formatNprofile,
  formatNpub,
  formatNsec,
  generateKey,
  getPublicKey,
  parsePrivateKey,
  parsePublicKey,
  parseServerAddress,
} from "../../crypto/keys.ts";
import { InputError } from "../../errors.ts";
import { CLIENT_KEY, OFF_CURVE } from "./_fixtures.ts";

const PUBKEY = "4f355bdcb7cc0af728ef3cceb9615d90684bb5b2ca5f859ab0f0b704075871aa";
const NSEC = nip19.nsecEncode(CLIENT_KEY);
const NPUB = nip19.npubEncode(PUBKEY);
const RELAYS = ["wss://one.example", "wss://two.example/path"];
const NPROFILE = nip19.nprofileEncode({ pubkey: PUBKEY, relays: RELAYS });
const NADDR = naddr(11_316, "");
const NOTE = nip19.noteEncode(PUBKEY);
const ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

function naddr(kind: number, identifier: string): string {
  return nip19.naddrEncode({ kind, identifier, pubkey: PUBKEY, relays: RELAYS });
}

/** The text with one character in the middle changed, so that its checksum breaks. */
function mistype(text: string): string {
  const at = text.length - 20;
  return text.slice(0, at) + (text[at] === "q" ? "p" : "q") + text.slice(at + 1);
}

/** Fails when a message has any 10 characters in a row of a secret. */
function assertHidden(message: string, secret: string): void {
  for (let start = 0; start + 10 <= secret.length; start++) {
    const part = secret.slice(start, start + 10);
    assert(!message.toLowerCase().includes(part.toLowerCase()), "the message shows the key");
  }
}

Deno.test("generateKey() makes a key that has a public key", () => {
  assertEquals(getPublicKey(generateKey()).length, 64);
  assertEquals(getPublicKey(CLIENT_KEY), PUBKEY);
});

Deno.test("F03: parsePrivateKey() takes hex of either case and nsec, with white space around", () => {
  const hex = bytesToHex(new Uint8Array(32).fill(0xab));
  for (const text of [hex, hex.toUpperCase(), ` ${hex}\n`]) {
    assertEquals(parsePrivateKey(text), new Uint8Array(32).fill(0xab));
  }
  for (const text of [NSEC, NSEC.toUpperCase(), `\t${NSEC} `]) {
    assertEquals(parsePrivateKey(text), CLIENT_KEY);
  }
});

Deno.test("F07: parsePrivateKey() says what is wrong and repeats no key", () => {
  const cases: [text: string, says: string][] = [
    ["", "got 0 other characters"],
    [bytesToHex(CLIENT_KEY).slice(2), "got 62 other characters"],
    [`0x${bytesToHex(CLIENT_KEY)}`, "got 66 other characters"],
    [mistype(NSEC), "mistyped or cut off"],
    [NSEC.slice(0, -1), "mistyped or cut off"],
    [nip19.encodeBytes("nsec", CLIENT_KEY.subarray(1)), "mistyped or cut off"],
    [NPUB, "an npub is public"],
    [NPROFILE, "an nprofile is public"],
    ["ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9", "password"],
    ["0".repeat(64), "out of range"],
    [ORDER, "out of range"],
  ];
  for (const [text, says] of cases) {
    const error = assertThrows(() => parsePrivateKey(text), InputError, says);
    assertEquals(error.code, "KEY_INVALID");
    assertEquals(error.cause, undefined);
    assertHidden(`${error.message} ${error.stack}`, text);
  }
});

Deno.test("F03: parsePublicKey() takes every form of a public key", () => {
  const texts = [
    PUBKEY,
    PUBKEY.toUpperCase(),
    NPUB,
    NPUB.toUpperCase(),
    NPROFILE,
    NADDR,
    naddr(30_023, "an article"),
    `nostr:${NPUB}`,
    ` NOSTR:${NPROFILE}\n`,
  ];
  for (const text of texts) assertEquals(parsePublicKey(text), PUBKEY, text);
});

Deno.test("parsePublicKey() names a private key as what it is, and does not repeat it", () => {
  for (
    const text of [NSEC, NSEC.toUpperCase(), `nostr:${NSEC}`, mistype(NSEC), NSEC.slice(0, 40)]
  ) {
    const error = assertThrows(
      () => parsePublicKey(text),
      InputError,
      "that is a private key (nsec)",
    );
    assertEquals(error.code, "KEY_INVALID");
    assertEquals(error.cause, undefined);
    assertHidden(`${error.message} ${error.stack}`, text.replace(/^nostr:/, ""));
  }
});

Deno.test("parsePublicKey() says what is wrong", () => {
  const cases: [text: string, says: string][] = [
    ["", "got 0 other characters"],
    [PUBKEY.slice(1), "got 63 other characters"],
    ["alice@example.com", "got 17 other characters"],
    [mistype(NPUB), "the npub is mistyped or cut off"],
    [NPUB.slice(0, -2), "the npub is mistyped or cut off"],
    [mistype(NPROFILE), "the nprofile is mistyped or cut off"],
    [NOTE, "a note names an event"],
    [OFF_CURVE, "not on secp256k1"],
    ["0".repeat(64), "not on secp256k1"],
    [nip19.npubEncode(OFF_CURVE), "not on secp256k1"],
    [nip19.npubEncode(PUBKEY.slice(2)), "not on secp256k1"],
  ];
  for (const [text, says] of cases) {
    const error = assertThrows(() => parsePublicKey(text), InputError, says);
    assertEquals(error.code, "KEY_INVALID");
  }
});

Deno.test("parseServerAddress() reads the key, and the relays that come with it", () => {
  for (const text of [PUBKEY, PUBKEY.toUpperCase(), NPUB, `nostr:${NPUB}`]) {
    assertEquals(parseServerAddress(text), { pubkey: PUBKEY, relays: [] });
  }
  for (const text of [NPROFILE, NADDR, naddr(11_320, ""), `nostr:${NPROFILE}`, ` ${NADDR} `]) {
    assertEquals(parseServerAddress(text), { pubkey: PUBKEY, relays: RELAYS });
  }
});

Deno.test("parseServerAddress() names a relay once, however often it stands there", () => {
  const text = nip19.nprofileEncode({ pubkey: PUBKEY, relays: [...RELAYS, ...RELAYS] });
  assertEquals(parseServerAddress(text).relays, RELAYS);
});

Deno.test("parseServerAddress() refuses what names no server", () => {
  const cases: [text: string, says: string][] = [
    [naddr(30_023, ""), "kind 30023"],
    [naddr(11_315, ""), "kind 11315"],
    [naddr(11_321, ""), "kind 11321"],
    [naddr(11_316, "x"), "identifier"],
    [NSEC, "that is a private key (nsec)"],
    [NOTE, "a note names an event"],
    [OFF_CURVE, "not on secp256k1"],
    ["wss://relay.example", "got 19 other characters"],
    [mistype(NADDR), "the naddr is mistyped or cut off"],
  ];
  for (const [text, says] of cases) {
    const error = assertThrows(() => parseServerAddress(text), InputError, says);
    assertEquals(error.code, "SERVER_INVALID");
  }
});

Deno.test("formatNpub(), formatNsec() and formatNprofile() write what nostr-tools writes", () => {
  assertEquals(formatNpub(PUBKEY), NPUB);
  assertEquals(formatNsec(CLIENT_KEY), NSEC);
  assertEquals(formatNprofile(PUBKEY, RELAYS), NPROFILE);
});

Deno.test("the format functions refuse what is no key", () => {
  for (const text of ["", PUBKEY.toUpperCase(), NPUB]) {
    assertThrows(() => formatNpub(text), TypeError);
    assertThrows(() => formatNprofile(text, []), TypeError);
  }
  assertThrows(() => formatNsec(new Uint8Array(32)), RangeError);
  assertThrows(() => formatNsec(new Uint8Array(31).fill(1)), RangeError);
});

Deno.test("formatNprofile() refuses relays that NIP-19 has no room for", () => {
  const longest = `wss://${"a".repeat(249)}`;
  assertEquals(parseServerAddress(formatNprofile(PUBKEY, [longest])).relays, [longest]);
  const tooLong = assertThrows(
    () => formatNprofile(PUBKEY, [`${longest}a`]),
    InputError,
    "255 bytes",
  );
  assertEquals(tooLong.code, "RELAY_URL_INVALID");
  const many = Array.from({ length: 13 }, () => longest);
  const tooMany = assertThrows(() => formatNprofile(PUBKEY, many), InputError, "name fewer");
  assertStringIncludes(tooMany.message, "13 relays");
});
