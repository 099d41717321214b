import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { serveRelay } from "../../../cli/relay/mod.ts";
import { CvmError } from "../../../errors.ts";
import { RelayFaults } from "../../../transport/testing/mod.ts";
import { makeAuth } from "../../relays/behaviours.ts";
import { connect, makeEvent, TestClient } from "../../relays/client.ts";

function httpUrl(url: string): string {
  return url.replace(/^ws/, "http");
}

/** Resolves when the condition holds; fails after five seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("the condition did not come true");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("serveRelay() serves its NIP-11 document to who asks for it, from any origin", async () => {
  await using relay = await serveRelay({
    description: { name: "mine", contact: "me@example.com" },
    limits: { maxSubscriptions: 7 },
  });
  const response = await fetch(httpUrl(relay.url), {
    headers: { accept: "text/html, application/nostr+json" },
  });
  assertEquals(response.headers.get("content-type"), "application/nostr+json");
  assertEquals(response.headers.get("access-control-allow-origin"), "*");
  const document = await response.json();
  assertEquals([document.name, document.contact], ["mine", "me@example.com"]);
  assertEquals(document.supported_nips, [1, 9, 11, 42]);
  assertEquals(document.limitation.max_subscriptions, 7);
  assertEquals(document.limitation.auth_required, false);
});

Deno.test("serveRelay() answers browsers, preflights, other methods and broken handshakes", async () => {
  await using relay = await serveRelay();
  const url = httpUrl(relay.url);
  assertMatch(await (await fetch(url)).text(), /Nostr relay/);
  const preflight = await fetch(url, { method: "OPTIONS" });
  await preflight.body?.cancel();
  assertEquals([preflight.status, preflight.headers.get("access-control-allow-headers")], [
    204,
    "*",
  ]);
  const post = await fetch(url, { method: "POST", body: "x" });
  await post.body?.cancel();
  assertEquals(post.status, 405);
  const broken = await rawRequest(relay.port, "Upgrade: websocket\r\n");
  assertMatch(broken, /^HTTP\/1\.1 400 /);
});

Deno.test("serveRelay() keeps events in its file over a restart", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const db = `${folder}/relay.db`;
    const event = makeEvent();
    {
      await using relay = await serveRelay({ db });
      await using client = await connect(relay.url);
      assertEquals(await client.publish(event), [true, ""]);
    }
    await using relay = await serveRelay({ db });
    await using client = await connect(relay.url);
    assertEquals(await client.query("s", {}), [event]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("serveRelay() close ends connections with 1001, frees the port, and can be repeated", async () => {
  const relay = await serveRelay();
  const clients = [await connect(relay.url), await connect(relay.url)];
  await clients[0].subscribe("s", {});
  await Promise.all([relay.close(), relay.close()]);
  await relay.close();
  for (const client of clients) assertEquals((await client.closed).code, 1001);
  await using again = await serveRelay({ port: relay.port });
  assertEquals(again.url, relay.url);
});

Deno.test("serveRelay() refuses connections above its bound with 503, and takes them later", async () => {
  await using relay = await serveRelay({ maxConnections: 1 });
  const first = await connect(relay.url);
  const refused = new TestClient(new WebSocket(relay.url));
  await assertRejects(() => refused.opened, Error);
  await refused.closed;
  const handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  assertMatch(await rawRequest(relay.port, handshake), /^HTTP\/1\.1 503 /);
  await first[Symbol.asyncDispose]();
  await until(() => relay.engine.connectionCount === 0);
  await using second = await connect(relay.url);
  assertEquals(await second.query("s", {}), []);
});

Deno.test("serveRelay() disconnects a client that reads too slowly, and serves the others", async () => {
  await using relay = await serveRelay({ maxBufferedBytes: 2_000_000, verify: () => true });
  // A client that subscribes and then never reads its socket.
  const slow = await Deno.connect({ hostname: "127.0.0.1", port: relay.port });
  try {
    const handshake = "GET / HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\n" +
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    await slow.write(new TextEncoder().encode(handshake));
    await slow.write(maskedFrame('["REQ","s",{}]'));
    await until(() => relay.engine.subscriptions.length === 1);
    await using fast = await connect(relay.url);
    const content = "x".repeat(60_000);
    // More than the system's own buffers and the relay's bound take together.
    for (let count = 0; count < 400; count++) {
      relay.engine.deliver(makeEvent({ kind: 20_000, content }));
      if (count % 20 === 0) assertEquals(await fast.query("s", { kinds: [1] }), []);
    }
    assertEquals(await fast.publish(makeEvent()), [true, ""]);
    const text = await readAll(slow);
    assertStringIncludes(text, "the client reads too slowly");
    assert(text.length < 300 * content.length);
  } finally {
    slow.close();
  }
  await until(() => relay.engine.connectionCount === 0);
});

Deno.test("serveRelay() says that binary frames are not taken", async () => {
  await using relay = await serveRelay();
  const socket = new WebSocket(relay.url);
  await using client = new TestClient(socket);
  await client.opened;
  socket.send(new Uint8Array([1, 2, 3]));
  assertMatch(String((await client.read())[1]), /^invalid: frames are text/);
});

Deno.test("serveRelay() takes authentication for localhost and for its public URL, not for a Host header", async () => {
  const publicUrl = "wss://relay.example.com/nostr";
  await using relay = await serveRelay({ requireAuth: true, publicUrl });
  assertEquals(relay.url, publicUrl);
  const cases: [url: string, ok: boolean][] = [
    [`ws://localhost:${relay.port}/`, true],
    [`ws://127.0.0.1:${relay.port}`, true],
    [`${publicUrl}/`, true],
    ["wss://relay.example.com", false],
    ["ws://evil.example.com", false],
  ];
  for (const [url, ok] of cases) {
    await using client = await connect(`ws://127.0.0.1:${relay.port}`);
    const [, challenge] = await client.read();
    client.send("AUTH", makeAuth(url, challenge));
    assertEquals((await client.read())[2], ok, url);
  }
});

Deno.test("serveRelay() names what is wrong: the port is taken, no public URL, no database", async () => {
  await using relay = await serveRelay();
  const taken = await assertRejects(
    () => serveRelay({ port: relay.port }),
    CvmError,
    `can't listen on 127.0.0.1:${relay.port}`,
  );
  assertEquals(taken.code, "CONFIG_INVALID");
  await assertRejects(
    () => serveRelay({ hostname: "0.0.0.0", requireAuth: true }),
    TypeError,
    "publicUrl",
  );
  await assertRejects(
    () => serveRelay({ db: "/dev/null/relay.db" }),
    CvmError,
    "/dev/null/relay.db",
  );
});

Deno.test("serveRelay() takes faults in front of its engine, over real sockets", async () => {
  const setup: { faults?: RelayFaults } = {};
  await using relay = await serveRelay({
    wrap: (engine) => setup.faults = new RelayFaults(engine),
  });
  await using client = await connect(relay.url);
  setup.faults?.set({ refuseEvents: { reason: "rate-limited: slow down", times: 1 } });
  assertEquals(await client.publish(makeEvent()), [false, "rate-limited: slow down"]);
  assertEquals(await client.publish(makeEvent()), [true, ""]);
  setup.faults?.closeConnections(1012, "restarting");
  assertEquals(await client.closed, { code: 1012, reason: "restarting" });
});

async function rawRequest(port: number, headers: string): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = `GET / HTTP/1.1\r\nHost: relay\r\n${headers}\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(1_024);
  const length = await connection.read(buffer);
  connection.close();
  return new TextDecoder().decode(buffer.subarray(0, length ?? 0));
}

/** A client's text frame of at most 125 bytes, with a mask of zeros. */
function maskedFrame(text: string): Uint8Array {
  const payload = new TextEncoder().encode(text);
  return new Uint8Array([0x81, 0x80 | payload.length, 0, 0, 0, 0, ...payload]);
}

async function readAll(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const buffer = new Uint8Array(65_536);
  while (!text.includes("too slowly")) {
    const length = await connection.read(buffer);
    if (length === null) break;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
  return text;
}
