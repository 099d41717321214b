import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import {
  EPHEMERAL_GIFT_WRAP_KIND,
  GIFT_WRAP_KIND,
  type GiftWrapKind,
  unwrapEvent,
  wrapEvent,
} from "../../crypto/gift_wrap.ts";
import { getPublicKey } from "../../crypto/keys.ts";
import { conversationKey, decrypt, encrypt } from "../../crypto/nip44.ts";
import { PrivateKeySigner } from "../../crypto/private_key_signer.ts";
import { createPureEngine, pureEngine } from "../../crypto/pure_engine.ts";
import type { Signer } from "../../crypto/signer.ts";
import { CvmError, type ErrorCode, EventError } from "../../errors.ts";
import { CLIENT_KEY, clientEvent, OFF_CURVE, SERVER_KEY } from "./_fixtures.ts";

const SERVER = getPublicKey(SERVER_KEY);
const server = new PrivateKeySigner(SERVER_KEY);

/** A wrap of kind 1059 around any text, as a hostile client may make it. */
function wrapText(text: string): NostrEvent {
  const wrap = wrapEvent(clientEvent(), SERVER, { kind: GIFT_WRAP_KIND });
  const oneTimeKey = pureEngine.generatePrivateKey();
  return {
    ...wrap,
    pubkey: getPublicKey(oneTimeKey),
    content: encrypt(text, conversationKey(oneTimeKey, SERVER)),
  };
}

async function assertRefused(
  wrap: NostrEvent,
  code: ErrorCode,
  signer: Signer = server,
): Promise<EventError> {
  const error = await assertRejects(() => unwrapEvent(wrap, signer), EventError);
  assertEquals(error.code, code, error.message);
  return error;
}

Deno.test("wrapEvent() makes a genuine event in one layer whose only tag is the recipient", () => {
  const inner = clientEvent();
  const kinds: GiftWrapKind[] = [GIFT_WRAP_KIND, EPHEMERAL_GIFT_WRAP_KIND];
  for (const kind of kinds) {
    const wrap = wrapEvent(inner, SERVER, { kind });
    assert(verifyEvent(wrap));
    assertEquals(wrap.kind, kind);
    assertEquals(wrap.tags, [["p", SERVER]]);
    const plaintext = decrypt(wrap.content, conversationKey(SERVER_KEY, wrap.pubkey));
    assertEquals(JSON.parse(plaintext), inner);
  }
});

Deno.test("wrapEvent() takes the kinds 1059 and 21059 and no other", () => {
  assertEquals([GIFT_WRAP_KIND, EPHEMERAL_GIFT_WRAP_KIND], [1059, 21059]);
  const kind = 13 as GiftWrapKind;
  assertThrows(() => wrapEvent(clientEvent(), SERVER, { kind }), RangeError, "1059 or 21059");
});

Deno.test("wrapEvent() stamps the real time in whole seconds, from the clock that it is given", () => {
  const wrap = wrapEvent(clientEvent(), SERVER, { kind: 1059, now: () => 1_800_000_000_999 });
  assertEquals(wrap.created_at, 1_800_000_000);
  const before = Math.floor(Date.now() / 1_000);
  const { created_at } = wrapEvent(clientEvent(), SERVER, { kind: 1059 });
  assert(created_at >= before && created_at <= Date.now() / 1_000);
});

Deno.test("wrapEvent() uses a key once", () => {
  const wraps = [1, 2, 3].map(() => wrapEvent(clientEvent(), SERVER, { kind: 1059 }));
  assertEquals(new Set(wraps.map(({ pubkey }) => pubkey)).size, 3);
  for (const { pubkey } of wraps) assertNotEquals(pubkey, getPublicKey(CLIENT_KEY));
});

Deno.test("wrapEvent() overwrites the one-time key when it is done, also when it fails", () => {
  const keys: Uint8Array[] = [];
  const pure = createPureEngine();
  const engine = {
    ...pure,
    generatePrivateKey(): Uint8Array {
      const key = pure.generatePrivateKey();
      keys.push(key);
      return key;
    },
  };
  wrapEvent(clientEvent(), SERVER, { kind: 1059, engine });
  assertThrows(() => wrapEvent(clientEvent(), OFF_CURVE, { kind: 1059, engine }), RangeError);
  assertEquals(keys, [new Uint8Array(32), new Uint8Array(32)]);
});

Deno.test("wrapEvent() passes on the seven fields of the event and nothing else", async () => {
  const inner = { ...clientEvent(), secret: "local note" };
  const wrap = wrapEvent(inner, SERVER, { kind: 1059 });
  const plaintext = await server.nip44.decrypt(wrap.pubkey, wrap.content);
  assert(!plaintext.includes("secret"));
});

Deno.test("wrapEvent() refuses what is no event and who is no recipient", () => {
  const inner = clientEvent();
  assertThrows(() => wrapEvent({ ...inner, sig: "" }, SERVER, { kind: 1059 }), TypeError);
  assertThrows(() => wrapEvent(inner, "npub1", { kind: 1059 }), TypeError);
});

Deno.test("CEP19-6: unwrapEvent() gives back the inner event, whichever kind the wrap is of", async () => {
  const inner = clientEvent({ content: "x".repeat(50_000) });
  const kinds: GiftWrapKind[] = [GIFT_WRAP_KIND, EPHEMERAL_GIFT_WRAP_KIND];
  for (const kind of kinds) {
    assertEquals(await unwrapEvent(wrapEvent(inner, SERVER, { kind }), server), inner);
  }
});

Deno.test("unwrapEvent() refuses a wrap that is meant for somebody else", async () => {
  const wrap = wrapEvent(clientEvent(), getPublicKey(CLIENT_KEY), { kind: 1059 });
  await assertRefused(wrap, "DECRYPT_FAILED");
});

Deno.test("unwrapEvent() refuses a wrap with another key, a key off the curve, or no payload", async () => {
  const wrap = wrapEvent(clientEvent(), SERVER, { kind: 1059 });
  await assertRefused({ ...wrap, pubkey: getPublicKey(CLIENT_KEY) }, "DECRYPT_FAILED");
  await assertRefused({ ...wrap, pubkey: OFF_CURVE }, "DECRYPT_FAILED");
  await assertRefused({ ...wrap, content: "" }, "DECRYPT_FAILED");
  await assertRefused({ ...wrap, content: "hello" }, "DECRYPT_FAILED");
});

Deno.test("unwrapEvent() refuses an event that is no gift wrap", async () => {
  const wrap = wrapEvent(clientEvent(), SERVER, { kind: 1059 });
  for (const kind of [13, 1058, 25910]) await assertRefused({ ...wrap, kind }, "WRAP_INVALID");
});

Deno.test("F07: unwrapEvent() refuses what holds no event, and quotes nothing of it", async () => {
  const { id: _, ...withoutId } = clientEvent();
  const texts = [
    "top secret, not JSON",
    '{"top secret":',
    "null",
    '"top secret"',
    "[]",
    JSON.stringify([clientEvent()]),
    JSON.stringify(withoutId),
    JSON.stringify({ ...clientEvent(), tags: [["p", 1]] }),
    "[".repeat(100_000),
  ];
  for (const text of texts) {
    const error = await assertRefused(wrapText(text), "WRAP_INVALID");
    assert(!Deno.inspect(error).includes("top secret"));
  }
});

Deno.test("F01, CEP4-8: unwrapEvent() refuses an inner event that its author did not sign", async () => {
  const inner = clientEvent();
  for (
    const forged of [
      { ...inner, content: "changed" },
      { ...inner, pubkey: SERVER },
      { ...inner, sig: "0".repeat(128) },
      { ...inner, id: "0".repeat(64) },
    ]
  ) {
    await assertRefused(wrapText(JSON.stringify(forged)), "SIGNATURE_INVALID");
  }
});

Deno.test("unwrapEvent() lets no other field of the inner event through", async () => {
  const inner = clientEvent();
  const text = JSON.stringify({ ...inner, verified: true, toJSON: "x" })
    .replace(/}$/, ',"__proto__":{"admin":true},"constructor":1}');
  const event = await unwrapEvent(wrapText(text), server);
  assertEquals(event, inner);
  assertEquals(Object.keys(event).length, 7);
  assertEquals(Object.getPrototypeOf(event), Object.prototype);
});

Deno.test("unwrapEvent() does not look at the wrap's own signature", async () => {
  const inner = clientEvent();
  const wrap = wrapEvent(inner, SERVER, { kind: 1059 });
  assertEquals(await unwrapEvent({ ...wrap, sig: "0".repeat(128) }, server), inner);
});

Deno.test("F09: unwrapEvent() refuses a wrap that is too large before the signer sees it", async () => {
  const wrap = wrapEvent(clientEvent({ content: "x".repeat(5_000) }), SERVER, { kind: 1059 });
  const calls: string[] = [];
  const signer: Signer = {
    getPublicKey: () => server.getPublicKey(),
    signEvent: (event) => server.signEvent(event),
    nip44: {
      encrypt: server.nip44.encrypt,
      decrypt: (pubkey, ciphertext) => {
        calls.push(pubkey);
        return server.nip44.decrypt(pubkey, ciphertext);
      },
    },
  };
  const error = await assertRejects(
    () => unwrapEvent(wrap, signer, { maxPlaintextBytes: 4_000 }),
    EventError,
    "more than 4000 bytes",
  );
  assertEquals(error.code, "DECRYPT_FAILED");
  assertEquals(calls, []);
});

Deno.test("unwrapEvent() says DECRYPT_FAILED when a foreign signer rejects, and keeps the cause", async () => {
  const cause = new Error("the user said no");
  const signer: Signer = {
    getPublicKey: () => server.getPublicKey(),
    signEvent: (event) => server.signEvent(event),
    nip44: { encrypt: server.nip44.encrypt, decrypt: () => Promise.reject(cause) },
  };
  const wrap = wrapEvent(clientEvent(), SERVER, { kind: 1059 });
  assertEquals((await assertRefused(wrap, "DECRYPT_FAILED", signer)).cause, cause);
});

Deno.test("unwrapEvent() blames a closed signer, not the sender", async () => {
  const signer = new PrivateKeySigner(SERVER_KEY);
  signer.close();
  const wrap = wrapEvent(clientEvent(), SERVER, { kind: 1059 });
  const error = await assertRejects<CvmError>(() => unwrapEvent(wrap, signer), CvmError);
  assertEquals(error.code, "CLOSED");
});

Deno.test("unwrapEvent() needs a signer with nip44", async () => {
  const signer: Signer = {
    getPublicKey: () => server.getPublicKey(),
    signEvent: (event) => server.signEvent(event),
  };
  const wrap = wrapEvent(clientEvent(), SERVER, { kind: 1059 });
  await assertRejects(() => unwrapEvent(wrap, signer), TypeError, "nip44");
});

Deno.test("wrapEvent() wipes the one-time key and its secret, also when it fails", () => {
  const made: Uint8Array[] = [];
  const note = (bytes: Uint8Array) => {
    made.push(bytes);
    return bytes;
  };
  const engine = {
    ...createPureEngine(),
    generatePrivateKey: () => note(pureEngine.generatePrivateKey()),
    sharedSecret: (...args: Parameters<typeof pureEngine.sharedSecret>) =>
      note(pureEngine.sharedSecret(...args)),
  };
  wrapEvent(clientEvent(), SERVER, { kind: GIFT_WRAP_KIND, engine });
  assertThrows(
    () => wrapEvent(clientEvent(), OFF_CURVE, { kind: GIFT_WRAP_KIND, engine }),
    RangeError,
  );
  assertEquals(made.map((bytes) => bytes.every((byte) => byte === 0)), [true, true, true]);
});
