import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { formatNpub, PrivateKeySigner, verifyEvent } from "../../../crypto/mod.ts";
import { CvmError, EventError, InputError, RelayError, SignerError } from "../../../errors.ts";
import {
  BunkerSigner,
  type BunkerSignerOptions,
  parseBunkerAddress,
} from "../../../transport/mod.ts";
import { serve } from "../../../transport/server.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { connect, fixtureServer, network, poolOptions, textOf, until } from "../_harness.ts";
import { Bunker, type BunkerOptions } from "./_bunker.ts";

const TEMPLATE = { kind: 1, created_at: 1_700_000_000, tags: [["t", "x"]], content: "hello" };

/** A bunker on a relay, and how to connect to it. */
async function setUp(options: BunkerOptions = {}) {
  const relay = new MemoryRelay();
  const bunker = await Bunker.open([relay.url], { pool: poolOptions(relay), ...options });
  const enter = (own: BunkerSignerOptions = {}) =>
    BunkerSigner.connect(bunker.address, { pool: poolOptions(relay), timeoutMs: 2_000, ...own });
  return {
    relay,
    bunker,
    enter,
    [Symbol.asyncDispose]: async () => {
      await bunker[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
    },
  };
}

Deno.test("NIP46-1, NIP46-2: BunkerSigner signs, encrypts and decrypts with a key that stays in the bunker", async () => {
  await using place = await setUp({ secret: "open sesame" });
  const { bunker } = place;
  await using signer = await place.enter();
  assertEquals(signer.pubkey, bunker.user.pubkey);
  assertEquals(await signer.getPublicKey(), bunker.user.pubkey);
  const event = await signer.signEvent(TEMPLATE);
  assert(verifyEvent(event) && event.pubkey === bunker.user.pubkey);
  using peer = PrivateKeySigner.generate();
  const sent = await signer.nip44.encrypt(peer.pubkey, "to you");
  assertEquals(await peer.nip44.decrypt(signer.pubkey, sent), "to you");
  const received = await peer.nip44.encrypt(signer.pubkey, "to me");
  assertEquals(await signer.nip44.decrypt(peer.pubkey, received), "to me");
  assertEquals(bunker.asked, [
    "connect",
    "get_public_key",
    "sign_event",
    "nip44_encrypt",
    "nip44_decrypt",
  ]);
});

Deno.test("NIP46-4: BunkerSigner.connect() does not spend a secret again with a bunker that knows it", async () => {
  await using place = await setUp({ secret: "once" });
  using clientSigner = PrivateKeySigner.generate();
  await (await place.enter({ clientSigner })).close();
  place.bunker.asked.length = 0;
  await (await place.enter({ clientSigner, isKnown: true })).close();
  assertEquals(place.bunker.asked, ["get_public_key"]);
  // Another application can't use it, and one that the bunker has forgotten tries the secret.
  const error = await assertRejects(() => place.enter({ isKnown: true }), SignerError, "not good");
  assertEquals(error.code, "SIGNER_REFUSED");
  assertEquals(place.bunker.asked, ["get_public_key", "get_public_key", "connect"]);
});

Deno.test("BunkerSigner names the bunker in its errors", async () => {
  const refusals = { sign_event: "ask\u001b[2J me\nlater" };
  await using place = await setUp({
    judge: (method) =>
      method === "nip44_encrypt"
        ? "silence"
        : method === "sign_event"
        ? { error: refusals[method] }
        : undefined,
  });
  await using signer = await place.enter({ timeoutMs: 100 });
  const npub = formatNpub(place.bunker.own.pubkey);
  const refused = await assertRejects(() => signer.signEvent(TEMPLATE), SignerError, npub);
  assertEquals(refused.code, "SIGNER_REFUSED");
  assert(!refused.message.includes("\u001b") && !refused.message.includes("\n"));
  const silent = await assertRejects(
    () => signer.nip44.encrypt(signer.pubkey, "x"),
    SignerError,
    npub,
  );
  assertEquals(silent.code, "SIGNER_NOT_ANSWERING");
  assertStringIncludes(silent.message, "nip44_encrypt within 0.1 s");
  await signer.close();
  await signer.close();
  const closed = await assertRejects(() => signer.signEvent(TEMPLATE), CvmError, npub);
  assertEquals(closed.code, "CLOSED");
});

Deno.test("BunkerSigner.connect() fails when no relay works, is interrupted, and refuses wrong secrets", async () => {
  await using place = await setUp({
    secret: "s",
    judge: (method) => method === "connect" ? { result: "ack?" } : undefined,
  });
  const npub = formatNpub(place.bunker.own.pubkey);
  await assertRejects(() => place.enter(), SignerError, "another secret");
  const address = place.bunker.address.replace("relay.test", "nowhere.test");
  const lost = BunkerSigner.connect({
    ...parseBunkerAddress(address),
    relays: ["wss://nowhere.test"],
  }, {
    pool: { ...poolOptions(place.relay), connectTimeoutMs: 50 },
  });
  await assertRejects(() => lost, RelayError, npub);
  const stop = new AbortController();
  await using silent = await Bunker.open([place.relay.url], {
    pool: poolOptions(place.relay),
    judge: () => "silence",
  });
  const waiting = BunkerSigner.connect(silent.address, {
    pool: poolOptions(place.relay),
    signal: stop.signal,
  });
  await until("the bunker is asked", () => silent.asked.length > 0);
  stop.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await assertRejects(() => place.enter({ timeoutMs: 0 }), RangeError);
});

Deno.test("NIP46-3: BunkerSigner shows where the bunker's owner has to decide, and waits longer then", async () => {
  await using place = await setUp({ authUrl: "https://bunker.test/yes?", delayMs: 150 });
  const shown: string[] = [];
  await using signer = await place.enter({
    timeoutMs: 100,
    authTimeoutMs: 5_000,
    onAuthUrl: (url) => void shown.push(url),
  });
  assertEquals(signer.pubkey, place.bunker.user.pubkey);
  assertEquals(shown, ["https://bunker.test/yes?", "https://bunker.test/yes?"]);
  await using hostile = await setUp({ authUrl: "javascript:alert(1)", delayMs: 300 });
  const error = await assertRejects(
    () => hostile.enter({ timeoutMs: 100, onAuthUrl: (url) => void shown.push(url) }),
    SignerError,
  );
  assertEquals([error.code, shown.length], ["SIGNER_NOT_ANSWERING", 2]);
});

Deno.test("BunkerSigner refuses an event that is not the one it wanted signed", async () => {
  using stranger = PrivateKeySigner.generate();
  let lie: () => Promise<unknown> = () => Promise.resolve({});
  let result = "";
  await using place = await setUp({
    judge: (method) => method === "sign_event" ? { result } : undefined,
  });
  const { user } = place.bunker;
  await using signer = await place.enter();
  const lies: readonly (() => Promise<unknown>)[] = [
    () => stranger.signEvent(TEMPLATE),
    () => user.signEvent({ ...TEMPLATE, content: "another" }),
    () => user.signEvent({ ...TEMPLATE, tags: [] }),
    () => user.signEvent({ ...TEMPLATE, created_at: 1 }),
    async () => ({ ...await user.signEvent(TEMPLATE), sig: "00".repeat(64) }),
    () => Promise.resolve("no event"),
  ];
  for (lie of lies) {
    result = JSON.stringify(await lie());
    const error = await assertRejects(() => signer.signEvent(TEMPLATE), EventError);
    assertEquals(error.code, "SIGNATURE_INVALID");
  }
});

Deno.test("BunkerSigner asks again when a relay comes back, and asks no more at one time than it may", async () => {
  let answers = false;
  let open = 0;
  let most = 0;
  await using place = await setUp({
    delayMs: 20,
    judge: (method) => {
      if (method !== "sign_event") return undefined;
      most = Math.max(most, ++open);
      setTimeout(() => open--, 10);
      return answers ? undefined : "silence";
    },
  });
  // The bunker is back first.
  const backoff = { initialMs: 150, maxMs: 150 };
  const pool = { ...poolOptions(place.relay), backoff, random: () => 0.999 };
  await using signer = await place.enter({ maxInFlight: 2, pool });
  const signed = signer.signEvent(TEMPLATE);
  await until("the bunker is asked", () => place.bunker.asked.includes("sign_event"));
  answers = true;
  place.relay.faults.closeConnections(1001);
  assertEquals((await signed).content, "hello");
  most = open = 0;
  const events = Array.from(
    { length: 8 },
    (_, index) => signer.signEvent({ ...TEMPLATE, content: String(index) }),
  );
  assertEquals((await Promise.all(events)).map(({ content }) => content).join(""), "01234567");
  assertEquals(most, 2);
});

Deno.test("a session works between a server and a client whose keys are in slow bunkers", async () => {
  await using place = await setUp({ delayMs: 60 });
  await using other = await Bunker.open([place.relay.url], {
    pool: poolOptions(place.relay),
    delayMs: 90,
  });
  await using serverSigner = await place.enter();
  await using clientSigner = await BunkerSigner.connect(other.address, {
    pool: poolOptions(place.relay),
  });
  for (const encryption of ["required", "disabled"] as const) {
    await using server = await serve(() => fixtureServer(), {
      signer: serverSigner,
      encryption,
      ...network(place.relay),
    });
    await using session = await connect(place.relay, server.publicKey, {
      signer: clientSigner,
      encryption,
    });
    const texts = ["one", "two", "three"];
    const results = await Promise.all(
      texts.map((message) => session.client.callTool({ name: "echo", arguments: { message } })),
    );
    assertEquals(results.map(textOf), texts);
    const seen: number[] = [];
    await session.client.callTool({ name: "count", arguments: { to: 3 } }, undefined, {
      onprogress: ({ progress }) => seen.push(progress),
    });
    assertEquals(seen, [1, 2, 3]);
  }
});

Deno.test("parseBunkerAddress() reads what bunkers give out, and repeats no secret", () => {
  const pubkey = PrivateKeySigner.generate().pubkey;
  const relay = "relay=wss%3A%2F%2Frelay.test";
  assertEquals(parseBunkerAddress(` bunker://${formatNpub(pubkey)}?${relay}&${relay}&secret= \n`), {
    pubkey,
    relays: ["wss://relay.test"],
  });
  for (
    const text of [
      "",
      "bunker://",
      `bunker://${pubkey}`,
      `bunker://${pubkey}?secret=hush`,
      `bunker://abc?${relay}&secret=hush`,
      `bunker://${pubkey}?relay=http://x&secret=hush`,
      `nostrconnect://${pubkey}?${relay}&secret=hush`,
      `bunker://${pubkey}?${relay}&secret=${"hush".repeat(2_000)}`,
    ]
  ) {
    const error = assertThrows(() => parseBunkerAddress(text), InputError);
    assert(error.code === "KEY_INVALID" && !error.message.includes("hush"), error.message);
  }
});
