import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { InputError, RelayError } from "../../../errors.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { collect, poolOn, reasonOf, until } from "./_harness.ts";

Deno.test("F14: when no relay can be reached, ready() says why for each within the connect timeout", async () => {
  await using refusing = new MemoryRelay({ url: "wss://refusing.test" });
  await using hole = new MemoryRelay({ url: "wss://hole.test" });
  refusing.faults.set({ refuseConnections: true });
  hole.faults.set({ neverOpen: true });
  await using pool = poolOn([refusing, hole], { connectTimeoutMs: 40 });
  const startedAt = performance.now();
  const error = await assertRejects(() => pool.ready(), RelayError);
  assert(performance.now() - startedAt < 1_000, "it took far longer than the timeout");
  assertEquals(error.code, "RELAY_UNREACHABLE");
  assertStringIncludes(reasonOf(error, refusing), "connection refused");
  assert(
    ["no connection within 40 ms", "the connection is not open yet"].includes(
      reasonOf(error, hole),
    ),
  );
});

Deno.test("F14: ready() gives up early when every relay has failed several times", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseConnections: true });
  await using pool = poolOn([relay], { connectTimeoutMs: 60_000 });
  const error = await assertRejects(() => pool.ready(), RelayError);
  assertEquals(error.code, "RELAY_UNREACHABLE");
  assertEquals(relay.connectionCount, 3);
});

Deno.test("F14: a WebSocket that can't even be made is a reason too", async () => {
  await using pool = poolOn([], {});
  assertEquals(pool.urls, []);
  await using broken = new RelayPool(["wss://broken.test"], {
    webSocket: () => {
      throw new SyntaxError("no such scheme");
    },
    fetchRelayInfo: () => Promise.resolve(undefined),
    backoff: { initialMs: 1, maxMs: 1 },
  });
  const error = await assertRejects(() => broken.ready(), RelayError);
  assertEquals(
    reasonOf(error, { url: "wss://broken.test" }),
    "can't open a WebSocket: no such scheme",
  );
});

Deno.test("F14: when every relay refuses the subscription, ready() says so", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseSubscriptions: { reason: "restricted: members only" } });
  await using pool = poolOn([relay], { connectTimeoutMs: 60_000 });
  pool.subscribe({ kinds: [25910] }, collect());
  const error = await assertRejects(() => pool.ready(), RelayError);
  assertEquals(error.code, "SUBSCRIPTION_REFUSED");
  assertEquals(reasonOf(error, relay), "CLOSED restricted: members only");
});

Deno.test("F14: a relay that answers nothing at all is unreachable, and has not refused", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ withholdEose: true });
  await using pool = poolOn([relay], { connectTimeoutMs: 50 });
  pool.subscribe({ kinds: [25910] }, collect());
  const error = await assertRejects(() => pool.ready(), RelayError);
  assertEquals(error.code, "RELAY_UNREACHABLE");
  assertEquals(reasonOf(error, relay), "the relay has not answered the subscription");
});

Deno.test("ready() is done with the first relay; a black hole costs nothing", async () => {
  await using good = new MemoryRelay({ url: "wss://good.test" });
  await using hole = new MemoryRelay({ url: "wss://hole.test" });
  hole.faults.set({ neverOpen: true });
  await using pool = poolOn([hole, good], { connectTimeoutMs: 60_000 });
  await pool.ready();
  await pool.ready();
  assertEquals([hole.connectionCount, good.connectionCount], [1, 1]);
});

Deno.test("ready() ends with its signal and with close()", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ neverOpen: true });
  await using pool = poolOn([relay], { connectTimeoutMs: 60_000 });
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => pool.ready({ signal }), Error, "enough");
  const stop = new AbortController();
  const waiting = assertRejects(() => pool.ready({ signal: stop.signal }), Error, "enough");
  stop.abort(new Error("enough"));
  await waiting;
  const closed = assertRejects(() => pool.ready(), RelayError);
  await pool.close();
  assertEquals((await closed).code, "CLOSED");
});

Deno.test("RelayPool normalizes its relays, names each once, and connects at first use", async () => {
  await using relay = new MemoryRelay();
  await using pool = new RelayPool(["WSS://Relay.test/", relay.url], {
    webSocket: relay.webSocket,
    fetchRelayInfo: () => Promise.resolve({ limitation: { max_message_length: 50_000 } }),
  });
  assertEquals(pool.urls, [relay.url]);
  assertEquals([relay.connectionCount, pool.limits()], [0, { maxMessageBytes: 65_536 }]);
  await pool.ready();
  await until("the document is there", () => pool.limits().maxMessageBytes === 50_000);
  let error: unknown;
  try {
    new RelayPool(["https://relay.test"]);
  } catch (thrown) {
    error = thrown;
  }
  assert(error instanceof InputError);
  assertEquals(error.code, "RELAY_URL_INVALID");
});

Deno.test("F40: a relay counts for more than 64 KiB when it states both the frame and the content that it takes", async () => {
  const cases = [
    [{ max_message_length: 131_072 }, 65_536], // as stock strfry, which takes events of 64 KiB
    [{ max_message_length: 500_000, max_content_length: 400_000 }, 400_000],
    [{ max_message_length: 40_000 }, 40_000],
    [{ max_content_length: 40_000 }, 40_000],
  ] as const;
  for (const [limitation, expected] of cases) {
    await using relay = new MemoryRelay();
    await using pool = poolOn([relay], { fetchRelayInfo: () => Promise.resolve({ limitation }) });
    await pool.ready();
    await until("the document counts", () => pool.limits().maxMessageBytes === expected);
  }
});

Deno.test("a NIP-11 document that never comes holds up neither ready() nor close()", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay], {
    fetchRelayInfo: (_url, signal) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
  });
  await pool.ready();
  assertEquals(pool.limits(), { maxMessageBytes: 65_536 });
});

Deno.test("close() takes at most a second when a relay does not answer the closing handshake", async () => {
  await using relay = new MemoryRelay();
  const pool = poolOn([relay]);
  await pool.ready();
  relay.faults.set({ halfOpen: true });
  const startedAt = performance.now();
  await pool.close();
  assert(performance.now() - startedAt < 1_900, "close() took longer than its bound");
});
