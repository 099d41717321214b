import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  createWebSocketFactory,
  MemoryNetwork,
  MemoryRelay,
} from "../../../transport/testing/mod.ts";
import { makeEvent, TestClient } from "../../relays/client.ts";

Deno.test("MemoryRelay records frames by connection, and the events that it accepted", async () => {
  await using relay = new MemoryRelay();
  await using first = new TestClient(relay.webSocket("wss://relay.test/"));
  await using second = new TestClient(relay.webSocket("wss://relay.test"));
  await Promise.all([first.opened, second.opened]);
  const event = makeEvent({ kind: 25910 });
  await first.publish(event);
  await first.publish({ ...event, content: "forged" });
  second.sendRaw("not JSON");
  await second.read();
  assertEquals(relay.received.map(({ connection }) => connection), [1, 1, 2]);
  assertEquals(relay.received[0].message, ["EVENT", event]);
  assertEquals([relay.received[2].frame, relay.received[2].message], ["not JSON", undefined]);
  assertEquals(relay.events, [event]);
});

Deno.test("MemoryRelay records nothing when told so", async () => {
  await using relay = new MemoryRelay({ record: false });
  await using client = new TestClient(relay.webSocket(relay.url));
  await client.opened;
  await client.publish(makeEvent());
  assertEquals([relay.received, relay.events], [[], []]);
});

Deno.test("MemoryRelay fires nothing before handlers can be set, and not in the same turn", async () => {
  await using relay = new MemoryRelay({ requireAuth: true });
  const log: string[] = [];
  const socket = relay.webSocket(relay.url);
  log.push("returned");
  socket.onopen = () => log.push("open");
  socket.onmessage = ({ data }) => log.push(String(data).slice(0, 6));
  assertEquals([log, socket.readyState], [["returned"], 0]);
  assertThrows(() => socket.send("x"), DOMException, "not open yet");
  await relay.until(() => log.length === 3);
  assertEquals(log, ["returned", "open", '["AUTH']);
});

Deno.test("MemoryWebSocket closes like the platform's: codes, states, bytes that wait", async () => {
  await using relay = new MemoryRelay();
  const socket = relay.webSocket(relay.url);
  const client = new TestClient(socket);
  await client.opened;
  assertThrows(() => socket.close(1001), DOMException, "1001");
  socket.send("12345");
  assertEquals(socket.bufferedAmount, 5);
  await client.read();
  assertEquals(socket.bufferedAmount, 0);
  socket.close(3000, "bye");
  socket.close();
  assertEquals(socket.readyState, 2);
  socket.send("dropped");
  assertEquals(await client.closed, { code: 3000, reason: "bye" });
  assertEquals([socket.readyState, relay.openConnectionCount], [3, 0]);
  socket.send("dropped");
  assertEquals(relay.received.length, 1);
});

Deno.test("MemoryRelay.close() ends connections with 1001, refuses new ones, and can be repeated", async () => {
  const relay = new MemoryRelay();
  const client = new TestClient(relay.webSocket(relay.url));
  await client.opened;
  await relay.close();
  await relay.close();
  assertEquals((await client.closed).code, 1001);
  assertEquals((await new TestClient(relay.webSocket(relay.url)).closed).code, 1006);
});

Deno.test("MemoryRelay.until() times out, and ends with its signal", async () => {
  await using relay = new MemoryRelay();
  await assertRejects(
    () => relay.until(() => false, { timeoutMs: 1 }),
    DOMException,
    "wss://relay.test within 1 ms",
  );
  const controller = new AbortController();
  const wait = relay.until(() => false, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => wait, Error, "enough");
  await assertRejects(
    () => relay.until(() => false, { signal: controller.signal }),
    Error,
    "enough",
  );
});

Deno.test("MemoryNetwork serves several relays by URL, and no others", async () => {
  const relays = ["wss://one.test", "wss://two.test/path/"].map((url) => new MemoryRelay({ url }));
  await using network = new MemoryNetwork(relays);
  await using one = new TestClient(network.webSocket("wss://ONE.test:443/"));
  await using two = new TestClient(network.webSocket("wss://two.test/path"));
  await Promise.all([one.opened, two.opened]);
  await one.publish(makeEvent());
  assertEquals(relays.map(({ events }) => events.length), [1, 0]);
  for (const url of ["wss://two.test", "wss://three.test"]) {
    assertEquals((await new TestClient(network.webSocket(url)).closed).code, 1006);
  }
  const factory = createWebSocketFactory([relays[0]]);
  assertEquals((await new TestClient(factory(relays[1].url)).closed).code, 1006);
});

Deno.test("MemoryRelay.fetch() serves the NIP-11 document, other URLs reject", async () => {
  await using relay = new MemoryRelay({
    description: { name: "test relay" },
    limits: { maxFrameBytes: 70_000 },
    requireAuth: true,
  });
  const headers = { accept: "application/nostr+json" };
  const response = await relay.fetch("https://relay.test/", { headers });
  const { name, supported_nips, limitation } = await response.json();
  assertEquals([name, supported_nips], ["test relay", [1, 9, 11, 42]]);
  assertEquals([limitation.max_message_length, limitation.auth_required], [70_000, true]);
  assertEquals(limitation.created_at_upper_limit, 900);
  await assertRejects(() => relay.fetch("https://other.test/"), TypeError, "other.test");
});
