import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { bytesToHex } from "@noble/hashes/utils.js";
import {
  type CryptoEngine,
  type NostrEvent,
  PrivateKeySigner,
  pureEngine,
} from "../../../crypto/mod.ts";
import { InputError, RelayError } from "../../../errors.ts";
import {
  COMMON_SCHEMA,
  describeServer,
  discover,
  type DiscoveredServer,
  type DiscoverOptions,
  toolSchemaHash,
} from "../../../transport/discovery/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { createWebSocketFactory, MemoryRelay } from "../../../transport/testing/mod.ts";
import { poolOptions, RawPeer, until } from "../_harness.ts";

/** Two relays, so that they can disagree. */
function twoRelays() {
  // They take what is forged, too.
  const verify = () => true;
  const limits = { maxFrameBytes: 300_000, maxEventBytes: 300_000 };
  const relays = [
    new MemoryRelay({ url: "wss://one.test", verify, limits }),
    new MemoryRelay({ url: "wss://two.test", verify, limits }),
  ] as const;
  const pool = new RelayPool(relays.map(({ url }) => url), {
    ...poolOptions({ webSocket: createWebSocketFactory(relays) }),
  });
  return {
    relays,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.close();
      for (const relay of relays) await relay[Symbol.asyncDispose]();
    },
  };
}

/** What a server announces, as events; `at` in seconds. */
interface Announced {
  readonly at?: number;
  readonly tags?: string[][];
  readonly initialize?: unknown;
  readonly tools?: unknown;
  readonly toolTags?: string[][];
}

const NOW = 1_700_000_000;

/** A server that writes its events by hand. */
class Author {
  readonly signer = PrivateKeySigner.generate();
  readonly pubkey = this.signer.pubkey;

  event(kind: number, content: unknown, tags: string[][] = [], at = NOW): Promise<NostrEvent> {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    return this.signer.signEvent({ kind, created_at: at, content: text, tags });
  }

  async announcement(what: Announced = {}): Promise<NostrEvent[]> {
    const { at = NOW, tags = [], initialize = {}, tools, toolTags = [] } = what;
    return [
      await this.event(11316, initialize, tags, at),
      ...(tools === undefined ? [] : [await this.event(11317, { tools }, toolTags, at)]),
    ];
  }

  async deletion(tags: string[][], at = NOW): Promise<NostrEvent> {
    return await this.event(5, "gone", tags, at);
  }
}

/** Puts events into a relay's store. */
async function store(relay: MemoryRelay, events: readonly NostrEvent[]): Promise<void> {
  await using peer = await RawPeer.open(relay);
  const before = relay.received.length;
  for (const event of events) peer.publish(event);
  await until("the events are in", () => relay.received.length >= before + events.length);
}

async function search(pool: RelayPool, options: DiscoverOptions = {}): Promise<string[]> {
  const found = await Array.fromAsync(discover(pool, { now: () => NOW * 1000, ...options }));
  return found.map(({ pubkey }) => pubkey);
}

const TOOL = {
  name: "forecast",
  description: "Tells the WEATHER",
  inputSchema: { type: "object" },
};
const HASH = toolSchemaHash(TOOL);
const COMMON = { ...TOOL, _meta: { [COMMON_SCHEMA]: { schemaHash: HASH } } };
const TOOL_TAGS = [["i", HASH, "forecast"], ["k", COMMON_SCHEMA], ["t", "weather-forecast"]];

Deno.test("CEP6-6, CEP15-12: discover() finds servers by each filter", async () => {
  await using net = twoRelays();
  const [one] = net.relays;
  const weather = new Author();
  const notes = new Author();
  const liar = new Author();
  await store(one, [
    ...await weather.announcement({
      at: NOW - 10,
      tags: [
        ["name", "Météo"],
        ["support_encryption"],
        ["pmi", "bitcoin-lightning-bolt11"],
        ["cap", "tool:forecast", "5-9", "sats"],
      ],
      initialize: { capabilities: { tools: {} }, instructions: "Ask for a town" },
      tools: [COMMON],
      toolTags: TOOL_TAGS,
    }),
    ...await notes.announcement({
      at: NOW - 1_000,
      tags: [["name", "Notes"]],
      initialize: { capabilities: { prompts: {} }, serverInfo: { name: "notes", version: "1" } },
    }),
    // Claims the hash in its tags and its `_meta`, and has another schema.
    ...await liar.announcement({
      at: NOW - 2_000,
      tags: [["name", "Liar"], ["cap", "tool:forecast", "1", "usd"]],
      tools: [{ ...COMMON, inputSchema: {} }],
      toolTags: TOOL_TAGS,
    }),
  ]);
  const everybody = [weather, notes, liar];
  const cases: readonly (readonly [DiscoverOptions, readonly Author[]])[] = [
    [{}, everybody],
    [{ capability: "prompts" }, [notes]],
    [{ capability: "toString" }, []],
    [{ tool: "forecast" }, [weather, liar]],
    [{ tags: [["support_encryption"], ["pmi", "bitcoin-lightning-bolt11"]] }, [weather]],
    [{ tags: [["pmi", "other"]] }, []],
    [{ text: "  town weather " }, [weather]],
    [{ text: "MÉTÉO" }, [weather]],
    [{ text: "notes town" }, []],
    [{ schemaHash: HASH }, [weather]],
    [{ schemaHash: "0".repeat(64) }, []],
    [{ hasCommonSchema: true }, [weather]],
    [{ category: "weather-forecast" }, [weather, liar]],
    [{ category: "weather-forecast", schemaHash: HASH }, [weather]],
    [{ price: { max: 9 } }, [weather, notes]],
    [{ price: { max: 8 } }, [notes]],
    [{ price: { max: 1, unit: "USD" } }, [notes, liar]],
    [{ price: { max: 0, capability: "prompt:x" } }, everybody],
    [{ tool: "forecast", price: { max: 9 } }, [weather]],
    [{ maxAgeMs: 100_000 }, [weather]],
    [{ maxAgeMs: 1_500_000, capability: "prompts" }, [notes]],
    [{ maxServers: 2 }, [weather, notes]],
  ];
  for (const [options, expected] of cases) {
    const found = await search(net.pool, options);
    assertEquals(found, expected.map(({ pubkey }) => pubkey), JSON.stringify(options));
  }
});

Deno.test("CEP6-4, NIP1-2: discover() takes the newest genuine event of each server, whichever relay has it", async () => {
  await using net = twoRelays();
  const [one, two] = net.relays;
  const author = new Author();
  const newest = await author.announcement({ at: NOW, tags: [["name", "new"]] });
  const forged = { ...(await author.announcement({ at: NOW + 5 }))[0]!, sig: "0".repeat(128) };
  await using lying = new MemoryRelay({ url: "wss://lying.test", verify: () => true });
  await store(one, await author.announcement({ at: NOW - 5, tags: [["name", "old"]] }));
  await store(two, newest);
  await store(lying, [forged]);
  assertEquals(lying.events.length, 1);
  await using pool = new RelayPool([...net.relays, lying].map(({ url }) => url), {
    ...poolOptions({ webSocket: createWebSocketFactory([...net.relays, lying]) }),
  });
  const found = await Array.fromAsync(discover(pool));
  assertEquals(found.map(({ announcement }) => announcement?.name), ["new"]);
  // A server that only a forged event speaks of is none.
  const stranger = new Author();
  await store(lying, [{ ...(await stranger.announcement())[0]!, sig: "1".repeat(128) }]);
  assertEquals(await search(pool), [author.pubkey]);
});

Deno.test("CEP6-4: discover() judges a server by its newest list, also where an older one fits better", async () => {
  await using net = twoRelays();
  const [one, two] = net.relays;
  const author = new Author();
  const [, old] = await author.announcement({ at: NOW - 5, tools: [COMMON], toolTags: TOOL_TAGS });
  await store(one, [old!]);
  assertEquals(await search(net.pool, { schemaHash: HASH }), [author.pubkey]);
  await store(two, await author.announcement({ at: NOW, tools: [] }));
  assertEquals(await search(net.pool, { schemaHash: HASH }), []);
});

Deno.test("CEP6-7, NIP9-2: discover() leaves out what its author has deleted, also where a relay still has it", async () => {
  await using net = twoRelays();
  const [one, two] = net.relays;
  const [byId, byAddress, later, framed] = [new Author(), new Author(), new Author(), new Author()];
  const [announced] = await byId.announcement();
  await store(one, [announced!, ...await byAddress.announcement(), ...await framed.announcement()]);
  await store(one, await later.announcement({ at: NOW + 1 }));
  await store(two, [
    await byId.deletion([["e", announced!.id]], NOW - 5),
    await byAddress.deletion([["a", `11316:${byAddress.pubkey}:`]]),
    // From before the announcement.
    await later.deletion([["a", `11316:${later.pubkey}:`]]),
    // Somebody else's.
    await byId.deletion([["a", `11316:${framed.pubkey}:`], [
      "e",
      (await framed.announcement())[0]!.id,
    ]]),
  ]);
  assertEquals(await search(net.pool), [later.pubkey, framed.pubkey]);
  // What the deleted event had replaced does not come back.
  await store(two, await byId.announcement({ at: NOW - 50 }));
  assertEquals((await search(net.pool)).includes(byId.pubkey), false);
});

Deno.test("discover() leaves out an event that is larger than an announcement can be, and keeps to its bounds", async () => {
  await using net = twoRelays();
  for (const length of [131_000, 131_100]) {
    const tags = [["about", "x".repeat(length)]];
    await store(net.relays[0], await new Author().announcement({ tags }));
  }
  assertEquals((await search(net.pool)).length, 1);
  await using other = twoRelays();
  const small = await Promise.all(
    [1, 2, 3].map(() => new Author().announcement({ tags: [["about", "x".repeat(100)]] })),
  );
  await store(other.relays[0], small.flat());
  assertEquals((await search(other.pool)).length, 3);
  // Two of them fit into what may be kept in mind at a time.
  assertEquals((await search(other.pool, { maxSize: 250 })).length, 2);
  for (const name of ["maxServers", "maxSize", "maxChecksPerSecond"]) {
    assertThrows(() => discover(net.pool, { [name]: 0 }), RangeError, name);
  }
});

Deno.test("discover() looks at maxServers servers, those that were announced last; forged events take nobody's place", async () => {
  await using net = twoRelays();
  const [one, two] = net.relays;
  const announce = async (at: number) => {
    const author = new Author();
    return await author.announcement({ at });
  };
  const genuine = await Promise.all([NOW, NOW - 1, NOW - 2, NOW - 3].map(announce));
  const forged = (await announce(NOW + 1)).map((event) => ({ ...event, sig: "0".repeat(128) }));
  await store(one, genuine.slice(0, 2).flat());
  await store(two, [...genuine.slice(2).flat(), ...forged]);
  const newest = genuine.flat().slice(0, 2).map(({ pubkey }) => pubkey);
  assertEquals(await search(net.pool, { maxServers: 2 }), newest);
});

Deno.test("discover() looks many servers up in batches, each once", async () => {
  await using net = twoRelays();
  const authors = Array.from({ length: 45 }, () => new Author());
  const events = await Promise.all(authors.map((author) => author.announcement()));
  await store(net.relays[0], events.flat());
  await store(net.relays[1], events.flat());
  const found = await search(net.pool);
  assertEquals(found.toSorted(), authors.map(({ pubkey }) => pubkey).toSorted());
});

Deno.test("discover() fails when no relay can be asked, and ends quietly when it is aborted", async () => {
  await using net = twoRelays();
  assertEquals(await search(net.pool, { signal: AbortSignal.abort() }), []);
  for (const relay of net.relays) relay.faults.set({ refuseConnections: true });
  const error = await assertRejects(() => search(net.pool, { live: true }), RelayError);
  assertEquals(error.code, "RELAY_UNREACHABLE");
});

/** A live search whose results can be waited for. */
function follow(pool: RelayPool, options: DiscoverOptions = {}) {
  const seen: DiscoveredServer[] = [];
  const stop = new AbortController();
  const ended = (async () => {
    const found = discover(pool, { live: true, signal: stop.signal, ...options });
    for await (const server of found) seen.push(server);
  })();
  const last = (author: Author) => seen.findLast(({ pubkey }) => pubkey === author.pubkey);
  return {
    seen,
    stop,
    ended,
    last,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

Deno.test("CEP6-8: discover() with live tells of new, changed and deleted servers", async () => {
  await using net = twoRelays();
  const [one, two] = net.relays;
  const now = Math.floor(Date.now() / 1000);
  const [stored, later] = [new Author(), new Author()];
  await store(one, await stored.announcement({ at: now - 10_000, tools: [TOOL] }));
  await using search = follow(net.pool, { tool: "forecast" });
  await until("the stored one is found", () => search.seen.length === 1);
  assertEquals(search.seen[0]!.gone, false);

  const announced = await later.announcement({ at: now, tools: [TOOL] });
  await store(two, announced);
  await until("the new one is found", () => search.last(later)?.announcement !== undefined);

  await store(two, [await stored.event(11316, {}, [["name", "renamed"]], now)]);
  await until("the change is seen", () => search.last(stored)?.announcement?.name === "renamed");
  assertEquals(search.last(stored)?.tools?.items, [TOOL]);

  await store(one, [await stored.event(11317, { tools: [] }, [], now)]);
  await until("it does not fit any more", () => search.last(stored)?.gone === true);
  await store(one, [await stored.event(11317, { tools: [TOOL] }, [], now + 1)]);
  await until("it fits again", () => search.last(stored)?.gone === false);

  await store(one, [await later.deletion(announced.map(({ id }) => ["e", id]), now)]);
  await until("the deletion is seen", () => search.last(later)?.gone === true);
  const count = search.seen.length;
  // Neither relay can bring it back, nor can a forger bring in or take away anybody.
  await store(one, announced);
  const forged = { ...await stored.deletion([["a", `11316:${stored.pubkey}:`]], now + 9) };
  const stranger = new Author();
  await store(two, [
    { ...forged, sig: "0".repeat(128) },
    { ...(await stranger.announcement({ at: now }))[0]!, sig: "0".repeat(128) },
  ]);
  const witness = new Author();
  await store(one, await witness.announcement({ at: now, tools: [TOOL] }));
  await until("the witness is found", () => search.last(witness) !== undefined);
  assertEquals(search.seen.slice(count).filter(({ pubkey }) => pubkey !== witness.pubkey), []);
});

Deno.test("discover() with live tells of each state of a server once", async () => {
  await using net = twoRelays();
  const now = Math.floor(Date.now() / 1000);
  await using search = follow(net.pool);
  const [one, two] = net.relays;
  await until("it is live", () => net.relays.every((relay) => relay.subscriptions.length > 0));
  // While a new server is looked up, its other events arrive, from both relays.
  for (const relay of net.relays) relay.faults.set({ latencyMs: 5 });
  const author = new Author();
  const events = [
    ...await author.announcement({ at: now, tools: [TOOL] }),
    await author.event(11318, { resources: [] }, [], now),
  ];
  await Promise.all([store(one, events), store(two, events)]);
  const witness = new Author();
  await store(one, await witness.announcement({ at: now }));
  await until("the witness is found", () => search.last(witness) !== undefined);
  await until("all is seen", () => search.last(author)?.resources !== undefined);
  const states = search.seen.filter(({ pubkey }) => pubkey === author.pubkey)
    .map((server) =>
      [server.announcement, server.tools, server.resources].map((part) => part?.event.id)
    );
  assertEquals(new Set(states.map(String)).size, states.length);
});

Deno.test("CEP6-7: discover() with live heeds a deletion that comes before what it deletes", async () => {
  await using net = twoRelays();
  const [one, two] = net.relays;
  const now = Math.floor(Date.now() / 1000);
  const author = new Author();
  await store(one, await author.announcement({ at: now }));
  await using search = follow(net.pool);
  await until("it is found", () => search.seen.length === 1);
  const deleted = await author.event(11317, { tools: [TOOL] }, [], now);
  await store(one, [await author.deletion([["e", deleted.id]], now)]);
  await store(two, [deleted, await author.event(11318, { resources: [] }, [], now)]);
  await until("the other list is seen", () => search.last(author)?.resources !== undefined);
  assertEquals(search.last(author)?.tools, undefined);
});

Deno.test("discover() with live keeps to its bounds: servers, and checks for each relay", async () => {
  await using net = twoRelays();
  const [one, two] = net.relays;
  const now = Math.floor(Date.now() / 1000);
  const checked: string[] = [];
  const engine: CryptoEngine = {
    ...pureEngine,
    verify(signature, message, publicKey) {
      checked.push(bytesToHex(publicKey));
      return pureEngine.verify(signature, message, publicKey);
    },
  };
  await using search = follow(net.pool, {
    maxServers: 2,
    maxChecksPerSecond: 1,
    now: () => now * 1000, // the clock stands still
    engine,
  });
  await until("it is live", () => net.relays.every((relay) => relay.subscriptions.length > 0));
  const forgers = Array.from({ length: 5 }, () => new Author());
  for (const author of forgers) {
    const [event] = await author.announcement({ at: now });
    await store(one, [{ ...event!, sig: "0".repeat(128) }]);
  }
  const authors = [new Author(), new Author(), new Author()];
  for (const author of authors) await store(two, await author.announcement({ at: now }));
  await until("two are found", () => search.seen.length === 2);
  const found = search.seen.map(({ pubkey }) => pubkey);
  assertEquals(found.toSorted(), authors.slice(0, 2).map(({ pubkey }) => pubkey).toSorted());
  // Of what the flooding relay sent, a burst of two was checked.
  assertEquals(checked.filter((key) => forgers.some(({ pubkey }) => pubkey === key)).length, 2);
});

Deno.test("discover() with live ends when the loop is left, and when the pool is closed", async () => {
  await using net = twoRelays();
  const [one] = net.relays;
  await store(one, await new Author().announcement());
  for await (const server of discover(net.pool, { live: true })) {
    assertEquals(server.gone, false);
    break;
  }
  await until("nobody listens any more", () => one.subscriptions.length === 0);
  const search = follow(net.pool);
  await until("it is found", () => search.seen.length === 1);
  await net.pool.close();
  await search.ended;
});

Deno.test("CEP6-9: describeServer() returns everything public about a server", async () => {
  await using net = twoRelays();
  const [one, two] = net.relays;
  const author = new Author();
  const now = () => (NOW + 60) * 1000;
  await store(one, [
    ...await author.announcement({
      at: NOW - 100,
      tags: [
        ["name", "Weather"],
        ["support_encryption"],
        ["support_encryption", "no flag"],
        ["support_of_tomorrow"],
        ["cap", "tool:forecast", "7", "sats"],
      ],
      initialize: { capabilities: {} },
      tools: [COMMON, "junk", { ...TOOL, name: "plain" }],
      toolTags: [...TOOL_TAGS, ["t"], ["t", "weather-forecast"]],
    }),
    await author.event(11318, { resources: [{ uri: "test://r" }] }),
    await author.event(11319, "no JSON"),
  ]);
  await store(two, [
    await author.event(11320, { prompts: Array(1_200).fill({ name: "p" }) }, [
      ["cap", "tool:forecast", "5", "sats"],
      ["cap", "prompt:p", "1-2", "sats"],
    ]),
    await author.event(0, { name: "Weather", bot: true }),
    await author.event(10002, "", [["r", "wss://b.test", "read"], ["r", "wss://a.test"]]),
  ]);
  const server = await describeServer(net.pool, author.pubkey, { now });
  assertEquals(server.announcement?.name, "Weather");
  assertEquals(server.supports, ["support_encryption", "support_of_tomorrow"]);
  assertEquals(server.tools?.items.map(({ name }) => name), ["forecast", "plain"]);
  assertEquals(server.schemas.map(({ verdict }) => verdict), ["matches", "unclaimed"]);
  assertEquals(server.categories, ["weather-forecast"]);
  assertEquals(server.resources?.items, [{ uri: "test://r" }]);
  assertEquals(server.resourceTemplates, undefined);
  assertEquals([server.prompts?.items.length, server.prompts?.truncated], [1_000, true]);
  assertEquals(server.prices, [
    { capability: "tool:forecast", kind: "tool", name: "forecast", min: 5, max: 5, unit: "sats" },
    { capability: "prompt:p", kind: "prompt", name: "p", min: 1, max: 2, unit: "sats" },
  ]);
  assertEquals(server.profile?.metadata, { name: "Weather", bot: true });
  assertEquals(server.relayList?.relays.map(({ url }) => url), ["wss://a.test", "wss://b.test"]);
  assertEquals([server.updatedAt, server.ageMs], [NOW, 60_000]);

  await store(one, [
    await author.deletion(
      [0, 10002, 11316, 11317, 11318, 11320].map((kind) => ["a", `${kind}:${author.pubkey}:`]),
    ),
  ]);
  const gone = await describeServer(net.pool, author.pubkey, { now });
  assertEquals([gone.announcement, gone.tools, gone.prompts, gone.relayList, gone.profile], [
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  await assertRejects(() => describeServer(net.pool, "nobody"), InputError);
});
