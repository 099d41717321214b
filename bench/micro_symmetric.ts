/**
 * The symmetric parts at the sizes that events have: plain JavaScript,
 * `node:crypto` and WebCrypto. `deno task bench:micro`
 *
 * The baseline is `nostr-tools`; of what it exports no part of its own, the
 * package that it takes: `@noble` and `@scure/base`.
 */
import { chacha20 } from "@noble/ciphers/chacha.js";
import { expand, hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import * as nip44 from "@nostr/tools/nip44";
import { getEventHash } from "@nostr/tools/pure";
import { base64 } from "@scure/base";
import { nodeSymmetric } from "../cli/crypto/mod.ts";
import {
  decodeBase64,
  decodeBase64Portable,
  encodeBase64,
  encodeBase64Portable,
} from "../crypto/_base64.ts";
import { decrypt, encrypt, getEventId, pureSymmetric } from "../crypto/mod.ts";

const SIZES = [64, 256, 1_024, 4_096, 32_768];
const KEY = new Uint8Array(32).fill(3);
const NONCE = new Uint8Array(12).fill(4);
const PARTS = [pureSymmetric, nodeSymmetric];

const { subtle } = crypto;
const hmacKey = await subtle.importKey("raw", KEY, { name: "HMAC", hash: "SHA-256" }, false, [
  "sign",
]);

for (const size of SIZES) {
  const data = new Uint8Array(size).map((_, index) => index * 7);
  const text = "x".repeat(size);
  const encoded = encodeBase64(data);
  Deno.bench(`sha256 ${size}: noble`, { group: `sha256 ${size}`, baseline: true }, () => {
    sha256(data);
  });
  Deno.bench(`hmac ${size}: noble`, { group: `hmac ${size}`, baseline: true }, () => {
    hmac(sha256, KEY, data);
  });
  Deno.bench(`chacha20 ${size}: noble`, { group: `chacha20 ${size}`, baseline: true }, () => {
    chacha20(KEY, NONCE, data);
  });
  for (const part of PARTS) {
    const { name } = part;
    Deno.bench(`sha256 ${size}: ours, ${name}`, { group: `sha256 ${size}` }, () => {
      part.sha256(data);
    });
    Deno.bench(`hmac ${size}: ours, ${name}`, { group: `hmac ${size}` }, () => {
      part.hmacSha256(KEY, data);
    });
    Deno.bench(`chacha20 ${size}: ours, ${name}`, { group: `chacha20 ${size}` }, () => {
      part.chacha20(KEY, NONCE, data);
    });
  }
  Deno.bench(`sha256 ${size}: WebCrypto`, { group: `sha256 ${size}` }, async () => {
    await subtle.digest("SHA-256", data);
  });
  Deno.bench(`hmac ${size}: WebCrypto`, { group: `hmac ${size}` }, async () => {
    await subtle.sign("HMAC", hmacKey, data);
  });

  const group = `base64 ${size}`;
  Deno.bench(`${group}: @scure/base`, { group, baseline: true }, () => {
    base64.decode(base64.encode(data));
  });
  Deno.bench(`${group}: by the runtime`, { group }, () => {
    decodeBase64(encodeBase64(data));
  });
  Deno.bench(`${group}: by btoa() and atob()`, { group }, () => {
    decodeBase64Portable(encodeBase64Portable(data));
  });

  const payload = nip44.encrypt(text, KEY);
  const both = `nip44 ${size}`;
  Deno.bench(`${both}: nostr-tools`, { group: both, baseline: true }, () => {
    nip44.encrypt(text, KEY);
    nip44.decrypt(payload, KEY);
  });
  for (const symmetric of PARTS) {
    Deno.bench(`${both}: ours, ${symmetric.name}`, { group: both }, () => {
      encrypt(text, KEY, { symmetric });
      decrypt(payload, KEY, { symmetric });
    });
  }

  const event = { pubkey: "ab".repeat(32), kind: 1, created_at: 1, tags: [], content: encoded };
  Deno.bench(`event id ${size}: nostr-tools`, { group: `event id ${size}`, baseline: true }, () => {
    getEventHash(event);
  });
  Deno.bench(`event id ${size}: ours`, { group: `event id ${size}` }, () => {
    getEventId(event);
  });
}

const whole = "hkdf to 76 bytes";
Deno.bench(`${whole}: noble`, { group: whole, baseline: true }, () => {
  hkdf(sha256, KEY, KEY, KEY, 76);
});
for (const { name, hkdfSha256 } of PARTS) {
  Deno.bench(`${whole}: ours, ${name}`, { group: whole }, () => {
    hkdfSha256(KEY, { salt: KEY, info: KEY, length: 76 });
  });
}

const group = "hkdf-expand to 76 bytes";
Deno.bench(`${group}: noble`, { group, baseline: true }, () => {
  expand(sha256, KEY, KEY, 76);
});
for (const { name, hmacSha256 } of PARTS) {
  Deno.bench(`${group}: ours, three HMACs, ${name}`, { group }, () => {
    const one = hmacSha256(KEY, KEY, Uint8Array.of(1));
    const two = hmacSha256(KEY, one, KEY, Uint8Array.of(2));
    hmacSha256(KEY, two, KEY, Uint8Array.of(3));
  });
}
