import { assert, assertEquals } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { type NostrEvent, PrivateKeySigner, verifyEvent } from "../../../crypto/mod.ts";
import { fetchAnnouncement } from "../../../transport/discovery/announcement.ts";
import { fetchRelayList, newestGenuine } from "../../../transport/discovery/relay_list.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { NostrServerTransport, serve } from "../../../transport/server.ts";
import { createWebSocketFactory, MemoryRelay } from "../../../transport/testing/mod.ts";
import { fixtureServer, network, poolOptions, RawPeer, until } from "../_harness.ts";

/** What a relay still has of an author, by kind. */
async function stored(relay: MemoryRelay, author: string): Promise<Map<number, NostrEvent>> {
  await using pool = new RelayPool([relay.url], poolOptions(relay));
  const events = await pool.query([{ authors: [author] }]);
  return new Map(events.map((event) => [event.kind, event]));
}

/** A server whose list of tools has several pages. */
function pagedServer(pages: number): McpServer {
  const mcp = new McpServer({ name: "paged", version: "1.0.0" }, { capabilities: { tools: {} } });
  mcp.server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
    const page = Number(params?.cursor ?? 0);
    const tools = [{ name: `tool ${page}`, inputSchema: { type: "object" as const } }];
    return page + 1 < pages ? { tools, nextCursor: String(page + 1) } : { tools };
  });
  return mcp;
}

Deno.test("F26: an announcement has every page of every list (CEP6-1, CEP6-2, CEP17-1)", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => pagedServer(3), {
    signer: PrivateKeySigner.generate(),
    info: { name: "Paged", about: "has pages" },
    announce: true,
    ...network(relay),
  });
  const events = await stored(relay, server.publicKey);
  assertEquals([...events.keys()].toSorted(), [10002, 11316, 11317]);
  assert([...events.values()].every((event) => verifyEvent(event)));
  const announced = JSON.parse(events.get(11316)!.content);
  assertEquals(announced.serverInfo, { name: "paged", version: "1.0.0" });
  assertEquals(events.get(11316)!.tags, [
    ["name", "Paged"],
    ["about", "has pages"],
    ["support_encryption"],
    ["support_encryption_ephemeral"],
    ["support_oversized_transfer"],
    ["support_open_stream"],
    ["support_transfer_token"],
  ]);
  const { tools } = JSON.parse(events.get(11317)!.content);
  assertEquals(tools.map(({ name }: { name: string }) => name), ["tool 0", "tool 1", "tool 2"]);
  assertEquals(events.get(10002)!.tags, [["r", "wss://relay.test"]]);
  assertEquals(server.announcement?.failures, []);
});

Deno.test("F26: what changes is announced anew (CEP6-3)", async () => {
  await using relay = new MemoryRelay();
  let announcedServer: McpServer | undefined;
  await using server = await serve(() => announcedServer = fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    announce: { relayList: false },
    ...network(relay),
  });
  const before = (await stored(relay, server.publicKey)).get(11317)!;
  announcedServer!.registerTool("added", {}, () => ({ content: [] }));
  await until(
    "the new list is published",
    () => relay.events.filter(({ kind }) => kind === 11317).length === 2,
  );
  const after = (await stored(relay, server.publicKey)).get(11317)!;
  assert(after.created_at > before.created_at && after.content.includes('"added"'));
});

Deno.test("F26: a relay that comes back gets the announcement again", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    announce: true,
    ...network(relay),
  });
  const count = () => relay.received.filter(({ frame }) => frame.includes('"kind":11316')).length;
  const before = count();
  relay.faults.closeConnections(1012, "restarting");
  await until("it is published again", () => count() > before);
  assertEquals((await stored(relay, server.publicKey)).has(11316), true);
});

Deno.test("F16: relays that can't be opened or say nothing hold no announcement up", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using hole = new MemoryRelay({ url: "wss://hole.test" });
  await using mute = new MemoryRelay({ url: "wss://mute.test" });
  hole.faults.set({ neverOpen: true });
  mute.faults.set({ withholdEose: true, withholdOk: true });
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    relays: [mute.url, hole.url, good.url],
    announce: { bootstrapRelays: ["wss://hole.test/bootstrap"], profile: { name: "later" } },
    pool: {
      ...poolOptions(good),
      webSocket: (url) => createWebSocketFactory([good, hole, mute])(url.replace("/bootstrap", "")),
      connectTimeoutMs: 60_000,
      queryTimeoutMs: 60_000,
      publishTimeoutMs: 60_000,
      pingTimeoutMs: 60_000,
    },
  });
  assertEquals(
    [...(await stored(good, server.publicKey)).keys()].toSorted(),
    [10002, 11316, 11317, 11318, 11319],
  );
});

Deno.test("F26: what a relay knows of an earlier run is seen to when it answers late", async () => {
  await using quick = new MemoryRelay({ url: "wss://quick.test" });
  await using late = new MemoryRelay({ url: "wss://late.test" });
  const signer = PrivateKeySigner.generate();
  const ahead = Math.floor(Date.now() / 1000) + 60;
  await using earlier = await RawPeer.open(late, signer);
  for (const kind of [11316, 11320]) {
    earlier.publish(
      await signer.signEvent({ kind, created_at: ahead, tags: [], content: "{}" }),
    );
  }
  await until("the earlier run is there", () => late.events.length === 2);
  late.faults.set({ holdEose: [11316], onDelivery: () => "hold" });
  await using server = await serve(() => pagedServer(1), {
    signer,
    relays: [quick.url, late.url],
    announce: { profile: { name: "Paged" } },
    pool: { ...poolOptions(quick), webSocket: createWebSocketFactory([quick, late]) },
  });
  const published = server.announcement?.published.map(({ kind }) => kind).toSorted();
  assertEquals(published, [10002, 11316, 11317]);
  late.faults.clear();
  late.faults.release();
  for (const relay of [quick, late]) {
    await until("the rest is done", () => relay.events.some(({ kind }) => kind === 0));
    await until(
      "what was overtaken is published anew",
      () => relay.events.some(({ kind, created_at }) => kind === 11316 && created_at > ahead),
    );
  }
  await until("what is not offered any more is deleted", () => {
    return late.events.some(({ kind, tags }) =>
      kind === 5 && tags.some(([name, value]) => name === "k" && value === "11320")
    );
  });
});

Deno.test("F26: a deletion deletes, also what an earlier run published (CEP6-5, NIP9-1)", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  {
    await using _earlier = await serve(() => fixtureServer(), {
      signer,
      announce: true,
      ...network(relay),
    });
  }
  await using server = await serve(() => pagedServer(1), {
    signer,
    announce: true,
    ...network(relay),
  });
  // The earlier run had resources; this one does not, and its announcement says so.
  assertEquals(
    [...(await stored(relay, signer.pubkey)).keys()].filter((kind) => kind !== 5).toSorted(),
    [
      10002,
      11316,
      11317,
    ],
  );
  await server.withdraw("gone");
  const events = await stored(relay, signer.pubkey);
  assertEquals([...events.keys()], [5]);
  const names = new Set(events.get(5)!.tags.map(([name]) => name));
  assertEquals([...names].toSorted(), ["a", "e", "k"]);
});

Deno.test("F26: what changes after a withdrawal is not announced", async () => {
  await using relay = new MemoryRelay();
  let announced: McpServer | undefined;
  await using server = await serve(() => announced = fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    announce: true,
    ...network(relay),
  });
  const withdrawal = server.withdraw();
  announced!.registerTool("added", {}, () => ({ content: [] }));
  await withdrawal;
  await new Promise((resolve) => setTimeout(resolve, 300)); // changes are announced after 200
  const lists = relay.received.filter(({ frame }) => frame.includes('"kind":11317'));
  assertEquals(lists.length, 1);
});

Deno.test("F26: a server that comes back at once is announced again", async () => {
  await using relay = new MemoryRelay();
  const options = { signer: PrivateKeySigner.generate(), announce: true, ...network(relay) };
  {
    await using server = await serve(() => pagedServer(1), options);
    await server.withdraw();
  }
  await using server = await serve(() => pagedServer(1), options);
  assertEquals(server.announcement?.failures, []);
  const events = await stored(relay, server.publicKey);
  assertEquals([...events.keys()].toSorted(), [10002, 11316, 11317, 5]);
});

Deno.test("F26: a deletion has reached every relay when withdraw() resolves, the slow one too", async () => {
  await using quick = new MemoryRelay({ url: "wss://quick.test" });
  await using slow = new MemoryRelay({ url: "wss://slow.test" });
  const signer = PrivateKeySigner.generate();
  await using server = await serve(() => pagedServer(1), {
    signer,
    announce: true,
    relays: [quick.url, slow.url],
    pool: { ...poolOptions(quick), webSocket: createWebSocketFactory([quick, slow]) },
  });
  await until("both have it", () => [quick, slow].every(({ events }) => events.length >= 3));
  slow.faults.set({ latencyMs: 40 });
  await server.withdraw("gone");
  await server.close();
  slow.faults.set({ latencyMs: 0 });
  for (const relay of [quick, slow]) {
    assertEquals([...(await stored(relay, signer.pubkey)).keys()], [5], relay.url);
  }
});

Deno.test("NostrServerTransport announces the one server behind it", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  const mcp = fixtureServer();
  await mcp.connect(new NostrServerTransport({ signer, announce: true, ...network(relay) }));
  assertEquals([...(await stored(relay, signer.pubkey)).keys()].toSorted(), [
    10002,
    11316,
    11317,
    11318,
    11319,
  ]);
  await mcp.close();
});

Deno.test("CEP17-4: bootstrap relays get the announcement, and the server does not listen there", async () => {
  await using home = new MemoryRelay({ url: "wss://home.test" });
  await using bootstrap = new MemoryRelay({ url: "wss://bootstrap.test" });
  const pool = {
    ...poolOptions(home),
    webSocket: (url: string) => (url.includes("home") ? home : bootstrap).webSocket(url),
  };
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    relays: [home.url],
    announce: { bootstrapRelays: [bootstrap.url] },
    pool,
  });
  await using asking = new RelayPool([bootstrap.url], pool);
  const list = await fetchRelayList(asking, server.publicKey);
  assertEquals(list?.relays, [{ url: "wss://home.test", reads: true, writes: true }]);
  assertEquals(bootstrap.subscriptions, []);
});

Deno.test("CEP6-4, NIP1-2, F16: the newest genuine event wins, then the lowest id", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  const make = (created_at: number, name: string) =>
    signer.signEvent({ kind: 11316, created_at, tags: [["name", name]], content: "{}" });
  const events = await Promise.all([make(100, "old"), make(300, "new"), make(200, "middle")]);
  const forged = { ...await make(400, "forged"), sig: "0".repeat(128) };
  assertEquals(newestGenuine([...events, forged])?.tags, [["name", "new"]]);
  const equal = await Promise.all(["a", "b", "c"].map((name) => make(500, name)));
  const lowest = equal.map(({ id }) => id).toSorted()[0];
  assertEquals(newestGenuine(equal)?.id, lowest);
  await using author = await RawPeer.open(relay, signer);
  for (const event of events) author.publish(event);
  await until("the events are there", () => relay.events.length >= 2);
  await using pool = new RelayPool([relay.url], poolOptions(relay));
  assertEquals((await fetchAnnouncement(pool, signer.pubkey))?.name, "new");
});

Deno.test("F26: a forged event with a later time does not spoil a deletion", async () => {
  await using home = new MemoryRelay({ url: "wss://home.test" });
  await using forger = new MemoryRelay({ url: "wss://forger.test" });
  const relays = [home.url, forger.url];
  const pool = poolOptions({ webSocket: createWebSocketFactory([home, forger]) });
  const signer = PrivateKeySigner.generate();
  await using server = await serve(() => pagedServer(1), { signer, relays, announce: true, pool });
  const created_at = Math.floor(Date.now() / 1000) + 800;
  const later = { kind: 11318, created_at, tags: [], content: "{}" };
  await server.pool.publish(await signer.signEvent(later), { relays: [forger.url] });
  forger.faults.set({ corruptSignatures: true });
  await server.withdraw();
  const deletion = home.events.find(({ kind }) => kind === 5)!;
  assert(deletion.created_at < created_at - 700);
});

Deno.test("Announcer does not replace a profile that no relay shows it", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  relay.faults.set({ refuseSubscriptions: { reason: "blocked: no profiles", kinds: [0] } });
  await using server = await serve(() => fixtureServer(), {
    signer,
    announce: { profile: { name: "Weather" } },
    ...network(relay),
  });
  assertEquals(server.announcement?.published.map(({ kind }) => kind).includes(11316), true);
  assertEquals(relay.events.filter(({ kind }) => kind === 0), []);
});
