import { assert, assertEquals, assertRejects } from "@std/assert";
import { parse as parseNip22 } from "@nostr/tools/nip22";
import { verifyEvent as verifiedByNostrTools } from "@nostr/tools/pure";
import { formatNpub, type NostrEvent, PrivateKeySigner } from "../../../crypto/mod.ts";
import { EventError, InputError, RelayError } from "../../../errors.ts";
import { readComment } from "../../../transport/discovery/_comment.ts";
import { buildThreads } from "../../../transport/discovery/review_threads.ts";
import {
  listReviews,
  publishNote,
  publishReview,
  replyToReview,
  type Review,
  withdrawEvents,
} from "../../../transport/discovery/mod.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { openPool } from "./_pool.ts";

const [SERVER, ALICE, BOB] = [1, 2, 3].map(() => PrivateKeySigner.generate()) as [
  PrivateKeySigner,
  PrivateKeySigner,
  PrivateKeySigner,
];
const ADDRESS = `11316:${SERVER.pubkey}:`;
const HINT = "wss://relay.test";
const ROOT = [["A", ADDRESS, HINT], ["K", "11316"], ["P", SERVER.pubkey, HINT]];

/** A clock that shows so many seconds after the test's beginning. */
const at = (seconds: number) => () => (1_700_000_000 + seconds) * 1000;

/** The same event in the types of nostr-tools, whose tags may be written to. */
function writable(event: NostrEvent) {
  return { ...event, tags: event.tags.map((tag) => [...tag]) };
}

/** A comment by hand; on the server itself unless the tags say otherwise. */
function makeComment(
  tags: readonly (readonly string[])[],
  { signer = ALICE, content = "x", seconds = 0 } = {},
): Promise<NostrEvent> {
  return signer.signEvent({ kind: 1111, created_at: at(seconds)() / 1000, tags, content });
}

function replyTags(parent: NostrEvent) {
  return [...ROOT, ["e", parent.id, HINT, parent.pubkey], ["k", "1111"], ["p", parent.pubkey]];
}

const TOP = [...ROOT, ["a", ADDRESS], ["k", "11316"], ["p", SERVER.pubkey]];

/** The texts of threads, each reply indented below what it answers. */
function outline(reviews: readonly Review[], indent = ""): string[] {
  return reviews.flatMap((
    { text, replies },
  ) => [indent + text, ...outline(replies, `${indent}  `)]);
}

Deno.test("CEP24-1, CEP24-2, CEP24-3, NIP22-1, NIP22-2, NIP22-3: publishReview() names the server as root and parent", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const announcement = await SERVER.signEvent({
    kind: 11316,
    created_at: 1,
    tags: [],
    content: "{}",
  });
  await pool.publish(announcement);
  const { event, accepted } = await publishReview(
    pool,
    { server: formatNpub(SERVER.pubkey), text: "Great server!" },
    { signer: ALICE },
  );
  assertEquals(accepted, [relay.url]);
  assertEquals([event.kind, event.content, event.pubkey], [1111, "Great server!", ALICE.pubkey]);
  assertEquals(event.tags, [
    ...ROOT,
    ["a", ADDRESS, HINT],
    ["e", announcement.id, HINT, SERVER.pubkey],
    ["k", "11316"],
    ["p", SERVER.pubkey, HINT],
  ]);
  assert(verifiedByNostrTools(writable(event)));
  const root = { kind: 11316, pubkey: SERVER.pubkey, identifier: "", relays: [HINT] };
  const { root: readRoot, rootKind, reply, replyKind, profiles } = parseNip22(writable(event));
  assertEquals([readRoot, rootKind, reply, replyKind], [root, 11316, root, 11316]);
  assertEquals([...new Set(profiles.map(({ pubkey }) => pubkey))], [SERVER.pubkey]);
});

Deno.test("CEP24-4, CEP24-5, CEP24-6: replyToReview() names the comment as parent and the server as root", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const { event: parent } = await publishReview(
    pool,
    { server: SERVER.pubkey, text: "Great server!" },
    { signer: ALICE },
  );
  const { event } = await replyToReview(pool, { parent, text: "I agree!" }, { signer: BOB });
  assertEquals(event.kind, 1111);
  assertEquals(event.tags, [
    ...ROOT,
    ["e", parent.id, HINT, ALICE.pubkey],
    ["k", "1111"],
    ["p", ALICE.pubkey, HINT],
  ]);
  assert(verifiedByNostrTools(writable(event)));
  const { root, rootKind, reply, replyKind } = parseNip22(writable(event));
  assertEquals(root, { kind: 11316, pubkey: SERVER.pubkey, identifier: "", relays: [HINT] });
  assertEquals(reply, { id: parent.id, author: ALICE.pubkey, relays: [HINT] });
  assertEquals([rootKind, replyKind], [11316, 1111]);
});

Deno.test("publishReview() names the announcement that it is given, or none", async () => {
  await using relay = new MemoryRelay({ url: "ws://localhost:1" });
  await using pool = openPool(relay);
  const draft = { server: SERVER.pubkey, text: "x" };
  const make = (kind: number, signer = SERVER) =>
    signer.signEvent({ kind, created_at: 1, tags: [], content: "{}" });
  const announcement = await make(11316);
  const named = await publishReview(pool, { ...draft, announcement }, { signer: ALICE });
  // Nobody else can reach a relay that is not wss:, so it is no hint.
  assertEquals(named.event.tags.filter(([name]) => name === "e"), [
    ["e", announcement.id, "", SERVER.pubkey],
  ]);
  assertEquals(named.event.tags[0], ["A", ADDRESS]);
  await pool.publish(announcement);
  const none = await publishReview(pool, { ...draft, announcement: false }, { signer: ALICE });
  assertEquals(none.event.tags.filter(([name]) => name === "e"), []);
  for (const wrong of [await make(11317), await make(11316, ALICE)]) {
    await assertRejects(
      () => publishReview(pool, { ...draft, announcement: wrong }, { signer: ALICE }),
      TypeError,
      "announcement",
    );
  }
});

Deno.test("NIP22-4: a mention in a review comes after the author of what is commented on", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const text = `like nostr:${formatNpub(BOB.pubkey)}, better than nostr:${
    formatNpub(SERVER.pubkey)
  }`;
  const { event } = await publishReview(pool, { server: SERVER.pubkey, text }, { signer: ALICE });
  const people = event.tags.filter(([name]) => name === "p").map(([, key]) => key);
  assertEquals(people, [SERVER.pubkey, BOB.pubkey]);
  assertEquals((await listReviews(pool, SERVER.pubkey)).reviews.length, 1);
});

Deno.test("NIP22-5: replyToReview() refuses notes, comments on something else, and forgeries", async (t) => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const { event: note } = await publishNote(pool, { text: "x" }, { signer: ALICE });
  const elsewhere = await makeComment([["I", "https://a.example"], ["K", "web"], ["k", "web"]]);
  const genuine = await makeComment(TOP);
  const cases = [
    ["a note", note, "EVENT_INVALID"],
    ["a comment on something else", elsewhere, "EVENT_INVALID"],
    ["a forgery", { ...genuine, content: "y" }, "SIGNATURE_INVALID"],
  ] as const;
  for (const [name, parent, code] of cases) {
    await t.step(name, async () => {
      const reply = () => replyToReview(pool, { parent, text: "x" }, { signer: BOB });
      assertEquals((await assertRejects(reply, EventError)).code, code);
    });
  }
});

Deno.test("CEP24-7: listReviews() asks for comments on the server's address, and puts them in threads", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const server = SERVER.pubkey;
  const review = async (signer: PrivateKeySigner, text: string, seconds: number) =>
    (await publishReview(pool, { server, text }, { signer, now: at(seconds) })).event;
  const reply = async (
    parent: NostrEvent,
    signer: PrivateKeySigner,
    text: string,
    seconds: number,
  ) => (await replyToReview(pool, { parent, text }, { signer, now: at(seconds) })).event;
  const first = await review(ALICE, "first", 0);
  const answer = await reply(first, SERVER, "answer", 30);
  await reply(answer, ALICE, "thanks", 40);
  await reply(first, BOB, "earlier answer", 20);
  await review(BOB, "second", 10);
  await review(ALICE, "\u001b[31mred", 5);
  await publishReview(pool, { server: BOB.pubkey, text: "of another" }, { signer: ALICE });
  const threads = await listReviews(pool, formatNpub(server));
  assertEquals(outline(threads.reviews), [
    "second",
    "\u001b[31mred", // raw: whoever shows it escapes it
    "first",
    "  earlier answer",
    "  answer",
    "    thanks",
  ]);
  assertEquals([threads.orphans, threads.truncated], [[], false]);
  const { event, author, createdAt, parent } = threads.reviews[2]!.replies[1]!;
  assertEquals([event, author, parent], [answer, server, first.id]);
  assertEquals(createdAt, at(30)() / 1000);
  const asked = relay.received.map(({ frame }) => JSON.parse(frame))
    .filter(([type, , filter]) => type === "REQ" && filter.kinds?.[0] === 1111);
  assertEquals(asked.length, 1);
  assertEquals(asked[0][2]["#K"], ["11316"]);
  assertEquals(asked[0][2]["#A"], [ADDRESS]);
});

Deno.test("readComment() takes comments on the server asked for, and no others", async (t) => {
  const other = BOB.pubkey;
  const id = "0".repeat(64);
  const without = (name: string, tags = TOP) => tags.filter((tag) => tag[0] !== name);
  const parent = ["e", id, "", ALICE.pubkey];
  const reply = [...ROOT, parent, ["k", "1111"], ["p", ALICE.pubkey]];
  const cases: [string, readonly (readonly string[])[], "top" | "reply" | undefined][] = [
    ["a review", TOP, "top"],
    ["a review without P", without("P"), "top"],
    ["a review without p", without("p"), "top"],
    ["a review that mentions", [...TOP, ["p", other]], "top"],
    ["a review with an event in place of the address", [...without("a"), parent], "top"],
    ["a review without any parent", without("a"), undefined],
    ["a review without A", without("A"), undefined],
    ["a review without K", without("K"), undefined],
    ["a review without k", without("k"), undefined],
    ["two roots", [...TOP, ["A", `11316:${other}:`]], undefined],
    ["the root of another kind", [...without("A"), ["A", `11317:${SERVER.pubkey}:`]], undefined],
    ["an address with an identifier", [...without("A"), ["A", `${ADDRESS}x`]], undefined],
    ["a root and a web page", [...TOP, ["I", "https://a.example"]], undefined],
    ["K of another kind", [...without("K"), ["K", "1"]], undefined],
    ["two kinds of root", [...TOP, ["K", "1"]], undefined],
    ["another root author", [...without("P"), ["P", other]], undefined],
    ["another parent address", [...without("a"), ["a", `11316:${other}:`]], undefined],
    ["another parent author", [...without("p"), ["p", other]], undefined],
    ["a parent of another kind", [...without("k"), ["k", "1"]], undefined],
    ["a reply", reply, "reply"],
    ["a reply without p", without("p", reply), "reply"],
    ["a reply without e", without("e", reply), undefined],
    ["a reply to two", [...reply, ["e", "1".repeat(64)]], undefined],
    ["a reply to no id", [...without("e", reply), ["e", "x"]], undefined],
  ];
  for (const [name, tags, expected] of cases) {
    await t.step(name, async () => {
      const comment = readComment(await makeComment(tags), SERVER.pubkey);
      const found = comment && (comment.parent === undefined ? "top" : "reply");
      assertEquals(found, expected);
    });
  }
});

Deno.test("listReviews() attaches replies to parents that are there and by whom they say", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const top = await makeComment(TOP, { content: "top" });
  const elsewhere = await makeComment(
    TOP.map((tag) => tag.map((part) => part.replaceAll(SERVER.pubkey, BOB.pubkey))),
    { content: "on another server" },
  );
  const note = await ALICE.signEvent({ kind: 1, created_at: 1, tags: [], content: "a note" });
  const lying = replyTags(top).map((tag) => tag[0] === "p" ? ["p", BOB.pubkey] : tag);
  const lyingHint = replyTags(top).map((tag) =>
    tag[0] === "e" ? [...tag.slice(0, 3), BOB.pubkey] : tag
  );
  const missing = await makeComment(TOP, { content: "never published" });
  const orphan = await makeComment(replyTags(missing), { content: "to nothing", seconds: 9 });
  const events = [
    top,
    elsewhere,
    note,
    orphan,
    await makeComment(replyTags(top), { content: "reply" }),
    await makeComment(replyTags(elsewhere), { content: "to another server", seconds: 8 }),
    await makeComment(replyTags(note), { content: "to a note", seconds: 7 }),
    await makeComment(lying, { content: "wrong author", seconds: 6 }),
    await makeComment(lyingHint, { content: "wrong hint", seconds: 5 }),
    await makeComment(replyTags(orphan), { content: "to the orphan", seconds: 10 }),
  ];
  for (const event of events) await pool.publish(event);
  const threads = await listReviews(pool, SERVER.pubkey);
  assertEquals(outline(threads.reviews), ["top", "  reply"]);
  assertEquals(outline(threads.orphans), [
    "to nothing",
    "  to the orphan",
    "to another server",
    "to a note",
    "wrong author",
    "wrong hint",
  ]);
});

Deno.test("buildThreads() ends when comments form a circle", () => {
  // Genuine events can't: the id of each would have to be known before the other's.
  const fake = (id: string, parent: string | undefined) => ({
    event: { id, pubkey: "k", created_at: 1, kind: 1111, tags: [], content: id, sig: "" },
    parent: parent === undefined ? undefined : { id: parent, authors: [], author: undefined },
  });
  const { reviews, orphans } = buildThreads(
    [fake("a", "b"), fake("b", "a"), fake("self", "self"), fake("top", undefined), fake("c", "a")],
    16,
  );
  assertEquals([outline(reviews), orphans], [["top"], []]);
});

Deno.test("listReviews() shows what several relays have once, and nothing forged, too long or ahead of time", async () => {
  await using honest = new MemoryRelay();
  await using forger = new MemoryRelay({ url: "wss://forger.test" });
  await using pool = openPool(honest, forger);
  const all = { all: true };
  await pool.publish(await makeComment(TOP, { content: "genuine" }), all);
  await pool.publish(await makeComment(TOP, { content: "x".repeat(300) }), all);
  await pool.publish(await makeComment(TOP, { content: "tomorrow", seconds: 86_400 }), all);
  await pool.publish(await makeComment(TOP, { content: "forged" }), { relays: [forger.url] });
  forger.faults.set({ corruptSignatures: true, ignoreTagFilters: true });
  const { reviews } = await listReviews(pool, SERVER.pubkey, { maxContentBytes: 200, now: at(0) });
  assertEquals(outline(reviews), ["genuine"]);
});

Deno.test("listReviews() leaves out what its author has withdrawn; replies to it lose their parent", async () => {
  await using keeper = new MemoryRelay();
  await using second = new MemoryRelay({ url: "wss://second.test" });
  await using pool = openPool(keeper, second);
  const gone = await makeComment(TOP, { content: "gone" });
  const kept = await makeComment(TOP, { content: "kept" });
  const reply = await makeComment(replyTags(gone), { signer: BOB, content: "reply" });
  for (const event of [gone, kept, reply]) await pool.publish(event, { all: true });
  await withdrawEvents(pool, [gone], { signer: ALICE, relays: [second.url] });
  const stranger = { kind: 5, created_at: 1, tags: [["e", kept.id]], content: "" };
  await pool.publish(await BOB.signEvent(stranger), { all: true });
  const threads = await listReviews(pool, SERVER.pubkey);
  assertEquals([outline(threads.reviews), outline(threads.orphans)], [["kept"], ["reply"]]);
});

Deno.test("listReviews() throws when no relay says what was deleted", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  await pool.publish(await makeComment(TOP));
  relay.faults.set({ refuseSubscriptions: { reason: "blocked: no deletions", kinds: [5] } });
  await assertRejects(() => listReviews(pool, SERVER.pubkey), RelayError, "no deletions");
});

Deno.test("listReviews() keeps to its bounds and says when there is more", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  let last = await makeComment(TOP, { content: "0" });
  await pool.publish(last);
  for (let depth = 1; depth < 20; depth++) {
    last = await makeComment(replyTags(last), { content: String(depth), seconds: depth });
    await pool.publish(last);
  }
  const whole = await listReviews(pool, SERVER.pubkey, { maxDepth: 20, limit: 20 });
  assertEquals([outline(whole.reviews).length, whole.truncated], [20, false]);
  const shallow = await listReviews(pool, SERVER.pubkey);
  assertEquals([outline(shallow.reviews).length, shallow.truncated], [16, true]);
  const few = await listReviews(pool, SERVER.pubkey, { limit: 3 });
  assertEquals([few.reviews, outline(few.orphans), few.truncated], [
    [],
    ["17", "  18", "    19"],
    true,
  ]);
  for (const maxDepth of [0, 101, NaN]) {
    await assertRejects(() => listReviews(pool, SERVER.pubkey, { maxDepth }), RangeError);
  }
  await assertRejects(() => listReviews(pool, SERVER.pubkey, { limit: 0 }), RangeError);
});

Deno.test("listReviews() finds deletions of more events than one filter has room for", async () => {
  await using relay = new MemoryRelay({ limits: { maxFilterValues: 200 } });
  await using pool = openPool(relay);
  const events = await Promise.all(
    Array.from({ length: 401 }, (_, index) => makeComment(TOP, { content: String(index) })),
  );
  await Promise.all(events.map((event) => pool.publish(event)));
  await using other = new MemoryRelay({
    url: "wss://other.test",
    limits: { maxFilterValues: 200 },
  });
  await using both = openPool(relay, other);
  await withdrawEvents(both, [events[0]!, events[400]!], { signer: ALICE, relays: [other.url] });
  const { reviews } = await listReviews(both, SERVER.pubkey);
  assertEquals(reviews.length, 399);
});

Deno.test("publishReview() refuses what is empty or names no server, and says which relays refused", async () => {
  await using relay = new MemoryRelay();
  await using pool = openPool(relay);
  const draft = { server: SERVER.pubkey, text: "x" };
  const publish = (change: Partial<typeof draft>) =>
    publishReview(pool, { ...draft, ...change }, { signer: ALICE });
  await assertRejects(() => publish({ text: "" }), TypeError, "empty");
  await assertRejects(() => publish({ server: "nobody" }), InputError);
  const error = await assertRejects(() => publish({ text: "x".repeat(65_536) }), InputError);
  assertEquals(error.code, "MESSAGE_TOO_LARGE");
  relay.faults.set({ refuseEvents: { reason: "blocked: not today" } });
  const refused = await assertRejects(() => publish({}), RelayError);
  assertEquals(refused.failures, [{ url: relay.url, reason: "blocked: not today" }]);
});
