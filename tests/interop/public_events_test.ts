import { assertEquals } from "@std/assert";
import { openWebSocket } from "../../cli/websocket.ts";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import {
  fetchProfile,
  listNotes,
  listReviews,
  type Profile,
  publishNote,
  publishProfile,
  publishReview,
  replyToReview,
  withdrawEvents,
} from "../../transport/discovery/mod.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { testRelays } from "../relays/mod.ts";
import { serveTools, until } from "./_peers.ts";
import { SdkPeer } from "./_sdk_peer.ts";

for (const { name, start } of testRelays()) {
  Deno.test(`profile, notes and reviews of a server are published, found and withdrawn on ${name}`, async () => {
    await using relay = await start();
    await using pool = new RelayPool([relay.url], { webSocket: openWebSocket });
    const [signer, reviewer] = [PrivateKeySigner.generate(), PrivateKeySigner.generate()];
    await using server = await serveTools([relay.url], {
      signer,
      announce: { profile: { name: "Weather" } },
      pool: { webSocket: openWebSocket },
    });
    await publishProfile(pool, { about: "Forecasts" }, { signer });
    const profile = await fetchProfile(pool, server.publicKey);
    assertEquals(profile?.metadata, { name: "Weather", about: "Forecasts" });

    const { event: note } = await publishNote(pool, { text: "Two new tools" }, { signer });
    assertEquals((await listNotes(pool, server.publicKey)).map(({ text }) => text), [note.content]);

    const { event: review } = await publishReview(
      pool,
      { server: server.publicKey, text: "Quick, and right." },
      { signer: reviewer },
    );
    await replyToReview(pool, { parent: review, text: "Thank you" }, { signer });
    const { reviews } = await listReviews(pool, server.publicKey);
    assertEquals(reviews.map(({ text, replies }) => [text, replies.map(({ text }) => text)]), [
      ["Quick, and right.", ["Thank you"]],
    ]);

    await withdrawEvents(pool, [review], { signer: reviewer, reason: "changed my mind" });
    // @nostr-relay answers from a cache for a second.
    await until(async () => {
      const { reviews, orphans } = await listReviews(pool, server.publicKey);
      return reviews.length === 0 && orphans.length === 1;
    }, "the review is gone, and its reply has no parent");
  });
}

Deno.test("reviews come from several real relays once, and one that can't be reached holds nobody up", async () => {
  await using first = await serveRelay();
  await using second = await serveRelay();
  const gone = await serveRelay();
  await gone.close();
  await using pool = new RelayPool([first.url, second.url, gone.url], {
    webSocket: openWebSocket,
    queryTimeoutMs: 2_000,
  });
  const { pubkey: server } = PrivateKeySigner.generate();
  const signer = PrivateKeySigner.generate();
  const relays = [first.url, second.url];
  const { accepted } = await publishReview(
    pool,
    { server, text: "twice", announcement: false },
    { signer, relays, all: true },
  );
  assertEquals([...accepted].sort(), relays.toSorted());
  const { reviews } = await listReviews(pool, server);
  assertEquals(reviews.map(({ text }) => text), ["twice"]);
});

Deno.test("fetchProfile() reads the profile that a server of @contextvm/sdk publishes", async () => {
  await using relay = await serveRelay();
  await using peer = new SdkPeer();
  await using pool = new RelayPool([relay.url], { webSocket: openWebSocket });
  const modes = { encryption: "optional", giftWrap: "optional" } as const;
  const { publicKey } = await peer.serve([relay.url], modes, { announced: true });
  let profile: Profile | undefined;
  await until(async () => {
    profile = await fetchProfile(pool, publicKey);
    return profile !== undefined;
  }, "their profile");
  assertEquals(profile?.metadata, { name: "theirs", website: "https://theirs.example" });
  assertEquals(profile?.event.tags, []);
});
