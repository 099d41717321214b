/**
 * Gift wraps as ContextVM uses them (CEP-4, CEP-19): a signed event, encrypted
 * to its recipient by a key that is used once, in one layer. There is no seal
 * and no unsigned rumor as in NIP-59.
 *
 * @module
 */
import type { CryptoEngine } from "./engine.ts";
import { isNostrEvent, type NostrEvent, signEventAs, verifyRest } from "./event.ts";
import { openKeyPair } from "./_key_pair.ts";
import {
  DEFAULT_MAX_PLAINTEXT_BYTES,
  encryptToSecret,
  payloadLength,
  sharedSecret,
} from "./nip44.ts";
import { pureEngine } from "./pure_engine.ts";
import type { Signer } from "./signer.ts";
import { CvmError, EventError } from "../errors.ts";

/** The kind of a gift wrap that relays store (NIP-59, CEP-4). */
export const GIFT_WRAP_KIND = 1059;

/** The kind of a gift wrap that relays pass on and forget (CEP-19). */
export const EPHEMERAL_GIFT_WRAP_KIND = 21059;

/** The kind of a gift wrap: stored or ephemeral. */
export type GiftWrapKind = typeof GIFT_WRAP_KIND | typeof EPHEMERAL_GIFT_WRAP_KIND;

/** How to wrap an event. */
export interface WrapOptions {
  /** Whether relays shall store the wrap. */
  readonly kind: GiftWrapKind;
  /**
   * What makes the one-time key, encrypts and signs.
   * @default {pureEngine}
   */
  readonly engine?: CryptoEngine;
  /**
   * The time, in milliseconds since the epoch.
   * @default {Date.now}
   */
  readonly now?: () => number;
}

/** How to unwrap an event. */
export interface UnwrapOptions {
  /**
   * What checks the inner signature.
   * @default {pureEngine}
   */
  readonly engine?: CryptoEngine;
  /**
   * The largest inner event, in bytes of JSON. A signer may have a limit of its own.
   * @default {1_048_576}
   */
  readonly maxPlaintextBytes?: number;
}

/**
 * Wraps a signed event for one recipient. The wrap's time is the real one, not
 * moved to the past as in NIP-59, for peers ask relays for what is new.
 *
 * @param inner The signed event; only the seven fields of NIP-01 go along.
 * @param recipient The public key that can open it, 64 lower-case hex digits.
 * @param options Which kind, and how.
 * @returns The wrap, signed by a key that is forgotten here. Its only tag is `["p", recipient]`.
 * @throws {TypeError} When `inner` is no event or `recipient` is not 64 lower-case hex digits.
 * @throws {RangeError} When the kind is none of the two, or the recipient is not on the curve.
 *
 * @example
 * ```ts
 * import { GIFT_WRAP_KIND, PrivateKeySigner, unwrapEvent, wrapEvent } from "@cvm/toolkit/crypto";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * using client = PrivateKeySigner.generate();
 * using server = PrivateKeySigner.generate();
 * const template = { kind: 25910, created_at: 1_700_000_000, tags: [["p", server.pubkey]], content: "{}" };
 * const inner = await client.signEvent(template);
 *
 * const wrap = wrapEvent(inner, server.pubkey, { kind: GIFT_WRAP_KIND });
 * assertEquals(wrap.tags, [["p", server.pubkey]]);
 * assertNotEquals(wrap.pubkey, client.pubkey);
 * assertEquals(await unwrapEvent(wrap, server), inner);
 * ```
 */
export function wrapEvent(
  inner: NostrEvent,
  recipient: string,
  options: WrapOptions,
): NostrEvent {
  const { kind, engine = pureEngine, now = Date.now } = options;
  if (!isGiftWrapKind(kind)) {
    throw new RangeError(
      `A gift wrap is of kind ${GIFT_WRAP_KIND} or ${EPHEMERAL_GIFT_WRAP_KIND}, not ${kind}`,
    );
  }
  if (!isNostrEvent(inner)) throw new TypeError("What is wrapped has to be a signed event");
  const oneTimeKey = engine.generatePrivateKey();
  const pair = openKeyPair(oneTimeKey, engine);
  let secret: Uint8Array | undefined;
  try {
    secret = sharedSecret(oneTimeKey, recipient, engine);
    const { symmetric } = engine;
    const content = encryptToSecret(JSON.stringify(copyEvent(inner)), secret, { symmetric });
    const created_at = Math.floor(now() / 1_000);
    return signEventAs({ kind, created_at, tags: [["p", recipient]], content }, pair);
  } finally {
    pair.close();
    secret?.fill(0);
    oneTimeKey.fill(0);
  }
}

/**
 * Opens a gift wrap and checks the event inside: its shape, its id, its signature.
 *
 * The wrap's own signature is not verified, on purpose. Its key was made for
 * this one wrap, so the signature says nothing about who sent it, and checking
 * it would double the cost. That the content was made for us by the holder of
 * that key is proved by the MAC of NIP-44, and who is speaking by the signature
 * inside. So nothing else of the wrap is proved: neither its id nor its time
 * nor its tags. Tell messages apart by the inner event.
 *
 * Whether the inner event is of the right kind, recent, new and addressed to us
 * is for the caller to check.
 *
 * @param wrap The wrap as it came, with the shape of an event.
 * @param signer The recipient; it needs `nip44`.
 * @param options How much to take.
 * @returns The inner event: the seven fields of NIP-01, and nothing else that the sender put there.
 * @throws {EventError} `DECRYPT_FAILED` when it is not for us, was changed or is too large;
 * `WRAP_INVALID` when it is no gift wrap or holds no event; `SIGNATURE_INVALID` when that
 * event is not its author's. No message holds what is inside.
 * @throws {TypeError} When the signer has no `nip44`.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner, unwrapEvent, wrapEvent } from "@cvm/toolkit/crypto";
 * import { EventError } from "@cvm/toolkit/errors";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * using client = PrivateKeySigner.generate();
 * using server = PrivateKeySigner.generate();
 * using stranger = PrivateKeySigner.generate();
 * const inner = await client.signEvent({ kind: 25910, created_at: 1, tags: [], content: "{}" });
 * const wrap = wrapEvent(inner, server.pubkey, { kind: 21059 });
 *
 * const error = await assertRejects(() => unwrapEvent(wrap, stranger), EventError);
 * assertEquals(error.code, "DECRYPT_FAILED");
 * ```
 */
export async function unwrapEvent(
  wrap: NostrEvent,
  signer: Signer,
  options: UnwrapOptions = {},
): Promise<NostrEvent> {
  const inner = await decryptWrap(wrap, signer, options);
  if (!verifyRest(inner, { checked: "shape", engine: options.engine })) {
    throw new EventError(
      "SIGNATURE_INVALID",
      `The event inside gift wrap ${wrap.id} was not signed by its author`,
    );
  }
  return inner;
}

/**
 * As {@linkcode unwrapEvent}, for callers who look at the inner event before they verify it: what
 * is not wanted costs no verification then. Of that event the shape has been checked, and no more.
 */
export async function decryptWrap(
  wrap: NostrEvent,
  signer: Signer,
  options: UnwrapOptions = {},
): Promise<NostrEvent> {
  const { maxPlaintextBytes = DEFAULT_MAX_PLAINTEXT_BYTES } = options;
  if (!isGiftWrapKind(wrap.kind)) {
    throw new EventError("WRAP_INVALID", `An event of kind ${wrap.kind} is no gift wrap`);
  }
  return parse(await open(wrap, signer, maxPlaintextBytes), wrap);
}

async function open(wrap: NostrEvent, signer: Signer, maxPlaintextBytes: number): Promise<string> {
  const { nip44 } = signer;
  if (nip44 === undefined) throw new TypeError("Opening a gift wrap needs a signer with nip44");
  if (wrap.content.length > payloadLength(maxPlaintextBytes)) {
    throw new EventError(
      "DECRYPT_FAILED",
      `Gift wrap ${wrap.id} holds more than ${maxPlaintextBytes} bytes (maxPlaintextBytes)`,
    );
  }
  try {
    return await nip44.decrypt(wrap.pubkey, wrap.content);
  } catch (cause) {
    // What is wrong with the signer, such as CLOSED, is not the sender's fault.
    if (cause instanceof CvmError && cause.code !== "DECRYPT_FAILED") throw cause;
    throw new EventError("DECRYPT_FAILED", `Gift wrap ${wrap.id} can't be decrypted`, { cause });
  }
}

function parse(plaintext: string, wrap: NostrEvent): NostrEvent {
  let value: unknown;
  try {
    value = JSON.parse(plaintext);
  } catch {
    // Without a cause: the message of a SyntaxError quotes the plaintext.
    throw new EventError("WRAP_INVALID", `What gift wrap ${wrap.id} holds is not JSON`);
  }
  if (!isNostrEvent(value)) {
    throw new EventError("WRAP_INVALID", `What gift wrap ${wrap.id} holds is not a signed event`);
  }
  return copyEvent(value);
}

/** The seven fields of an event, in one order, whatever else its object has. */
function copyEvent(event: NostrEvent): NostrEvent {
  const { id, pubkey, created_at, kind, tags, content, sig } = event;
  return { id, pubkey, created_at, kind, tags, content, sig };
}

/** Whether a kind is that of a gift wrap. */
export function isGiftWrapKind(kind: number): kind is GiftWrapKind {
  return kind === GIFT_WRAP_KIND || kind === EPHEMERAL_GIFT_WRAP_KIND;
}
