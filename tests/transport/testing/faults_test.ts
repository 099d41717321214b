import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { verifyEvent } from "../../../crypto/event.ts";
import { MemoryRelay, type MemoryRelayOptions } from "../../../transport/testing/mod.ts";
import { makeAuth } from "../../relays/behaviours.ts";
import { BOB, makeEvent, TestClient } from "../../relays/client.ts";

async function connect(relay: MemoryRelay): Promise<TestClient> {
  const client = new TestClient(relay.webSocket(relay.url));
  await client.opened;
  return client;
}

async function start(options?: MemoryRelayOptions): Promise<
  { relay: MemoryRelay; client: TestClient } & AsyncDisposable
> {
  const relay = new MemoryRelay(options);
  const client = await connect(relay);
  return {
    relay,
    client,
    async [Symbol.asyncDispose]() {
      relay.faults.clear();
      await client[Symbol.asyncDispose]();
      await relay.close();
    },
  };
}

/** Lets every microtask that is due run, without a timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

Deno.test("RelayFaults refuseConnections makes connections fail with 1006, until it is cleared", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseConnections: true });
  const refused = new TestClient(relay.webSocket(relay.url));
  assertEquals((await refused.closed).code, 1006);
  relay.faults.clear();
  await using client = await connect(relay);
  assertEquals(await client.query("s", {}), []);
  assertEquals([relay.connectionCount, relay.openConnectionCount], [2, 1]);
});

Deno.test("RelayFaults neverOpen leaves a connection opening until the client gives up", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ neverOpen: true });
  const socket = relay.webSocket(relay.url);
  const client = new TestClient(socket);
  await settle();
  assertEquals(socket.readyState, 0);
  client.close();
  assertEquals((await client.closed).code, 1006);
});

Deno.test("RelayFaults halfOpen takes frames and never answers, not even a close", async () => {
  await using relay = new MemoryRelay();
  const socket = relay.webSocket(relay.url);
  const client = new TestClient(socket);
  await client.opened;
  await client.subscribe("s", {});
  relay.faults.set({ halfOpen: true });
  client.send("REQ", "t", {});
  client.send("EVENT", makeEvent());
  relay.deliver(makeEvent());
  await relay.until(() => relay.received.length === 3);
  client.close();
  await settle();
  assertEquals([client.unread, socket.readyState], [0, 2]);
  await relay.close();
  assertEquals((await client.closed).code, 1001);
});

Deno.test("RelayFaults.closeConnections() ends connections with any code", async () => {
  await using relay = new MemoryRelay();
  for (const code of [1000, 1001, 1006, 1012]) {
    const client = await connect(relay);
    await client.subscribe("s", {});
    relay.faults.closeConnections(code, "why");
    assertEquals(await client.closed, { code, reason: "why" });
    assertEquals([relay.openConnectionCount, relay.subscriptions.length], [0, 0]);
  }
});

Deno.test("RelayFaults.closeSubscriptions() ends subscriptions in the relay's words", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  await client.subscribe("a", {});
  await client.subscribe("b", { kinds: [1] });
  assertEquals(relay.faults.closeSubscriptions("error: restarting"), 2);
  relay.deliver(makeEvent());
  assertEquals(await client.drain(), [
    ["CLOSED", "a", "error: restarting"],
    ["CLOSED", "b", "error: restarting"],
  ]);
  assertEquals(relay.subscriptions, []);
});

Deno.test("RelayFaults withholdEose and withholdOk keep an answer back, the rest works", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  relay.faults.set({ withholdEose: true, withholdOk: true });
  const event = makeEvent();
  client.send("REQ", "s", {});
  client.send("EVENT", event);
  assertEquals(await client.drain(), [["EVENT", "s", event]]);
});

Deno.test("RelayFaults holdOk lets the delivery come before the OK", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  await client.subscribe("s", {});
  relay.faults.set({ holdOk: true });
  const event = makeEvent({ kind: 25910 });
  client.send("EVENT", event);
  assertEquals(await client.drain(), [["EVENT", "s", event]]);
  assertEquals(relay.faults.release(), 1);
  assertEquals(await client.read(), ["OK", event.id, true, ""]);
});

Deno.test("RelayFaults holdEose lets what is live come before EOSE, until release()", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  relay.faults.set({ holdEose: true });
  client.send("REQ", "s", {});
  const event = makeEvent({ kind: 25910 });
  client.send("EVENT", event);
  assertEquals(await client.drain(), [["OK", event.id, true, ""], ["EVENT", "s", event]]);
  assertEquals(relay.faults.held, 1);
  assertEquals(relay.faults.release(), 1);
  assertEquals([relay.faults.held, await client.read()], [0, ["EOSE", "s"]]);
  relay.faults.set({ holdEose: [25910] });
  client.send("REQ", "t", { kinds: [1] });
  client.send("REQ", "u", { kinds: [1, 25910] });
  assertEquals(await client.drain(), [["EOSE", "t"]]);
  assertEquals(relay.faults.release(), 1);
});

Deno.test("RelayFaults.freezeConnections() leaves open connections deaf and dumb, and new ones alone", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  await client.subscribe("s", {});
  assertEquals(relay.faults.freezeConnections(), 1);
  const event = makeEvent();
  client.send("EVENT", event);
  relay.deliver(event);
  await settle();
  assertEquals([client.unread, relay.events], [0, []]);
  await using other = await connect(relay);
  assertEquals(await other.publish(event), [true, ""]);
});

Deno.test("RelayFaults refuseEvents with minLength refuses long frames only", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  const reason = "invalid: event too large";
  relay.faults.set({ refuseEvents: { reason, minLength: 2_000 } });
  assertEquals(await client.publish(makeEvent({ content: "x".repeat(2_000) })), [false, reason]);
  assertEquals(await client.publish(makeEvent({ content: "x".repeat(1_000) })), [true, ""]);
});

Deno.test("RelayFaults refuseEvents says OK false so many times, for some kinds", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  const reason = "rate-limited: slow down";
  relay.faults.set({ refuseEvents: { reason, times: 2, kinds: [25910] } });
  const event = makeEvent({ kind: 25910 });
  assertEquals(await client.publish(event), [false, reason]);
  assertEquals(await client.publish(makeEvent()), [true, ""]);
  assertEquals(await client.publish(event), [false, reason]);
  assertEquals(await client.publish(event), [true, ""]);
  assertEquals(relay.events.map(({ kind }) => kind), [1, 25910]);
});

Deno.test("RelayFaults refuseEvents with auth-required sends a challenge and yields to an answer", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  const reason = "auth-required: who are you?";
  relay.faults.set({ refuseEvents: { reason, untilAuthenticated: true } });
  const event = makeEvent();
  client.send("EVENT", event);
  const [type, challenge] = await client.read();
  assertEquals(type, "AUTH");
  assertEquals(await client.read(), ["OK", event.id, false, reason]);
  client.send("AUTH", makeAuth(relay.url, challenge));
  assertEquals((await client.read())[2], true);
  assertEquals(await client.publish(event), [true, ""]);
});

Deno.test("RelayFaults refusals as NOTICE leave OK and CLOSED out", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  relay.faults.set({
    refuseEvents: { reason: "no events", asNotice: true },
    refuseSubscriptions: { reason: "no subscriptions", asNotice: true, times: 1 },
  });
  client.send("EVENT", makeEvent());
  client.send("REQ", "s", {});
  assertEquals(await client.drain(), [["NOTICE", "no events"], ["NOTICE", "no subscriptions"]]);
  assertEquals(await client.query("s", {}), []);
});

Deno.test("RelayFaults refuseSubscriptions answers CLOSED, for filters with some kinds", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  relay.faults.set({ refuseSubscriptions: { reason: "blocked: no wraps", kinds: [1059] } });
  client.send("REQ", "s", { kinds: [1] }, { kinds: [1059, 21059] });
  assertEquals(await client.read(), ["CLOSED", "s", "blocked: no wraps"]);
  assertEquals(await client.query("s", { kinds: [21059] }), []);
});

Deno.test("RelayFaults withholdKinds keeps kinds back silently, stored and live", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  relay.faults.set({ withholdKinds: [1059] });
  assertEquals(await client.publish(makeEvent({ kind: 1059 })), [true, ""]);
  assertEquals(await client.subscribe("s", { kinds: [1059, 21059] }), []);
  const shown = makeEvent({ kind: 21059 });
  relay.deliver(makeEvent({ kind: 1059 }));
  relay.deliver(shown);
  assertEquals(await client.drain(), [["EVENT", "s", shown]]);
});

Deno.test("RelayFaults ignoreTagFilters delivers everybody's events live, of the right kind", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  const pubkey = makeEvent().pubkey;
  await client.subscribe("s", { kinds: [1], "#p": [pubkey] });
  const foreign = makeEvent({ tags: [["p", "f".repeat(64)]] });
  relay.deliver(foreign);
  relay.faults.set({ ignoreTagFilters: true });
  relay.deliver(makeEvent({ kind: 2 }));
  relay.deliver(foreign);
  assertEquals(await client.drain(), [["EVENT", "s", foreign]]);
});

Deno.test("RelayFaults keepOldFilters answers a second REQ and keeps the first filter", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  relay.faults.set({ keepOldFilters: true });
  await client.subscribe("s", { kinds: [1] });
  await client.subscribe("s", { kinds: [2] });
  const event = makeEvent();
  relay.deliver(event);
  relay.deliver(makeEvent({ kind: 2 }));
  assertEquals(await client.drain(), [["EVENT", "s", event]]);
});

Deno.test("RelayFaults corruptSignatures delivers events whose signature does not hold", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  const [bad, good] = [makeEvent(), makeEvent({}, BOB)];
  relay.faults.set({ corruptSignatures: ({ pubkey }) => pubkey === bad.pubkey });
  await client.subscribe("s", {});
  relay.deliver(bad);
  relay.deliver(good);
  const [corrupted, genuine] = (await client.drain()).map((frame) => frame[2]);
  assertNotEquals(corrupted, bad);
  assertEquals({ ...(corrupted as typeof bad), sig: bad.sig }, bad);
  assert(!verifyEvent(corrupted as typeof bad));
  assertEquals(genuine, good);
});

Deno.test("RelayFaults onDelivery drops, duplicates and holds, and tells stored from live", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  const stored = makeEvent({ content: "stored" });
  await client.publish(stored);
  const seen: [string, boolean, string][] = [];
  relay.faults.set({
    onDelivery({ event, live, subscriptionId }) {
      seen.push([event.content, live, subscriptionId]);
      return event.content === "hold" || event.content === "drop" ||
          event.content === "duplicate"
        ? event.content
        : "pass";
    },
  });
  assertEquals(await client.subscribe("s", {}), [stored]);
  for (const content of ["drop", "hold", "duplicate"]) relay.deliver(makeEvent({ content }));
  assertEquals(await contents(client), ["duplicate", "duplicate"]);
  assertEquals(relay.faults.release(), 1);
  assertEquals(await contents(client), ["hold"]);
  assertEquals(seen, [
    ["stored", false, "s"],
    ["drop", true, "s"],
    ["hold", true, "s"],
    ["duplicate", true, "s"],
  ]);
});

Deno.test("RelayFaults.release() can let go last to first", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  await client.subscribe("s", {});
  relay.faults.set({ onDelivery: () => "hold" });
  for (const content of ["1", "2", "3"]) relay.deliver(makeEvent({ content }));
  relay.faults.release({ reversed: true });
  assertEquals(await contents(client), ["3", "2", "1"]);
});

Deno.test("RelayFaults reverseEvery reorders in groups, what is left waits for release()", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  await client.subscribe("s", {});
  relay.faults.set({ reverseEvery: 3 });
  for (const content of ["1", "2", "3", "4"]) relay.deliver(makeEvent({ content }));
  assertEquals(await contents(client), ["3", "2", "1"]);
  relay.faults.release();
  assertEquals(await contents(client), ["4"]);
});

Deno.test("RelayFaults latencyMs delays every frame in order, and leaves no timer behind", async () => {
  await using setup = await start();
  const { relay, client } = setup;
  relay.faults.set({ latencyMs: 20 });
  const startMs = performance.now();
  await client.subscribe("s", {});
  assert(performance.now() - startMs >= 15);
  relay.deliver(makeEvent({ content: "slow" }));
  relay.faults.set({ latencyMs: 0 });
  relay.deliver(makeEvent({ content: "not before" }));
  assertEquals(await contents(client), ["slow", "not before"]);
  relay.faults.set({ latencyMs: 60_000 });
  relay.deliver(makeEvent());
});

Deno.test("RelayFaults sends challenges, notices and garbage at will", async () => {
  await using relay = new MemoryRelay();
  const frames: unknown[] = [];
  const socket = relay.webSocket(relay.url);
  socket.onmessage = ({ data }) => frames.push(data);
  await relay.until(() => relay.openConnectionCount === 1);
  relay.faults.challenge();
  relay.faults.notice("hello");
  relay.faults.send("{not JSON");
  await relay.until(() => frames.length === 3);
  assertMatch(String(frames[0]), /^\["AUTH","[0-9a-f-]+"\]$/);
  assertEquals(frames.slice(1), ['["NOTICE","hello"]', "{not JSON"]);
});

async function contents(client: TestClient): Promise<unknown[]> {
  const frames = await client.drain();
  return frames.map((frame) => (frame[2] as { content: string }).content);
}
