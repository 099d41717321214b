/**
 * The pool over real WebSockets on loopback: needs --allow-net=127.0.0.1.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { RelayError } from "../../../errors.ts";
import { fetchRelayInfo } from "../../../transport/relay/nip11.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { RelayEngine } from "../../../transport/testing/mod.ts";
import { collect, makeEvent, until } from "./_harness.ts";

/** A relay on a port of its own. */
function serveRelay(engine: RelayEngine, information: () => Response) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (request.headers.get("upgrade") !== "websocket") return information();
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onopen = () => {
      const connection = engine.connect((frame) => socket.send(frame));
      socket.onmessage = ({ data }) => connection.receive(String(data));
      socket.onclose = () => connection.close();
    };
    return response;
  });
  const url = `ws://127.0.0.1:${server.addr.port}`;
  return { url, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("RelayPool works over a real WebSocket: NIP-11, AUTH, subscription, publish, query", async () => {
  const signer = PrivateKeySigner.generate();
  const engine = new RelayEngine({ requireAuth: true });
  const information = { limitation: { max_message_length: 65_536 } };
  await using relay = serveRelay(engine, () => Response.json(information));
  await using pool = new RelayPool([relay.url], { signer });
  const heard = collect();
  pool.subscribe({ kinds: [25910], "#p": [signer.pubkey] }, heard, { live: true });
  await pool.ready();
  const event = await makeEvent({ p: signer.pubkey, content: "x".repeat(20_000) });
  assertEquals((await pool.publish(event)).accepted, [relay.url]);
  await until("the event came back", () => heard.ids.includes(event.id));
  const stored = await makeEvent({ kind: 11316 });
  await pool.publish(stored);
  assertEquals(await pool.query([{ kinds: [11316] }]), [stored]);
  await until("the document came", () => pool.limits().maxMessageBytes === 65_536);
});

Deno.test("F14: a port where nobody listens is reported within the connect timeout", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `ws://127.0.0.1:${listener.addr.port}`;
  listener.close();
  await using pool = new RelayPool([url], { backoff: { initialMs: 1, maxMs: 5 } });
  const startedAt = performance.now();
  const error = await assertRejects(() => pool.ready(), RelayError);
  assertEquals(error.code, "RELAY_UNREACHABLE");
  assertEquals(error.failures[0]?.url, url);
  assert(performance.now() - startedAt < 5_000);
});

Deno.test("F14: a server that accepts and says nothing is given up, and close() leaves nothing", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const url = `ws://127.0.0.1:${listener.addr.port}`;
  await using pool = new RelayPool([url], {
    connectTimeoutMs: 100,
    fetchRelayInfo: () => Promise.resolve(undefined),
  });
  const error = await assertRejects(() => pool.ready(), RelayError);
  assertEquals(error.code, "RELAY_UNREACHABLE");
  await pool.close();
  (await accepted).close();
});

Deno.test("F37: a challenge in the same segment as the 101 is answered", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using pool = new RelayPool([`ws://127.0.0.1:${listener.addr.port}`], {
    signer: PrivateKeySigner.generate(),
    fetchRelayInfo: () => Promise.resolve(undefined),
  });
  pool.connect();
  using connection = await listener.accept();
  const reader = new ByteReader(connection);
  const head = await reader.until("\r\n\r\n");
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? "";
  const challenge = new TextEncoder().encode(JSON.stringify(["AUTH", "at once"]));
  const answer = new TextEncoder().encode([
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${await acceptKey(key)}`,
    "\r\n",
  ].join("\r\n"));
  const segment = new Uint8Array([...answer, 0x81, challenge.length, ...challenge]);
  assertEquals(await connection.write(segment), segment.length);
  const [type, event] = JSON.parse(await reader.textFrame());
  assertEquals([type, event.kind, event.tags[1]], ["AUTH", 22242, ["challenge", "at once"]]);
});

Deno.test("fetchRelayInfo() reads a bounded document, and none where there is none", async () => {
  const answers = [
    Response.json({ name: "here" }),
    new Response("no", { status: 404 }),
    new Response("<html>"),
    new Response(`{"name":"${"x".repeat(100_000)}"}`),
  ];
  const asked: (string | null)[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (req) => {
    asked.push(req.headers.get("accept"));
    return answers.shift() ?? new Response(null, { status: 500 });
  });
  const url = `ws://127.0.0.1:${server.addr.port}`;
  const { signal } = new AbortController();
  assertEquals(await fetchRelayInfo(url, signal), { name: "here" });
  for (let i = 0; i < 3; i++) assertEquals(await fetchRelayInfo(url, signal), undefined);
  assertEquals(asked[0], "application/nostr+json");
});

/** `Sec-WebSocket-Accept` for a key (RFC 6455). */
async function acceptKey(key: string): Promise<string> {
  const text = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", text));
  return btoa(String.fromCharCode(...digest));
}

/** Reads HTTP heads and masked text frames from a client. */
class ByteReader {
  readonly #connection: Deno.TcpConn;
  #bytes: number[] = [];

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  async until(mark: string): Promise<string> {
    let text = "";
    while (!text.endsWith(mark)) text += String.fromCharCode((await this.take(1))[0] ?? 0);
    return text;
  }

  async take(count: number): Promise<number[]> {
    const buffer = new Uint8Array(4_096);
    while (this.#bytes.length < count) {
      const read = await this.#connection.read(buffer);
      if (read === null) throw new Error("the client hung up");
      this.#bytes.push(...buffer.subarray(0, read));
    }
    return this.#bytes.splice(0, count);
  }

  /** A client's text frame of less than 65,536 bytes (RFC 6455). */
  async textFrame(): Promise<string> {
    const [opcode, second = 0] = await this.take(2);
    assertEquals(opcode, 0x81);
    let length = second & 0x7f;
    if (length === 126) {
      const [high = 0, low = 0] = await this.take(2);
      length = high * 256 + low;
    }
    const mask = await this.take(4);
    const masked = await this.take(length);
    const bytes = masked.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    return new TextDecoder().decode(new Uint8Array(bytes));
  }
}
