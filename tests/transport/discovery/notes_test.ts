import { assert, assertEquals, assertRejects } from "@std/assert";
import { verifyEvent as verifiedByNostrTools } from "@nostr/tools/pure";
import { formatNprofile, formatNpub, PrivateKeySigner, signEvent } from "../../../crypto/mod.ts";
import { EventError, InputError, RelayError } from "../../../errors.ts";
import { mentionedKeys } from "../../../transport/discovery/_mentions.ts";
import { listNotes, publishNote, withdrawEvents } from "../../../transport/discovery/mod.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { openPool } from "./_pool.ts";

const NOW_SECONDS = 1_700_000_000;
/** A clock that shows so many seconds after the test's beginning. */
const at = (seconds: number) => () => (NOW_SECONDS + seconds) * 1000;

Deno.test("CEP23-4: publishNote() publishes kind 1, and listNotes() lists the newest first", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const signer = PrivateKeySigner.generate();
  for (const [index, text] of ["first", "second", "third"].entries()) {
    const { event, accepted } = await publishNote(pool, { text }, { signer, now: at(index) });
    assertEquals([event.kind, event.tags, event.content], [1, [], text]);
    assertEquals(accepted, [relay.url]);
    assert(verifiedByNostrTools({ ...event, tags: [] }));
  }
  await publishNote(pool, { text: "someone else's" }, { signer: PrivateKeySigner.generate() });
  const notes = await listNotes(pool, formatNpub(signer.pubkey));
  assertEquals(notes.map(({ text }) => text), ["third", "second", "first"]);
  assertEquals(notes[0]?.createdAt, NOW_SECONDS + 2);
  const some = await listNotes(pool, signer.pubkey, { limit: 1, until: NOW_SECONDS + 1 });
  assertEquals(some.map(({ text }) => text), ["second"]);
  const late = await listNotes(pool, signer.pubkey, { since: NOW_SECONDS + 2 });
  assertEquals(late.map(({ text }) => text), ["third"]);
});

Deno.test("listNotes() shows what several relays have once, and nothing forged, too long or ahead of time", async () => {
  await using honest = new MemoryRelay();
  await using forger = new MemoryRelay({ url: "wss://forger.test" });
  await using pool = openPool(honest, forger);
  const signer = PrivateKeySigner.generate();
  const both = { signer, all: true };
  await publishNote(pool, { text: "genuine" }, { ...both, now: at(0) });
  await publishNote(pool, { text: "x".repeat(300) }, { ...both, now: at(1) });
  await publishNote(pool, { text: "forged" }, { signer, relays: [forger.url], now: at(2) });
  await publishNote(pool, { text: "tomorrow" }, { ...both, now: at(86_400) });
  forger.faults.set({ corruptSignatures: true });
  const notes = await listNotes(pool, signer.pubkey, { maxContentBytes: 200, now: at(3) });
  assertEquals(notes.map(({ text }) => text), ["genuine"]);
});

Deno.test("NIP9-2, NIP9-3: listNotes() leaves out what its author has deleted, and nothing else", async () => {
  await using keeper = new MemoryRelay();
  await using second = new MemoryRelay({ url: "wss://second.test" });
  await using pool = openPool(keeper, second);
  const signer = PrivateKeySigner.generate();
  const gone = await publishNote(pool, { text: "gone" }, { signer, all: true });
  const kept = await publishNote(pool, { text: "kept" }, { signer, all: true });
  // One relay alone learns of the deletion; the other one keeps the note.
  await withdrawEvents(pool, [gone.event], { signer, relays: [second.url] });
  const stranger = PrivateKeySigner.generate();
  await pool.publish(
    await stranger.signEvent({
      kind: 5,
      created_at: NOW_SECONDS,
      tags: [["e", kept.event.id]],
      content: "",
    }),
    { all: true },
  );
  assert(!keeper.events.some(({ kind, pubkey }) => kind === 5 && pubkey === signer.pubkey));
  const notes = await listNotes(pool, signer.pubkey);
  assertEquals(notes.map(({ text }) => text), ["kept"]);
});

Deno.test("NIP10-1, NIP10-2: publishNote() marks root and parent of a thread and names who is in it", async () => {
  await using relay = new MemoryRelay({ url: "wss://relay.test" });
  await using pool = openPool(relay);
  const [server, alice, bob] = [1, 2, 3].map(() => PrivateKeySigner.generate());
  const { event: root } = await publishNote(pool, { text: "news" }, { signer: server! });
  const { event: first } = await publishNote(pool, { text: "why?", replyTo: root }, {
    signer: alice!,
  });
  assertEquals(first.tags, [
    ["e", root.id, "wss://relay.test", "root", server!.pubkey],
    ["p", server!.pubkey],
  ]);
  const { event: second } = await publishNote(pool, { text: "because", replyTo: first }, {
    signer: bob!,
  });
  assertEquals(second.tags, [
    ["e", root.id, "wss://relay.test", "root", server!.pubkey],
    ["e", first.id, "wss://relay.test", "reply", alice!.pubkey],
    ["p", alice!.pubkey],
    ["p", server!.pubkey],
  ]);
  const crowd = Array.from({ length: 60 }, () => ["p", PrivateKeySigner.generate().pubkey]);
  const busy = await bob!.signEvent({ kind: 1, created_at: 1, tags: crowd, content: "hi all" });
  const { event: third } = await publishNote(pool, { text: "hi", replyTo: busy }, {
    signer: alice!,
  });
  const people = third.tags.filter(([name]) => name === "p");
  assertEquals(people, [["p", bob!.pubkey], ...crowd.slice(0, 49)]);
  assertEquals((await listNotes(pool, server!.pubkey))[0]?.replyTo, undefined);
  // Both may have come in one second; then their ids say which is first.
  const replies = (await listNotes(pool, alice!.pubkey)).map(({ replyTo }) => replyTo);
  assertEquals(new Set(replies), new Set([busy.id, root.id]));
  assertEquals((await listNotes(pool, bob!.pubkey))[0]?.replyTo, first.id);
});

Deno.test("NIP10-3: publishNote() replies to genuine notes only", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const signer = PrivateKeySigner.generate();
  const comment = await signer.signEvent({ kind: 1111, created_at: 1, tags: [], content: "x" });
  const note = await signer.signEvent({ kind: 1, created_at: 1, tags: [], content: "x" });
  const reply = (replyTo: typeof note) => publishNote(pool, { text: "y", replyTo }, { signer });
  await assertRejects(() => reply(comment), TypeError, "kind 1111");
  const error = await assertRejects(() => reply({ ...note, content: "z" }), EventError);
  assertEquals(error.code, "SIGNATURE_INVALID");
});

Deno.test("listNotes() reads threads that are not marked", async (t) => {
  const [a, b, c] = ["a", "b", "c"].map((digit) => digit.repeat(64));
  const cases: [string[][], string | undefined][] = [
    [[], undefined],
    [[["e", a!]], a],
    [[["e", a!], ["e", b!, ""], ["e", c!]], c],
    [[["e", a!, "", "root"], ["e", b!]], a],
    [[["e", a!, "", "mention"]], undefined],
    [[["e"]], undefined],
  ];
  for (const [index, [tags, expected]] of cases.entries()) {
    await t.step(`case ${index}`, async () => {
      await using relay = new MemoryRelay();
      await using pool = openPool(relay);
      const key = new Uint8Array(32).fill(5);
      const event = signEvent({ kind: 1, created_at: 1, tags, content: "x" }, key);
      await pool.publish(event);
      assertEquals((await listNotes(pool, event.pubkey))[0]?.replyTo, expected);
    });
  }
});

Deno.test("a note names nobody twice and at most 50 people", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const signer = PrivateKeySigner.generate();
  const crowd = Array.from({ length: 80 }, (_, index) => ["p", String(index).padStart(64, "0")]);
  const replyTo = await signer.signEvent({ kind: 1, created_at: 1, tags: crowd, content: "x" });
  const text = `nostr:${formatNpub(signer.pubkey)} look`;
  const { event } = await publishNote(pool, { text, replyTo }, { signer });
  const people = event.tags.filter(([name]) => name === "p").map(([, key]) => key);
  assertEquals([people.length, new Set(people).size, people[0]], [50, 50, signer.pubkey]);
});

Deno.test("mentionedKeys() reads nostr: mentions, and neither mistyped nor private ones", () => {
  const [alice, bob] = [1, 2].map(() => PrivateKeySigner.generate().pubkey);
  const npub = formatNpub(alice!);
  const nprofile = formatNprofile(bob!, ["wss://relay.test"]);
  const text = `nostr:${npub}, nostr:${nprofile}! nostr:${npub} ${npub} nostr:${
    npub.slice(0, -1)
  }q`;
  assertEquals(mentionedKeys(text), [alice, bob]);
  const crowd = Array.from(
    { length: 80 },
    (_, index) => `nostr:${formatNprofile(alice!, [`wss://${index}.test`])}`,
  );
  crowd.push(`nostr:${formatNpub(bob!)}`);
  assertEquals(mentionedKeys(crowd.join(" ")), [alice]); // no more than 50 are looked at
  assertEquals(
    mentionedKeys("nostr:nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"),
    [],
  );
});

Deno.test("publishNote() refuses what is empty or fits no event, and says which relays refused", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const signer = PrivateKeySigner.generate();
  await assertRejects(() => publishNote(pool, { text: " \n" }, { signer }), TypeError, "empty");
  // Each of these takes six bytes in an event.
  const long = { text: "\u0001".repeat(11_000) };
  const error = await assertRejects(() => publishNote(pool, long, { signer }), InputError);
  assertEquals(error.code, "MESSAGE_TOO_LARGE");
  relay.faults.set({ refuseEvents: { reason: "blocked: no notes here", kinds: [1] } });
  const refused = await assertRejects(
    () => publishNote(pool, { text: "x" }, { signer }),
    RelayError,
  );
  assertEquals(refused.code, "PUBLISH_REFUSED");
  assertEquals(refused.failures, [{ url: relay.url, reason: "blocked: no notes here" }]);
});

Deno.test("publishNote() mends text that no event can hold", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const signer = PrivateKeySigner.generate();
  const { event } = await publishNote(pool, { text: "half \ud83d of a character" }, { signer });
  assertEquals(event.content, "half \ufffd of a character");
});

Deno.test("listNotes() refuses bounds that are out of range and servers that are none", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const { pubkey } = PrivateKeySigner.generate();
  for (const limit of [0, 2_001, 1.5, NaN]) {
    await assertRejects(() => listNotes(pool, pubkey, { limit }), RangeError, "limit");
  }
  await assertRejects(() => listNotes(pool, "nobody"), InputError);
});
