/**
 * Keys, events, signatures, encryption and gift wraps of Nostr, as ContextVM
 * needs them. Pure web standard: runs in Deno, browsers, Node.js, Bun and workers.
 *
 * @example A message from a client to a server, encrypted
 * ```ts
 * import {
 *   EPHEMERAL_GIFT_WRAP_KIND,
 *   PrivateKeySigner,
 *   unwrapEvent,
 *   wrapEvent,
 * } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * using client = PrivateKeySigner.generate();
 * using server = PrivateKeySigner.generate();
 *
 * const message = { jsonrpc: "2.0", id: 1, method: "ping" };
 * const inner = await client.signEvent({
 *   kind: 25910,
 *   created_at: Math.floor(Date.now() / 1000),
 *   tags: [["p", server.pubkey]],
 *   content: JSON.stringify(message),
 * });
 * const wrap = wrapEvent(inner, server.pubkey, { kind: EPHEMERAL_GIFT_WRAP_KIND });
 *
 * const received = await unwrapEvent(wrap, server);
 * assertEquals(received.pubkey, client.pubkey);
 * assertEquals(JSON.parse(received.content), message);
 * ```
 *
 * @module
 */
export type { CanonicalHashOptions } from "./canonical_hash.ts";
export { canonicalHash, invocationHash } from "./canonical_hash.ts";
export type { CryptoEngine, EngineKey, EngineOptions } from "./engine.ts";
export type { EventWorkers, VerifyTask, WrapTask } from "./event_workers.ts";
export type { EventTemplate, NostrEvent, UnsignedEvent } from "./event.ts";
export { getEventId, isNostrEvent, serializeEvent, signEvent, verifyEvent } from "./event.ts";
export type { GiftWrapKind, UnwrapOptions, WrapOptions } from "./gift_wrap.ts";
export { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND, unwrapEvent, wrapEvent } from "./gift_wrap.ts";
export type { ServerAddress } from "./keys.ts";
export {
  formatNprofile,
  formatNpub,
  formatNsec,
  generateKey,
  getPublicKey,
  parsePrivateKey,
  parsePublicKey,
  parseServerAddress,
} from "./keys.ts";
export type { DecryptOptions, EncryptOptions } from "./nip44.ts";
export {
  conversationKey,
  decrypt,
  DEFAULT_MAX_PLAINTEXT_BYTES,
  encrypt,
  payloadLength,
} from "./nip44.ts";
export type { PrivateKeySignerOptions } from "./private_key_signer.ts";
export { PrivateKeySigner } from "./private_key_signer.ts";
export { createPureEngine, pureEngine } from "./pure_engine.ts";
export type { Signer } from "./signer.ts";
export type { HkdfOptions, SymmetricEngine } from "./symmetric.ts";
export { pureSymmetric } from "./symmetric.ts";
