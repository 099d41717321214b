import { assertEquals, assertRejects } from "@std/assert";
import { formatNprofile, PrivateKeySigner, verifyEvent } from "../../../crypto/mod.ts";
import { InputError, RelayError } from "../../../errors.ts";
import {
  NostrClientTransport,
  type NostrClientTransportOptions,
} from "../../../transport/client.ts";
import { fetchRelayList, parseRelayList } from "../../../transport/discovery/relay_list.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { serve } from "../../../transport/server.ts";
import { createWebSocketFactory, MemoryRelay } from "../../../transport/testing/mod.ts";
import { fixtureServer, makeClient, poolOptions, RawPeer, until } from "../_harness.ts";

/** A relay list of somebody. */
async function listOf(tags: string[][], signer = PrivateKeySigner.generate(), created_at = 1_000) {
  return await signer.signEvent({ kind: 10002, created_at, tags, content: "" });
}

Deno.test("CEP17-5, CEP17-6: parseRelayList() reads markers, unmarked relays first", async () => {
  const cases: readonly (readonly [string[][], string[]])[] = [
    [[["r", "wss://a.test"]], ["a rw"]],
    [[["r", "wss://w.test", "write"], ["r", "wss://r.test", "read"], ["r", "wss://a.test"]], [
      "a rw",
      "w w",
      "r r",
    ]],
    // One relay twice: what either says holds.
    [[["r", "wss://a.test", "read"], ["r", "WSS://A.test:443/", "write"]], ["a rw"]],
    [[["r", "wss://a.test", "write"], ["r", "wss://a.test"]], ["a rw"]],
    // Markers that nobody knows.
    [[["r", "wss://a.test", ""], ["r", "wss://b.test", "other"]], ["a rw", "b rw"]],
    [[["r"], ["r", "https://a.test"], ["r", "wss://user:pass@a.test"], ["R", "wss://a.test"]], []],
  ];
  for (const [tags, expected] of cases) {
    const { relays } = parseRelayList(await listOf(tags));
    const read = relays.map(({ url, reads, writes }) =>
      `${new URL(url).hostname.slice(0, -5)} ${reads ? "r" : ""}${writes ? "w" : ""}`
    );
    assertEquals(read, expected, JSON.stringify(tags));
  }
});

Deno.test("parseRelayList() takes 8 relays at most, the unmarked ones first", async () => {
  const marked = Array.from({ length: 20 }, (_, index) => ["r", `wss://m${index}.test`, "read"]);
  const { relays } = parseRelayList(await listOf([...marked, ["r", "wss://a.test"]]));
  assertEquals([relays.length, relays[0]?.url], [8, "wss://a.test"]);
});

Deno.test("fetchRelayList() takes the newest genuine list", async () => {
  await using relay = new MemoryRelay({ verify: () => true });
  const signer = PrivateKeySigner.generate();
  await using peer = await RawPeer.open(relay);
  peer.publish(await listOf([["r", "wss://a.test"]], signer, 1_000));
  const forged = await listOf([["r", "wss://evil.test"]], signer, 3_000);
  await using other = new MemoryRelay({ url: "wss://other.test", verify: () => true });
  await using liar = await RawPeer.open(other);
  liar.publish({ ...forged, sig: "0".repeat(128) });
  await until("both are there", () => relay.events.length + other.events.length === 2);
  await using pool = new RelayPool(
    [relay.url, other.url],
    poolOptions({ webSocket: createWebSocketFactory([relay, other]) }),
  );
  const list = await fetchRelayList(pool, signer.pubkey);
  assertEquals(list?.relays.map(({ url }) => url), ["wss://a.test"]);
  assertEquals(await fetchRelayList(pool, PrivateKeySigner.generate().pubkey), undefined);
});

/** Relays by name; those that are not listed can't be reached. */
function world(...names: string[]) {
  const relays = new Map(names.map((name) => {
    const url = `wss://${name}.test`;
    return [name, new MemoryRelay({ url })] as const;
  }));
  const open = createWebSocketFactory([...relays.values()]);
  const opened: string[] = [];
  const webSocket = (url: string) => {
    opened.push(url);
    return open(url);
  };
  return {
    relays,
    /** The relays that somebody connected to, or tried to. */
    opened,
    pool: poolOptions({ webSocket }),
    async [Symbol.asyncDispose]() {
      for (const relay of relays.values()) await relay[Symbol.asyncDispose]();
    },
  };
}

const urls = (...names: string[]) => names.map((name) => `wss://${name}.test`);

Deno.test("CEP17-3, CEP17-7, CEP17-8: a client meets the server at the first place that can be reached", async () => {
  /** Where the server's list is, what it says, what the client knows, and where they meet. */
  const cases: readonly {
    readonly list?: string[][];
    readonly hints?: string[];
    readonly client?: Partial<NostrClientTransportOptions>;
    readonly met: string;
  }[] = [
    { hints: urls("hint"), list: [["r", "wss://listed.test"]], met: "hint" },
    {
      hints: ["no relay", ...urls("down", "hint")],
      list: [["r", "wss://listed.test"]],
      met: "down hint",
    },
    { hints: urls("down"), list: [["r", "wss://listed.test"]], met: "listed" },
    { list: [["r", "wss://marked.test", "read"], ["r", "wss://listed.test"]], met: "listed" },
    { list: [["r", "wss://marked.test", "write"], ["r", "wss://down.test"]], met: "marked" },
    { list: [["r", "wss://marked.test", "read"]], met: "marked" },
    { list: [["r", "wss://down.test"]], met: "fallback" },
    { met: "fallback" },
    { client: { fallbackRelays: urls("down") }, met: "directory" },
    { client: { fallbackRelays: undefined }, met: "directory" },
    { client: { discoveryRelays: urls("down") }, met: "fallback" },
    { client: { discoveryRelays: [] }, met: "fallback" },
    // What was named is taken, and nothing else is asked.
    { client: { relays: urls("explicit") }, hints: urls("hint"), met: "explicit" },
  ];
  for (const { list, hints = [], client = {}, met } of cases) {
    const names = ["hint", "listed", "marked", "fallback", "directory", "explicit"];
    await using net = world(...names);
    const signer = PrivateKeySigner.generate();
    await using server = await serve(() => fixtureServer(), {
      signer,
      relays: urls(...names),
      pool: net.pool,
    });
    const directory = net.relays.get("directory")!;
    if (list !== undefined) {
      await using author = await RawPeer.open(directory, signer);
      author.publish(await listOf(list, signer));
      await until("the list is there", () => directory.events.length === 1);
    }
    const transport = new NostrClientTransport({
      signer: PrivateKeySigner.generate(),
      server: formatNprofile(server.publicKey, hints),
      discoveryRelays: urls("directory"),
      fallbackRelays: urls("fallback"),
      pool: net.pool,
      ...client,
    });
    const mcp = makeClient();
    await mcp.connect(transport);
    assertEquals(transport.pool.urls, urls(...met.split(" ")), JSON.stringify({ list, hints }));
    await mcp.close();
  }
});

Deno.test("F16: a silent discovery relay holds no client up, and is heard where the others' list is of no use", async () => {
  await using net = world("directory", "mute", "listed");
  const [directory, mute] = [net.relays.get("directory")!, net.relays.get("mute")!];
  const signer = PrivateKeySigner.generate();
  await using server = await serve(() => fixtureServer(), {
    signer,
    relays: urls("listed"),
    pool: net.pool,
  });
  await using old = await RawPeer.open(directory, signer);
  await using recent = await RawPeer.open(mute, signer);
  const connect = async () => {
    const mcp = makeClient();
    const transport = new NostrClientTransport({
      signer: PrivateKeySigner.generate(),
      server: server.publicKey,
      discoveryRelays: urls("mute", "directory"),
      pool: { ...net.pool, queryTimeoutMs: 60_000, pingTimeoutMs: 60_000 },
    });
    await mcp.connect(transport);
    assertEquals(transport.pool.urls, urls("listed"));
    await mcp.close();
  };
  old.publish(await listOf([["r", "wss://listed.test"]], signer, 1_000));
  await until("the list is there", () => directory.events.length === 1);
  mute.faults.set({ withholdEose: true });
  await connect();
  old.publish(await listOf([["r", "wss://down.test"]], signer, 2_000));
  recent.publish(await listOf([["r", "wss://listed.test"]], signer, 3_000));
  await until("both are there", () => directory.events.length + mute.events.length === 3);
  mute.faults.clear();
  mute.faults.set({ holdEose: true, onDelivery: () => "hold" });
  const asked = mute.received.length;
  const connected = connect();
  await until("the silent one is asked", () => mute.received.length > asked);
  await until("the old list has been tried", () => net.opened.includes("wss://down.test"));
  mute.faults.release();
  await connected;
});

Deno.test("F14: a client that can meet its server nowhere says what was wrong with each relay", async () => {
  await using net = world("directory");
  const signer = PrivateKeySigner.generate();
  await using author = await RawPeer.open(net.relays.get("directory")!, signer);
  author.publish(await listOf([["r", "wss://listed.test"]], signer));
  const directory = net.relays.get("directory")!;
  await until("the list is there", () => directory.events.length === 1);
  const common = { signer: PrivateKeySigner.generate(), pool: net.pool };
  const transport = new NostrClientTransport({
    ...common,
    server: formatNprofile(signer.pubkey, urls("hint")),
    discoveryRelays: urls("down"),
    fallbackRelays: urls("fallback"),
  });
  const error = await assertRejects(() => transport.start(), RelayError);
  assertEquals(error.code, "RELAY_UNREACHABLE");
  assertEquals(error.failures.map(({ url }) => url), urls("hint", "down", "fallback"));
  const lost = new NostrClientTransport({ ...common, server: signer.pubkey, discoveryRelays: [] });
  const nowhere = await assertRejects(() => lost.start(), InputError);
  assertEquals(nowhere.code, "RELAY_URL_INVALID");
});

Deno.test("close() ends the search for a server's relays", async () => {
  await using net = world("directory");
  const directory = net.relays.get("directory")!;
  directory.faults.set({ withholdEose: true });
  const transport = new NostrClientTransport({
    signer: PrivateKeySigner.generate(),
    server: PrivateKeySigner.generate().pubkey,
    discoveryRelays: urls("directory"),
    pool: net.pool,
  });
  const started = assertRejects(() => transport.start());
  await until("the list is asked for", () => directory.received.length > 0);
  await transport.close();
  await started;
  await until("the connection ends", () => directory.openConnectionCount === 0);
});

Deno.test("CEP17-1, CEP17-9, CEP17-10, CEP17-11: a server publishes its list with its announcement, under its own key, and anew when its relays change", async () => {
  await using net = world("one", "two", "bootstrap");
  const signer = PrivateKeySigner.generate();
  const start = (...names: string[]) =>
    serve(() => fixtureServer(), {
      signer,
      relays: urls(...names),
      announce: { bootstrapRelays: urls("bootstrap"), relayList: names.length < 2 || urls("two") },
      pool: net.pool,
    });
  const lists = (name: string) =>
    net.relays.get(name)!.events.filter(({ kind }) => kind === 10002).map(({ pubkey, tags }) => ({
      pubkey,
      tags,
    }));
  const announced = (name: string) =>
    net.relays.get(name)!.events.some(({ kind }) => kind === 11316);
  {
    await using _server = await start("one");
    const list = { pubkey: signer.pubkey, tags: [["r", "wss://one.test"]] };
    await until("it is everywhere", () => announced("bootstrap") && lists("bootstrap").length > 0);
    assertEquals([lists("one"), lists("bootstrap")], [[list], [list]]);
    assertEquals(announced("one"), true);
  }
  // It moves, and lists one of its two relays only.
  await using _server = await start("one", "two");
  const list = { pubkey: signer.pubkey, tags: [["r", "wss://two.test"]] };
  for (const name of ["one", "two", "bootstrap"]) {
    await until(`the new list is on ${name}`, () => lists(name).length > 0);
    assertEquals(lists(name).at(-1), list, name);
    const events = net.relays.get(name)!.events;
    assertEquals(events.every((event) => verifyEvent(event)), true);
  }
});

Deno.test("CEP17-12, CEP17-13: a server lists its first 8 relays at most, in their order", async () => {
  const names = Array.from({ length: 10 }, (_, index) => `relay${index}`);
  await using net = world(...names);
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    relays: urls(...names),
    announce: true,
    pool: net.pool,
  });
  const list = server.announcement?.published.find(({ kind }) => kind === 10002);
  assertEquals(list?.tags, urls(...names).slice(0, 8).map((url) => ["r", url]));
});
