/**
 * What an encrypted call is made of, by each engine: `deno task bench:micro`.
 * The baseline is `nostr-tools`.
 */
import { bytesToHex } from "@noble/hashes/utils.js";
import * as nip44 from "@nostr/tools/nip44";
import { createWrap } from "@nostr/tools/nip59";
import { finalizeEvent, verifyEvent as verifyOfNostrTools } from "@nostr/tools/pure";
import {
  conversationKey,
  type CryptoEngine,
  getPublicKey,
  PrivateKeySigner,
  unwrapEvent,
  verifyEvent,
  wrapEvent,
} from "../crypto/mod.ts";
import { makeEngine } from "./_engine.ts";

const KEY = new Uint8Array(32).fill(3);
const PEER = getPublicKey(new Uint8Array(32).fill(4));
const TEMPLATE = {
  kind: 25910,
  created_at: 1_700_000_000,
  tags: [["p", PEER]],
  content: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "x" } }),
};

async function engines(): Promise<CryptoEngine[]> {
  const made: CryptoEngine[] = [];
  for (const name of ["pure", "wasm", "native"]) {
    try {
      made.push(await makeEngine(name));
    } catch (error) {
      console.error(`without ${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return made;
}

const event = finalizeEvent({ ...TEMPLATE, tags: [["p", PEER]] }, KEY);
// Parsed anew each time: nostr-tools remembers on the event that it holds.
const fields = JSON.stringify(event);
Deno.bench("sign: nostr-tools", { group: "sign", baseline: true }, () => {
  finalizeEvent({ ...TEMPLATE, tags: [["p", PEER]] }, KEY);
});
Deno.bench("verify: nostr-tools", { group: "verify", baseline: true }, () => {
  verifyOfNostrTools(JSON.parse(fields));
});
Deno.bench("conversation key: nostr-tools", { group: "conversation key", baseline: true }, () => {
  nip44.getConversationKey(KEY, PEER);
});
// Of NIP-59 the outer part alone, as in ContextVM: no seal.
const wrapOfNostrTools = createWrap(event, getPublicKey(KEY));
Deno.bench("wrap: nostr-tools", { group: "wrap", baseline: true }, () => {
  createWrap(event, PEER);
});
Deno.bench("unwrap: nostr-tools", { group: "unwrap", baseline: true }, () => {
  const key = nip44.getConversationKey(KEY, wrapOfNostrTools.pubkey);
  verifyOfNostrTools(JSON.parse(nip44.decrypt(wrapOfNostrTools.content, key)));
});

for (const engine of await engines()) {
  const { name } = engine;
  const signer = new PrivateKeySigner(KEY, { engine });
  const inner = await signer.signEvent(TEMPLATE);
  const wrap = wrapEvent(inner, bytesToHex(engine.getPublicKey(KEY)), { kind: 21059, engine });
  Deno.bench(`sign: ${name}`, { group: "sign" }, async () => {
    await signer.signEvent(TEMPLATE);
  });
  Deno.bench(`verify: ${name}`, { group: "verify" }, () => {
    verifyEvent(inner, engine);
  });
  Deno.bench(`conversation key: ${name}`, { group: "conversation key" }, () => {
    conversationKey(KEY, PEER, engine);
  });
  Deno.bench(`wrap: ${name}`, { group: "wrap" }, () => {
    wrapEvent(inner, PEER, { kind: 21059, engine });
  });
  // Each wrap has a key of its own, so nothing is remembered in a real call either.
  const forgetful = new PrivateKeySigner(KEY, { engine, conversationKeyCacheSize: 0 });
  Deno.bench(`unwrap: ${name}`, { group: "unwrap" }, async () => {
    await unwrapEvent(wrap, forgetful, { engine });
  });
}
