import { assertEquals, assertRejects } from "@std/assert";
import { verifyEvent as verifiedByNostrTools } from "@nostr/tools/pure";
import { PrivateKeySigner, signEvent } from "../../../crypto/mod.ts";
import { InputError, RelayError } from "../../../errors.ts";
import {
  fetchProfile,
  type ProfileMetadata,
  publishProfile,
  withdrawEvents,
} from "../../../transport/discovery/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { serve } from "../../../transport/server.ts";
import { createWebSocketFactory, MemoryRelay } from "../../../transport/testing/mod.ts";
import { fixtureServer, network, poolOptions } from "../_harness.ts";
import { openPool } from "./_pool.ts";

Deno.test("CEP23-1: publishProfile() publishes kind 0 with the fields as JSON text", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const signer = PrivateKeySigner.generate();
  const profile = {
    name: "Weather",
    about: "Forecasts",
    picture: "https://weather.example/icon.png",
    banner: "https://weather.example/banner.png",
    website: "https://weather.example",
    nip05: "_@weather.example",
    lud16: "tips@weather.example",
    bot: true,
  };
  const { event, accepted } = await publishProfile(pool, profile, { signer });
  assertEquals([event.kind, event.tags, event.pubkey], [0, [], signer.pubkey]);
  assertEquals(JSON.parse(event.content), profile);
  assertEquals(accepted, [relay.url]);
  assertEquals(verifiedByNostrTools({ ...event, tags: [] }), true);
  assertEquals(await fetchProfile(pool, signer.pubkey), { event, metadata: profile });
});

Deno.test("publishProfile() keeps what it says nothing of, and replaces everything when told to", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const signer = PrivateKeySigner.generate();
  const now = () => 1_700_000_000_000;
  await publishProfile(pool, { name: "Old", pronouns: "it" }, { signer, now });
  // In the same second: the newer version must still win.
  await publishProfile(pool, { name: "New", about: undefined }, { signer, now });
  assertEquals((await fetchProfile(pool, signer.pubkey))?.metadata, {
    name: "New",
    pronouns: "it",
  });
  const later = () => now() + 10_000;
  await publishProfile(pool, { name: "Only" }, { signer, now: later, merge: false });
  assertEquals((await fetchProfile(pool, signer.pubkey))?.metadata, { name: "Only" });
});

Deno.test("publishProfile() refuses what a field can't be", async (t) => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const signer = PrivateKeySigner.generate();
  const cases: [ProfileMetadata, string][] = [
    [{ picture: "http://weather.example/icon.png" }, "picture of a profile must be an https URL"],
    [{ website: "javascript:alert(1)" }, "website"],
    [{ banner: "https://user@weather.example/" }, "banner"],
    [{ banner: "https://:secret@weather.example/" }, "banner"],
    [{ website: `https://weather.example/${"x".repeat(2_048)}` }, "website"],
    [{ nip05: "weather.example" }, "nip05 of a profile must be name@domain"],
    [{ lud16: "a b@weather.example" }, "lud16"],
  ];
  for (const [profile, message] of cases) {
    await t.step(JSON.stringify(profile).slice(0, 60), async () => {
      const error = await assertRejects(
        () => publishProfile(pool, profile, { signer }),
        InputError,
        message,
      );
      assertEquals(error.code, "CONFIG_INVALID");
    });
  }
  assertEquals(relay.events, []);
});

Deno.test("publishProfile() refuses a profile that fits no event", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const about = "x".repeat(65_536);
  const error = await assertRejects(
    () => publishProfile(pool, { about }, { signer: PrivateKeySigner.generate() }),
    InputError,
    "shorten it",
  );
  assertEquals(error.code, "MESSAGE_TOO_LARGE");
});

Deno.test("publishProfile() throws when no relay can tell the present profile", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseConnections: true });
  await using pool = openPool(relay);
  await assertRejects(
    () => publishProfile(pool, { name: "x" }, { signer: PrivateKeySigner.generate() }),
    RelayError,
  );
});

Deno.test("fetchProfile() leaves out what is not what it should be, and takes the newest genuine one", async () => {
  await using relay = new MemoryRelay();
  await using forger = new MemoryRelay({ url: "wss://forger.test" });
  forger.faults.set({ corruptSignatures: true });
  await using pool = openPool(relay, forger);
  const key = new Uint8Array(32).fill(3);
  const make = (created_at: number, content: string) =>
    signEvent({ kind: 0, created_at, tags: [], content }, key);
  const hostile = make(
    200,
    '{"name":{"a":1},"picture":"javascript:alert(1)","website":"https://ok.example","nip05":7,"x":[1],"__proto__":{"y":1}}',
  );
  const { pubkey } = hostile;
  assertEquals(await fetchProfile(pool, pubkey), undefined);
  await pool.publish(make(100, '{"name":"old"}'), { all: true });
  await pool.publish(hostile, { all: true });
  await pool.publish(make(300, '{"name":"forged"}'), { relays: [forger.url] });
  const profile = await fetchProfile(pool, pubkey);
  assertEquals(profile?.metadata.website, "https://ok.example");
  assertEquals(Object.keys(profile?.metadata ?? {}), ["website", "x", "__proto__"]);
  assertEquals(await fetchProfile(pool, pubkey, { maxContentBytes: 20 }), undefined);
});

Deno.test("fetchProfile() of a profile that is no JSON object says nothing", async (t) => {
  for (const content of ["", "null", "[]", '"text"', "{", "[".repeat(50_000)]) {
    await t.step(content.slice(0, 10), async () => {
      await using relay = new MemoryRelay();
      await using pool = openPool(relay);
      const event = signEvent(
        { kind: 0, created_at: 1, tags: [], content },
        new Uint8Array(32).fill(4),
      );
      await pool.publish(event);
      assertEquals(await fetchProfile(pool, event.pubkey), { event, metadata: {} });
    });
  }
});

Deno.test("CEP23-2, CEP23-3, F06: a server publishes a profile only when told to, with its own key", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  const publishedProfiles = () => relay.events.filter(({ kind }) => kind === 0);
  {
    const info = { name: "Weather", picture: "https://weather.example/icon.png" };
    await using _ = await serve(() => fixtureServer(), {
      signer,
      info,
      announce: true,
      ...network(relay),
    });
    assertEquals(publishedProfiles(), []);
  }
  await using pool = openPool(relay);
  await publishProfile(pool, { about: "kept", name: "Old" }, { signer });
  const profile = { name: "Weather", website: "https://weather.example" };
  await using server = await serve(() => fixtureServer(), {
    signer,
    announce: { profile },
    ...network(relay),
  });
  assertEquals(server.announcement?.published.some(({ kind }) => kind === 0), true);
  const found = await fetchProfile(pool, server.publicKey);
  assertEquals(found?.metadata, { about: "kept", ...profile });
  assertEquals(found?.event.pubkey, server.publicKey);
  assertEquals(found?.event.tags, []);
  await server.withdraw();
  assertEquals(await fetchProfile(pool, server.publicKey), undefined);
});

Deno.test("a server with a profile that can't be used does not start, and leaves nothing behind", async () => {
  await using relay = new MemoryRelay();
  await assertRejects(
    () =>
      serve(() => fixtureServer(), {
        signer: PrivateKeySigner.generate(),
        announce: { profile: { picture: "icon.png" } },
        ...network(relay),
      }),
    InputError,
    "picture",
  );
  assertEquals(relay.events, []);
});

Deno.test("a profile goes to bootstrap relays, too", async () => {
  await using home = new MemoryRelay({ url: "wss://home.test" });
  await using bootstrap = new MemoryRelay({ url: "wss://bootstrap.test" });
  const pool = poolOptions({ webSocket: createWebSocketFactory([home, bootstrap]) });
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    relays: [home.url],
    announce: { bootstrapRelays: [bootstrap.url], profile: { name: "Weather" } },
    pool,
  });
  for (const url of [home.url, bootstrap.url]) {
    await using asking = new RelayPool([url], pool);
    const profile = await fetchProfile(asking, server.publicKey);
    assertEquals(profile?.metadata, { name: "Weather" });
  }
});

Deno.test("NIP9-1: withdrawEvents() names what it takes back, and takes back nobody else's", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const signer = PrivateKeySigner.generate();
  const now = () => Date.now() + 600_000; // the author's other program is ahead
  const { event } = await publishProfile(pool, { name: "x" }, { signer, now });
  const other = PrivateKeySigner.generate();
  await assertRejects(() => withdrawEvents(pool, [event], { signer: other }), TypeError, "author");
  await assertRejects(() => withdrawEvents(pool, [], { signer }), TypeError, "nothing");
  const { event: request } = await withdrawEvents(pool, [event], { signer, reason: "moved" });
  assertEquals([request.kind, request.content], [5, "moved"]);
  assertEquals(request.created_at, event.created_at); // an earlier one would not hold for it
  assertEquals(request.tags, [["e", event.id], ["a", `0:${signer.pubkey}:`], ["k", "0"]]);
  assertEquals(await fetchProfile(pool, signer.pubkey), undefined);
});
