import { assert, assertEquals } from "@std/assert";
import { FRESH_MS, type KnownServer, NameCache, type SeenServer } from "../../cli/name_cache.ts";
import { loadConfig } from "../../cli/config.ts";
import { lookUpNames } from "../../cli/name_lookup.ts";
import { namesFile } from "../../cli/paths.ts";
import { isPlainWord, type NameKind, namesIn } from "../../cli/server_names.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { openWebSocket } from "../../cli/websocket.ts";
import { formatNprofile, formatNpub, PrivateKeySigner } from "../../crypto/mod.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { openBench } from "./inspect/_bench.ts";
import { temporaryFolder, TestIo } from "./helpers.ts";

const KEY = "ab".repeat(32);

/** What has been seen of a server: tools without arguments. */
function seen(tools: readonly string[], more: Partial<SeenServer> = {}): SeenServer {
  const names = { tools: new Map(tools.map((name) => [name, []])) };
  return { publicKey: KEY, names, source: "server", ...more };
}

/** The names of one kind. */
function listed(server: KnownServer | undefined, kind: NameKind = "tools") {
  return [...server?.names[kind]?.keys() ?? []];
}

Deno.test("isPlainWord() takes what means itself in every shell, and nothing else", () => {
  const plain = [
    "echo",
    "get-weather",
    "a.b/c_d",
    "7up",
    "wetter_für_köln",
    "天気",
    "test://a/b%20c",
  ];
  for (const word of plain) assert(isPlainWord(word), word);
  const others = ["", "-rf", "--help", ".hidden", "~", "=ls", "a b", "a\tb", "a\nb", "a\u001b[0m"];
  others.push(..."$`\"'\\;&|<>()[]{}*?!#~^,@".split("").map((sign) => `a${sign}b`));
  others.push(
    "a\u2019b",
    "a\u201cb",
    "a\u00a0b",
    "a\u202eb",
    "a\u200bb",
    "a\u3164b",
    "a".repeat(201),
  );
  for (const word of others) assert(!isPlainWord(word), JSON.stringify(word));
});

Deno.test("namesIn() takes so many names as it may, and arguments of schemas and of prompts", () => {
  const tool = { name: "echo", inputSchema: { properties: { text: {}, "a;b": {}, "a=b": {} } } };
  const items = [tool, { name: "$(x)" }, { name: 7 }, { name: "b" }, { name: "c" }];
  assertEquals([...namesIn("tools", items, 2)], [["echo", ["text"]], ["b", []]]);
  const prompt = { name: "greet", arguments: [{ name: "who" }, { name: "`x`" }, null] };
  assertEquals([...namesIn("prompts", [prompt], 9)], [["greet", ["who"]]]);
  assertEquals([...namesIn("resources", [{ name: "n", uri: "test://one" }], 9).keys()], [
    "test://one",
  ]);
  const properties = Object.fromEntries(Array.from({ length: 99 }, (_, at) => [`a${at}`, {}]));
  const [words] = namesIn("tools", [{ name: "many", inputSchema: { properties } }], 9).values();
  assertEquals(words?.length, 32);
});

Deno.test("NameCache keeps its file to its owner, and puts it in place in one step", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/cvm/names.json`;
  const cache = new NameCache(file);
  assertEquals(await cache.read(), new Map());
  await Promise.all(["a", "b", "c"].map((name) => cache.add([seen([name])])));
  assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);
  assertEquals((await Deno.stat(`${folder.path}/cvm`)).mode! & 0o777, 0o700);
  assertEquals((await Array.fromAsync(Deno.readDir(`${folder.path}/cvm`))).length, 1);
  assertEquals(listed((await cache.read()).get(KEY)).length, 1);
});

Deno.test("NameCache loses nothing that several processes add at the same time", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/names.json`;
  const module = new URL("../../cli/name_cache.ts", import.meta.url).href;
  const script = `
    const { NameCache } = await import(${JSON.stringify(module)});
    const [file, digit] = Deno.args;
    for (let at = 0; at < 10; at++) {
      const publicKey = (digit + at).padStart(64, "0");
      const names = { tools: new Map([["echo", []]]) };
      await new NameCache(file).add([{ publicKey, names, source: "server" }]);
    }`;
  const processes = await Promise.all(
    ["1", "2", "3"].map((digit) =>
      new Deno.Command(Deno.execPath(), {
        args: ["eval", script, file, digit],
        stdout: "null",
      }).output()
    ),
  );
  const told = processes.map(({ stderr }) => new TextDecoder().decode(stderr)).join("");
  assertEquals(processes.map(({ code }) => code), [0, 0, 0], told);
  assertEquals((await new NameCache(file).read()).size, 30);
  const left = await Array.fromAsync(Deno.readDir(folder.path), ({ name }) => name);
  assertEquals(left, ["names.json"]);
});

Deno.test("NameCache waits for another process as long as it may, and not for one that was killed", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/names.json`;
  const cache = new NameCache(file, { lockWaitMs: 20 });
  await Deno.writeTextFile(`${file}.lock`, "");
  await cache.add([seen(["late"])]);
  assertEquals(listed((await cache.read()).get(KEY)), ["late"]);
  await Deno.stat(`${file}.lock`); // whoever has it has it still
  const patient = new NameCache(file, { lockWaitMs: 60_000 });
  const old = Date.now() / 1_000 - 60;
  await Deno.utime(`${file}.lock`, old, old);
  await patient.add([seen(["next"])]);
  assertEquals(listed((await cache.read()).get(KEY)), ["next"]);
  const left = await Array.fromAsync(Deno.readDir(folder.path), ({ name }) => name);
  assertEquals(left, ["names.json"]);
});

Deno.test("NameCache is bounded: servers, names, bytes and age", async () => {
  await using folder = await temporaryFolder();
  let time = 1_000_000;
  const now = () => time++;
  const file = `${folder.path}/names.json`;
  const cache = new NameCache(file, { maxServers: 3, maxNames: 2, now });
  const keys = Array.from({ length: 5 }, (_, at) => `${at}`.repeat(64));
  await cache.add([seen(["first", "second", "third"], { publicKey: keys[0] })]);
  for (const publicKey of keys.slice(1)) {
    await cache.add([seen(["x"], { publicKey, source: "announcement" })]);
  }
  const known = await cache.read();
  // The one that was spoken to stays, and of the others those of late.
  assertEquals([...known.keys()], [keys[0], keys[4], keys[3]]);
  assertEquals(listed(known.get(keys[0]!)), ["first", "second"]);

  const small = new NameCache(`${folder.path}/small.json`, { maxBytes: 400, now });
  for (const publicKey of keys) await small.add([seen(["name".repeat(20)], { publicKey })]);
  assert((await Deno.stat(`${folder.path}/small.json`)).size <= 400);
  assertEquals([...(await small.read()).keys()], [keys[4]]);
  assertEquals((await new NameCache(file, { maxBytes: 10, now }).read()).size, 0);

  time += 31 * FRESH_MS;
  assertEquals((await cache.read()).size, 0);
});

Deno.test("NameCache joins what it learns: the server counts for more than its announcement", async () => {
  await using folder = await temporaryFolder();
  let time = 1_000_000;
  const cache = new NameCache(`${folder.path}/names.json`, { now: () => time });
  const tools = async (one: SeenServer) => {
    await cache.add([one]);
    return listed((await cache.read()).get(KEY));
  };
  assertEquals(await tools(seen(["announced"], { source: "announcement" })), ["announced"]);
  assertEquals(await tools(seen(["own"])), ["own"]);
  const prompts = new Map([["greet", ["who"]]]);
  const announced = seen(["old"], { source: "announcement" });
  assertEquals(await tools({ ...announced, names: { ...announced.names, prompts } }), ["own"]);
  assertEquals(listed((await cache.read()).get(KEY), "prompts"), ["greet"]);
  assertEquals(await tools(seen(["page"], { partial: ["tools"] })), ["page", "own"]);
  assertEquals(await tools(seen([], { names: {}, source: "nobody" })), ["page", "own"]);
  time += FRESH_MS;
  assertEquals(await tools(announced), ["old"]);
});

Deno.test("NameCache takes nothing from a file that it could not have written", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/names.json`;
  const cache = new NameCache(file, { now: () => 100 });
  const entry = (value: unknown) => JSON.stringify({ version: 1, servers: { [KEY]: value } });
  const texts = [
    "",
    "{",
    "[]",
    "null",
    '{"version":2,"servers":{}}',
    '{"version":1,"servers":[]}',
    '{"version":1,"servers":{"../x":{"names":{}}}}',
    entry(null),
    entry({ names: [] }),
    entry({ names: { tools: ["a"], prompts: 7, other: {} } }),
    entry({ seenAt: 1e300, names: { tools: { "$(x)": [], "-f": [] } } }),
    "\u0000\ufffd".repeat(100),
  ];
  for (const text of texts) {
    await Deno.writeTextFile(file, text);
    const known = (await cache.read()).get(KEY);
    assertEquals(listed(known), [], text);
    assertEquals(known?.seenAt ?? 0, 0);
    await cache.add([seen(["back"])]);
    assertEquals(listed((await cache.read()).get(KEY)), ["back"]);
  }
  await Deno.remove(file);
  await Deno.mkdir(file);
  await cache.add([seen(["nowhere"])]); // which is no reason to fail
  assertEquals((await cache.read()).size, 0);
});

Deno.test("namesFile() follows the environment, and is switched off by it", () => {
  const at = (env: Record<string, string>) =>
    namesFile(new TestIo({ env: { CVM_COMPLETE_CACHE: "", ...env } }).env);
  assertEquals(at({ XDG_CACHE_HOME: "/c", HOME: "/h" }), "/c/cvm/names.json");
  assertEquals(at({ HOME: "/h" }), "/h/.cache/cvm/names.json");
  assertEquals(at({}), undefined);
  assertEquals(at({ HOME: "/h", CVM_COMPLETE_CACHE: "off" }), undefined);
});

/** A folder for the file of names, and a relay on which a server has announced a tool. */
async function setUp() {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const relay = stack.use(await serveRelay());
  const signer = PrivateKeySigner.generate();
  await using pool = new RelayPool([relay.url], { webSocket: openWebSocket });
  const publish = async (kind: number, content: object) =>
    void await pool.publish(
      await signer.signEvent({ kind, created_at: 1, tags: [], content: JSON.stringify(content) }),
    );
  await publish(11317, {
    tools: [{ name: "forecast", inputSchema: { properties: { city: {} } } }],
  });
  await publish(11318, { resources: [{ name: "map", uri: "test://map" }] });
  const owned = stack.move();
  const cacheFile = `${folder.path}/cache/cvm/names.json`;
  const base = {
    XDG_CONFIG_HOME: folder.path,
    XDG_CACHE_HOME: `${folder.path}/cache`,
    CVM_COMPLETE_CACHE: "",
  };
  return {
    relay,
    signer,
    cache: new NameCache(cacheFile),
    base,
    lookUp: async (
      server: string,
      { env = {}, relays = [relay.url], fetch, now, kind = "tools" }: {
        env?: Record<string, string>;
        relays?: readonly string[];
        fetch?: typeof globalThis.fetch;
        now?: () => number;
        kind?: NameKind;
      } = {},
    ) => {
      const io = new TestIo({ env: { ...base, ...env }, fetch });
      const config = await loadConfig({ ...io, cwd: folder.path });
      const names = await lookUpNames(server, { kind, config, relays, io, now });
      return [...names[kind]?.keys() ?? []];
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test("lookUpNames() asks relays once, then the file, and again when that is old", async () => {
  await using place = await setUp();
  const { signer: { pubkey }, lookUp, relay } = place;
  assertEquals(await lookUp(pubkey), ["forecast"]);
  // From now on no relay is asked.
  const closed = { relays: ["ws://127.0.0.1:1"] };
  for (const server of [pubkey, formatNpub(pubkey), formatNprofile(pubkey, [relay.url])]) {
    assertEquals(await lookUp(server, closed), ["forecast"]);
  }
  assertEquals(await lookUp(pubkey, { ...closed, kind: "resources" }), ["test://map"]);
  // The server says something else meanwhile, which counts for a day.
  await place.cache.add([seen(["own"], { publicKey: pubkey })]);
  assertEquals(await lookUp(pubkey), ["own"]);
  const later = () => Date.now() + 2 * FRESH_MS;
  assertEquals(await lookUp(pubkey, { now: later }), ["forecast"]);
  // An old name is better than none.
  assertEquals(await lookUp(pubkey, { ...closed, now: later }), ["forecast"]);
});

Deno.test("lookUpNames() asks nobody with CVM_COMPLETE_TIMEOUT=0, and takes aliases and names of NIP-05", async () => {
  await using place = await setUp();
  const { signer: { pubkey }, lookUp } = place;
  const off = { CVM_COMPLETE_TIMEOUT: "0" };
  assertEquals(await lookUp(pubkey, { env: off }), []);
  let asked = 0;
  const fetch = () => {
    asked++;
    return Promise.resolve(Response.json({ names: { bob: pubkey } }));
  };
  assertEquals(await lookUp("bob@example.com", { env: off, fetch }), []);
  assertEquals([await lookUp("bob@example.com", { fetch }), asked], [["forecast"], 1]);
  assertEquals([await lookUp("Bob@example.com", { fetch, env: off }), asked], [["forecast"], 1]);
});

Deno.test("lookUpNames() gives up in time, and does not try again at once", async () => {
  await using place = await setUp();
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of silent) connections.push(connection);
  })();
  const relays = [`ws://127.0.0.1:${silent.addr.port}`];
  const stranger = PrivateKeySigner.generate().pubkey;
  const started = performance.now();
  assertEquals(await place.lookUp(stranger, { relays, env: { CVM_COMPLETE_TIMEOUT: "0.5" } }), []);
  const took = performance.now() - started;
  assert(took < 2_000, `${took} ms`);
  const { length } = connections;
  assert(length > 0);
  assertEquals(await place.lookUp(stranger, { relays }), []);
  assertEquals(connections.length, length);
  silent.close();
  await accepting;
  for (const connection of connections) connection.close();
});

Deno.test("lookUpNames() asks twelve relays at most", async () => {
  await using place = await setUp();
  const paths = new Set<string>();
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      paths.add(new URL(request.url).pathname);
      return new Response(null, { status: 404 });
    },
  );
  const relays = Array.from({ length: 20 }, (_, at) => `ws://127.0.0.1:${http.addr.port}/${at}`);
  const stranger = PrivateKeySigner.generate().pubkey;
  assertEquals(await place.lookUp(stranger, { relays, env: { CVM_COMPLETE_TIMEOUT: "1" } }), []);
  assertEquals(paths.size, 12);
});

Deno.test("call, inspect and discover remember the names that they see", async () => {
  await using bench = await openBench({ info: { name: "Bench" }, announce: true });
  const cache = new NameCache(`${bench.folder}/cache/cvm/names.json`);
  const env = { XDG_CACHE_HOME: `${bench.folder}/cache`, CVM_COMPLETE_CACHE: "" };
  const server = bench.server.publicKey;
  const known = async () => (await cache.read()).get(server);
  assertEquals((await bench.run(["discover"], { env })).code, 0);
  assertEquals((await known())?.isOwn, false);
  assert(listed(await known()).includes("echo"));
  assertEquals((await bench.run(["call", server, "echo", "text=x"], { env })).code, 0);
  assertEquals((await known())?.isOwn, true);
  assertEquals((await known())?.names.tools?.get("echo"), ["text", "count", "mood", "tags", "who"]);
  assertEquals((await bench.run(["inspect", server, "prompts"], { env })).code, 0);
  assertEquals([...(await known())?.names.prompts ?? []], [["greet", ["who", "how"]]]);
});
