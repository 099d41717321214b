/** What the library logs at the levels that a program has by default. */
import { assertEquals } from "@std/assert";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { serve } from "../../transport/server.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import { fixtureServer, type Log, network, poolOptions, RawPeer, until } from "./_harness.ts";

/** Collects what is logged at `info` and above. */
async function recording() {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { records: (record) => void records.push(record) },
    loggers: [
      { category: "cvm", lowestLevel: "info", sinks: ["records"] },
      { category: ["logtape", "meta"], lowestLevel: "fatal", sinks: ["records"] },
    ],
  });
  return { records, [Symbol.asyncDispose]: () => reset() };
}

Deno.test("F07, F38: what is refused or not for us leaves no line in the log, and what is answered nothing of its content", async () => {
  await using log = await recording();
  const done: Log = { echoed: [], started: 0, cancelled: 0 };
  await using relay = new MemoryRelay();
  const friend = PrivateKeySigner.generate();
  await using server = await serve(() => fixtureServer(done), {
    signer: PrivateKeySigner.generate(),
    access: { allow: [friend.pubkey], answerRefused: true },
    ...network(relay),
  });
  log.records.length = 0; // that the relay is open
  relay.faults.set({ ignoreTagFilters: true });
  await using peer = await RawPeer.open(relay, friend);
  await using stranger = await RawPeer.open(relay);
  const to = server.publicKey;
  const echo = (message: string) => ({
    jsonrpc: "2.0",
    id: message,
    method: "tools/call",
    params: { name: "echo", arguments: { message } },
  });
  const secret = await peer.message(to, echo("secret"));
  const refused = [
    await stranger.message(to, echo("secret of a stranger")),
    await stranger.message(stranger.pubkey, echo("secret of others")),
    await peer.message(to, echo("an old secret"), { created_at: 1_000 }),
    { ...secret, content: JSON.stringify(echo("a forged secret")) },
    await peer.message(to, "no secret message"),
    { ...secret, sig: "0".repeat(128) },
  ];
  for (const event of refused) {
    for (const one of [event, peer.wrap(event, to), peer.wrap(event, stranger.pubkey)]) {
      relay.deliver(one);
      relay.deliver(one);
    }
  }
  peer.publish(peer.wrap(secret, to));
  await until("the one of the friend runs", () => done.echoed.length > 0);
  assertEquals(done.echoed, ["secret"]);
  assertEquals(log.records, []);
});

Deno.test("a server whose relay takes nothing from it warns once, with the relay's words, and says when it does again", async () => {
  await using log = await recording();
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  await using server = await serve(() => fixtureServer(), { signer, ...network(relay) });
  await using peer = await RawPeer.open(relay);
  const told = () =>
    log.records.filter(({ category }) => category[1] === "transport")
      .map(({ level, properties: { refusal } }) => [level, refusal]);
  const refusal = "restricted: this key may not write here";
  relay.faults.set({ refuseEvents: { reason: refusal } });
  for (const id of [1, 2]) {
    const answer = await peer.message(peer.pubkey, { jsonrpc: "2.0", id, result: {} });
    await server.pool.publish(answer).catch(() => undefined);
  }
  await until("it warns", () => told().length > 0);
  relay.faults.clear();
  peer.publish(await peer.message(server.publicKey, { jsonrpc: "2.0", id: 1, method: "ping" }));
  await until("the peer is answered", () => peer.received.length === 1);
  await until("it tells that", () => told().length > 1);
  assertEquals(told(), [["warning", refusal], ["info", undefined]]);
});

Deno.test("what a handler of a relay pool throws is logged by default, and breaks nothing: Node.js has no reportError()", async () => {
  await using log = await recording();
  await using relay = new MemoryRelay();
  await using pool = new RelayPool([relay.url], poolOptions(relay));
  const fault = new Error("a bug of the program's own");
  const heard: string[] = [];
  pool.subscribe({ kinds: [25910] }, {
    onEvent: () => {
      throw fault;
    },
  });
  pool.subscribe({ kinds: [25910] }, { onEvent: ({ id }) => void heard.push(id) });
  await pool.ready();
  await using peer = await RawPeer.open(relay);
  peer.publish(await peer.message(peer.pubkey, {}));
  await until("the other one hears of it", () => heard.length === 1);
  const errors = log.records.filter(({ level }) => level === "error");
  assertEquals(errors.map(({ category, properties }) => [category, properties.error]), [
    [["cvm", "relay"], fault],
  ]);
});
