/** Answers that go out while their client is away: relays keep no ephemeral events for it. */
import { assertEquals } from "@std/assert";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { serve, type ServeOptions } from "../../transport/server.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import {
  connect,
  fixtureServer,
  network,
  poolOptions,
  RawPeer,
  textOf,
  until,
} from "./_harness.ts";

/** A server with a tool that answers when it is told to. */
async function startServer(relay: MemoryRelay, options: Partial<ServeOptions> = {}) {
  const runs: ((text: string) => void)[] = [];
  const server = await serve(() => {
    const mcp = fixtureServer();
    mcp.registerTool("later", {}, async () => {
      const text = await new Promise<string>((resolve) => runs.push(resolve));
      return { content: [{ type: "text", text }] };
    });
    return mcp;
  }, { signer: PrivateKeySigner.generate(), ...network(relay), ...options });
  return { server, runs, [Symbol.asyncDispose]: () => server.close() };
}

/** A way to the relay that one client has for itself, and that can be cut. */
function cable(relay: MemoryRelay) {
  const nowhere = new MemoryRelay({ url: relay.url });
  nowhere.faults.set({ refuseConnections: true });
  const sockets: ReturnType<MemoryRelay["webSocket"]>[] = [];
  let isCut = false;
  const webSocket = (url: string) => {
    const socket = (isCut ? nowhere : relay).webSocket(url);
    sockets.push(socket);
    return socket;
  };
  return {
    pool: poolOptions({ webSocket }),
    cut: () => {
      isCut = true;
      for (const socket of sockets.splice(0)) socket.close();
    },
    mend: () => void (isCut = false),
    [Symbol.asyncDispose]: () => nowhere.close(),
  };
}

/** How many events from others than a client the relay was given for it. */
function sentTo(relay: MemoryRelay, client: string): number {
  return relay.received.filter(({ message }) =>
    Array.isArray(message) && message[0] === "EVENT" &&
    message[1].pubkey !== client && JSON.stringify(message[1].tags).includes(client)
  ).length;
}

for (
  const [encryption, ageMs] of [["required", 0], ["disabled", 0], ["required", 5_000], [
    "disabled",
    5_000,
  ]] as const
) {
  const left = ageMs === 0 ? "just before" : "long before";
  Deno.test(`an answer to what left ${left} an outage of its client, and that went out in it, comes after it, and the call runs once (encryption ${encryption})`, async () => {
    await using relay = new MemoryRelay();
    await using one = await startServer(relay, { encryption });
    await using line = cable(relay);
    const signer = PrivateKeySigner.generate();
    await using session = await connect(relay, one.server.publicKey, {
      signer,
      encryption,
      pool: line.pool,
      now: () => Date.now() - ageMs, // all that is asked is so much older
    });
    const before = sentTo(relay, signer.pubkey);
    const call = session.client.callTool({ name: "later" }, undefined, { timeout: 8_000 });
    call.catch(() => undefined);
    await until("the call runs", () => one.runs.length === 1);
    line.cut();
    await until("the client is away", () => relay.openConnectionCount === 1);
    one.runs[0]!("here it is");
    await until("the answer is out", () => sentTo(relay, signer.pubkey) > before);
    line.mend();
    assertEquals(textOf(await call), "here it is");
    assertEquals(one.runs.length, 1);
  });
}

Deno.test("what left long before an outage does not run a second time on a server that has restarted", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  const first = await startServer(relay, { signer });
  await using line = cable(relay);
  const now = () => Date.now() - 5_000;
  await using session = await connect(relay, first.server.publicKey, { pool: line.pool, now });
  const stop = new AbortController();
  const call = session.client.callTool({ name: "later" }, undefined, { signal: stop.signal });
  call.catch(() => undefined);
  await until("the call runs", () => first.runs.length === 1);
  line.cut();
  await first.server.close();
  await using second = await startServer(relay, { signer });
  line.mend();
  await until("the client is back", () => relay.openConnectionCount === 2);
  const before = relay.received.length;
  await until(
    "it has asked whom it speaks to, was told, and tells who it is",
    () => relay.received.length >= before + 4,
  );
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // until it would ask again
  assertEquals(second.runs.length, 0);
  stop.abort();
});

Deno.test("a server that has restarted runs nothing again, though it has introduced itself to another program with the key", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  const clientSigner = PrivateKeySigner.generate();
  const first = await startServer(relay, { signer });
  await using line = cable(relay);
  const now = () => Date.now() - 5_000;
  await using session = await connect(relay, first.server.publicKey, {
    signer: clientSigner,
    pool: line.pool,
    now,
  });
  await using other = await connect(relay, first.server.publicKey, { signer: clientSigner });
  const stop = new AbortController();
  const call = session.client.callTool({ name: "later" }, undefined, { signal: stop.signal });
  call.catch(() => undefined);
  await until("the call runs", () => first.runs.length === 1);
  line.cut();
  await first.server.close();
  await using second = await startServer(relay, { signer });
  await other.client.callTool({ name: "echo", arguments: { message: "hello" } });
  const before = relay.received.length;
  line.mend();
  await until("it has asked which process that is", () => relay.received.length >= before + 3);
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // until it would ask again
  assertEquals(second.runs.length, 0);
  stop.abort();
});

Deno.test("of several calls that were under way, each gets its answer after the outage", async () => {
  await using relay = new MemoryRelay();
  await using one = await startServer(relay);
  await using line = cable(relay);
  const signer = PrivateKeySigner.generate();
  const now = () => Date.now() - 5_000;
  await using session = await connect(relay, one.server.publicKey, {
    signer,
    pool: line.pool,
    now,
  });
  const before = sentTo(relay, signer.pubkey);
  const calls = ["first", "second"].map(() => session.client.callTool({ name: "later" }));
  await until("both run", () => one.runs.length === 2);
  line.cut();
  await until("the client is away", () => relay.openConnectionCount === 1);
  one.runs.forEach((answer, index) => answer(`answer ${index}`));
  await until("both answers are out", () => sentTo(relay, signer.pubkey) === before + 2);
  line.mend();
  assertEquals((await Promise.all(calls)).map(textOf), ["answer 0", "answer 1"]);
  assertEquals(one.runs.length, 2);
});

Deno.test("a copy of a request is answered again when it comes later than another relay would bring it, once", async () => {
  await using relay = new MemoryRelay();
  const clock = { now: Date.now() };
  await using one = await startServer(relay, { now: () => clock.now });
  await using peer = await RawPeer.open(relay);
  const ping = await peer.message(one.server.publicKey, { jsonrpc: "2.0", id: 1, method: "ping" });
  const other = await peer.message(one.server.publicKey, { jsonrpc: "2.0", id: 2, method: "ping" });
  peer.publish(ping);
  await until("it is answered", () => peer.received.length === 1);
  const answers = () => peer.received.map(({ tags }) => tags.find(([name]) => name === "e")?.[1]);
  peer.publish(ping);
  peer.publish(other);
  await until("the other one is answered", () => peer.received.length === 2);
  assertEquals(answers(), [ping.id, other.id]);
  clock.now += 1_000;
  for (let times = 0; times < 10; times++) peer.publish(ping);
  await until("it is answered again", () => peer.received.length === 3);
  clock.now += 1_000;
  peer.publish(peer.wrap(other, one.server.publicKey));
  await until("the other one is answered again", () => peer.received.length === 4);
  assertEquals(answers(), [ping.id, other.id, ping.id, other.id]);
});

Deno.test("a copy of a request that a relay had in store is not answered again", async () => {
  await using relay = new MemoryRelay();
  await using line = cable(relay);
  const clock = { now: Date.now() };
  await using one = await startServer(relay, { pool: line.pool, now: () => clock.now });
  await using peer = await RawPeer.open(relay);
  const to = one.server.publicKey;
  const [ping, other] = await Promise.all(
    [1, 2].map((id) => {
      const created_at = Math.floor(clock.now / 1000) + 5; // later than the server began
      return peer.message(to, { jsonrpc: "2.0", id, method: "ping" }, { created_at });
    }),
  );
  peer.publish(peer.wrap(ping!, to, 1059));
  await until("it is answered", () => peer.received.length === 1);
  clock.now += 1_000;
  line.cut();
  await until("the server is away", () => relay.openConnectionCount === 1);
  peer.publish(peer.wrap(ping!, to, 1059));
  line.mend();
  await until("the server is back", () => relay.subscriptions.length === 3);
  peer.publish(peer.wrap(other!, to, 1059));
  await until("the other one is answered", () => peer.received.length === 2);
  const answers = (await peer.opened()).map(({ content }) => JSON.parse(content).id);
  assertEquals(answers, [1, 2]);
});
