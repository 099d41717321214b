import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { formatNprofile, PrivateKeySigner } from "../../crypto/mod.ts";
import { InputError, RelayError, SessionError } from "../../errors.ts";
import { NostrClientTransport } from "../../transport/client.ts";
import type { Filter } from "../../transport/relay/filter.ts";
import type { QueryOptions } from "../../transport/relay/options.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { serve } from "../../transport/server.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import type { JsonRpcMessage } from "../../transport/types.ts";
import {
  connect,
  fixtureServer,
  makeClient,
  network,
  poolOptions,
  RawPeer,
  textOf,
  until,
} from "./_harness.ts";

type Mode = "optional" | "required" | "disabled";
type Wrap = "optional" | "ephemeral" | "persistent";
const MODES: readonly Mode[] = ["optional", "required", "disabled"];
const WRAPS: readonly Wrap[] = ["optional", "ephemeral", "persistent"];

/** Whether the two can talk at all: both in plain text, or in a wrap that both take. */
function canTalk(client: [Mode, Wrap], server: [Mode, Wrap]): boolean {
  const plain = client[0] === "disabled";
  if (plain || server[0] === "disabled") {
    return plain && server[0] !== "required";
  }
  return client[1] === "optional" || server[1] === "optional" || client[1] === server[1];
}

Deno.test("F27: every pair of modes that can talk does, and the others say why (CEP19-2, CEP19-3, CEP4-5)", async () => {
  await using relay = new MemoryRelay();
  for (const encryption of MODES) {
    for (const giftWrap of WRAPS) {
      await using server = await serve(() => fixtureServer(), {
        signer: PrivateKeySigner.generate(),
        encryption,
        giftWrap,
        ...network(relay),
      });
      await Promise.all(MODES.flatMap((mode) =>
        WRAPS.map(async (wrap) => {
          const pair = `client ${mode}/${wrap}, server ${encryption}/${giftWrap}`;
          const talks = canTalk([mode, wrap], [encryption, giftWrap]);
          const opened = connect(relay, server.publicKey, {
            encryption: mode,
            giftWrap: wrap,
            // Who can talk may take its time on a slow machine.
            handshakeTimeoutMs: talks ? 15_000 : 600,
          });
          if (talks) {
            await using session = await opened;
            assertEquals((await session.client.listTools()).tools.length, 5, pair);
          } else {
            const error = await assertRejects(() => opened, Error, "did not answer initialize");
            assertStringIncludes(error.message, "Possible reasons: ", pair);
            assertStringIncludes(error.message, "it may", pair);
          }
        })
      ));
    }
  }
});

// CEP6-10: the tags of the announcement tell it what those of a first message would have.
Deno.test("F27: an announcement lets a default client reach a server without encryption, and a strict one fail at once", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    encryption: "disabled",
    announce: true,
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  assertEquals(session.transport.wrap, "plain");
  const error = await assertRejects(
    () => connect(relay, server.publicKey, { encryption: "required" }),
    SessionError,
    "announces no support for encryption",
  );
  assertEquals(error.code, "ENCRYPTION_MISMATCH");
});

Deno.test("F27: an announcement that comes after the first message sends it once more as it should be, or fails it at once", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    encryption: "disabled",
    announce: true,
    ...network(relay),
  });
  for (const encryption of ["optional", "required"] as const) {
    relay.faults.set({ holdEose: [11316] });
    const before = relay.events.length;
    const connecting = connect(relay, server.publicKey, { encryption, handshakeTimeoutMs: 60_000 });
    connecting.catch(() => {});
    await until("the first message leaves", () => relay.events.length > before);
    relay.faults.release();
    relay.faults.clear();
    if (encryption === "optional") {
      await using session = await connecting;
      assertEquals(session.transport.wrap, "plain");
    } else {
      await assertRejects(() => connecting, Error, "announces no support for encryption");
    }
  }
});

Deno.test("F04: an old announcement that comes late does not bring the encryption of a session down", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  await using server = await serve(() => fixtureServer(), { signer, ...network(relay) });
  const old = { kind: 11316, created_at: Math.floor(Date.now() / 1000), tags: [], content: "{}" };
  await server.pool.publish(await signer.signEvent(old));
  relay.faults.set({ holdEose: [11316] });
  await using session = await connect(relay, server.publicKey);
  relay.faults.release();
  await until("the announcement is there", () => session.transport.announcement !== undefined);
  assertEquals(session.transport.wrap, 21059);
});

Deno.test("F04: an old announcement on the relay that is there first does not bring encryption down where another has a new one", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  await using server = await serve(() => fixtureServer(), { signer, ...network(relay) });
  const announcement = (created_at: number, tags: string[][]) =>
    signer.signEvent({ kind: 11316, created_at, tags, content: "{}" });
  const old = await announcement(1_000, []);
  const recent = await announcement(2_000, [["support_encryption"], [
    "support_encryption_ephemeral",
  ]]);
  class LatePool extends RelayPool {
    override async query(filters: readonly Filter[], options: QueryOptions) {
      assertEquals(await super.query(filters, options), []);
      options.onHeard?.([old]);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return [recent, old];
    }
  }
  await using relays = new LatePool([relay.url], poolOptions(relay));
  for (const encryption of ["optional", "required"] as const) {
    const before = relay.events.length;
    await using session = await connect(relay, server.publicKey, { relays, encryption });
    assertEquals(session.transport.wrap, 21059);
    assertEquals(relay.events.slice(before).filter(({ kind }) => kind === 25910), []);
  }
});

Deno.test("F27: a persistent-only server that is not announced gets the other wrap soon", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    giftWrap: "persistent",
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  assertEquals(session.transport.wrap, 1059);
});

Deno.test("F36: calls leave no stored event where the server takes ephemeral wraps", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  for (const stateless of [true, false]) {
    await using session = await connect(relay, server.publicKey, { stateless });
    await session.client.callTool({ name: "echo", arguments: { message: "x" } });
  }
  assertEquals(relay.events.filter(({ kind }) => kind < 20_000 || kind >= 30_000), []);
});

Deno.test("stateless mode calls without a handshake (SPEC-5)", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey, { stateless: true });
  assertEquals(relay.events, []);
  assertEquals((await session.client.listTools()).tools.length, 5);
  assertEquals(relay.events.length, 2);
});

Deno.test("stateless mode takes the handshake's result from the announcement", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    announce: true,
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey, { stateless: true });
  assertEquals(session.client.getServerVersion()?.name, "fixture");
});

/** The tags of a message but `p` and the salt that tells programs with one key apart. */
function unsalted(tags: readonly (readonly string[])[]) {
  return tags.filter(([name]) => name !== "p" && name !== "salt");
}

Deno.test("CEP35-1, CEP4-4, CEP19-1: the client introduces itself with its first request, and again with `initialize`", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  const transport = new NostrClientTransport({
    signer: PrivateKeySigner.generate(),
    server: peer.pubkey,
    encryption: "disabled",
    ...network(relay),
  });
  await transport.start();
  const request = (id: number, method: string): JsonRpcMessage => ({ jsonrpc: "2.0", id, method });
  await transport.send(request(0, "tools/list"));
  await transport.send(request(1, "tools/list"));
  await transport.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  await transport.close();
  const encrypted = new NostrClientTransport({
    signer: PrivateKeySigner.generate(),
    server: peer.pubkey,
    giftWrap: "ephemeral",
    ...network(relay),
  });
  await encrypted.start();
  await encrypted.send(request(0, "tools/list"));
  await encrypted.send(request(1, "initialize"));
  await encrypted.send(request(2, "tools/list"));
  await encrypted.close();
  await until("all messages come", () => peer.received.length === 6);
  const plain = peer.received.filter(({ kind }) => kind === 25910).map(
    ({ tags }) => unsalted(tags),
  );
  const features = [["support_oversized_transfer"], ["support_open_stream"]];
  assertEquals(plain, [features, [], []]);
  const support = [["support_encryption"], ["support_encryption_ephemeral"], ...features];
  const tags = (await peer.opened()).map((event) => unsalted(event.tags));
  assertEquals(tags, [support, support, []]);
});

/** A server written by hand that answers each request with the tags it is told. */
async function scriptedServer(relay: MemoryRelay, tags: (method: string) => string[][]) {
  const peer = await RawPeer.open(relay);
  const requests: { method: string; tags: readonly (readonly string[])[] }[] = [];
  let answered = 0;
  const timer = setInterval(() => {
    for (const event of peer.received.slice(answered)) {
      answered += 1;
      const { id, method } = JSON.parse(event.content);
      requests.push({ method, tags: event.tags });
      if (id === undefined) continue;
      const result = method === "initialize"
        ? {
          protocolVersion: "2025-06-18",
          capabilities: {},
          serverInfo: { name: "s", version: "1" },
        }
        : {};
      peer.message(event.pubkey, { jsonrpc: "2.0", id, result }, {
        tags: [["p", event.pubkey], ["e", event.id], ...tags(method)],
      }).then((answer) => peer.publish(answer));
    }
  }, 2);
  return {
    peer,
    requests,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await peer[Symbol.asyncDispose]();
    },
  };
}

Deno.test("F22: a client that was forgotten does the handshake again by itself", async () => {
  await using relay = new MemoryRelay();
  let forgotten = false;
  await using scripted = await scriptedServer(relay, (method) => {
    if (method === "initialize") return [["support_encryption"]];
    const introduction = forgotten ? [["support_encryption"]] : [];
    forgotten = false;
    return introduction;
  });
  await using session = await connect(relay, scripted.peer.pubkey, { encryption: "disabled" });
  await session.client.ping();
  forgotten = true;
  await session.client.ping();
  await until(
    "the handshake is repeated",
    () =>
      scripted.requests.filter(({ method }) => method === "notifications/initialized").length === 2,
  );
  assertEquals(scripted.requests.map(({ method }) => method), [
    "initialize",
    "notifications/initialized",
    "ping",
    "ping",
    "initialize",
    "notifications/initialized",
  ]);
  await session.client.ping();
});

Deno.test("F22: a server that has evicted an idle session learns its client's abilities again", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    limits: { maxSessions: 1 },
    ...network(relay),
  });
  await using asked = await connect(relay, server.publicKey, {}, makeClient("still here"));
  await using other = await connect(relay, server.publicKey);
  await other.client.ping();
  await asked.client.ping();
  const deadline = Date.now() + 3_000;
  let result = await asked.client.callTool({ name: "ask" });
  while (result.isError && Date.now() < deadline) {
    result = await asked.client.callTool({ name: "ask" });
  }
  assertEquals(textOf(result), "still here");
});

// CEP6-12 asks for the same.
Deno.test("CEP35-3, CEP35-4: the server's first tags stay, unknown ones too", async () => {
  await using relay = new MemoryRelay();
  await using scripted = await scriptedServer(
    relay,
    (method) =>
      method === "initialize" ? [["name", "first"], ["x", "1", "2"]] : [["name", "later"]],
  );
  await using session = await connect(relay, scripted.peer.pubkey, { encryption: "disabled" });
  await session.client.ping();
  assertEquals(session.transport.serverTags, [["name", "first"], ["x", "1", "2"]]);
  assertEquals(session.transport.serverInfo.name, "first");
});

Deno.test("F18: an answer that comes before the relay's OK is not lost", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  relay.faults.set({ withholdOk: true });
  await using session = await connect(relay, server.publicKey, { stateless: true });
  assertEquals((await session.client.listTools()).tools.length, 5);
});

Deno.test("F01: a client hears only its server, and only answers to what it asked", async () => {
  await using relay = new MemoryRelay();
  await using server = await RawPeer.open(relay);
  await using stranger = await RawPeer.open(relay);
  const heard: JsonRpcMessage[] = [];
  const signer = PrivateKeySigner.generate();
  const transport = new NostrClientTransport({
    signer,
    server: server.pubkey,
    encryption: "disabled",
    ...network(relay),
  });
  transport.onmessage = (message: JsonRpcMessage) => heard.push(message);
  await transport.start();
  await transport.send({ jsonrpc: "2.0", id: 5, method: "ping" });
  await until("the request comes", () => server.received.length === 1);
  const request = server.received[0]!;
  const answer = (result: unknown) => ({ jsonrpc: "2.0", id: "other id", result });
  const to = signer.pubkey;
  const tags = [["p", to], ["e", request.id]];
  stranger.publish(await stranger.message(to, answer({ from: "stranger" }), { tags }));
  server.publish(await server.message(to, answer({ of: "no request" })));
  server.publish(
    await server.message(to, answer({}), { tags: [["p", to], ["e", stranger.pubkey]] }),
  );
  server.publish(await server.message(to, answer({ from: "server" }), { tags }));
  server.publish(await server.message(to, answer({ from: "server, again" }), { tags }));
  server.publish(await server.message(to, { jsonrpc: "2.0", method: "notifications/x" }));
  await until("the notification comes", () => heard.length >= 2);
  assertEquals(heard, [
    { jsonrpc: "2.0", id: 5, result: { from: "server" } },
    { jsonrpc: "2.0", method: "notifications/x" },
  ]);
  await transport.close();
});

Deno.test("F04: a client that spoke encrypted takes no answer in plain text", async () => {
  await using relay = new MemoryRelay();
  await using server = await RawPeer.open(relay);
  const heard: JsonRpcMessage[] = [];
  const signer = PrivateKeySigner.generate();
  const transport = new NostrClientTransport({ signer, server: server.pubkey, ...network(relay) });
  transport.onmessage = (message: JsonRpcMessage) => heard.push(message);
  await transport.start();
  await transport.send({ jsonrpc: "2.0", id: 5, method: "ping" });
  await until("the request comes", () => server.received.length === 1);
  const [request] = await server.opened();
  const reply = (text: string) =>
    server.message(signer.pubkey, { jsonrpc: "2.0", id: 5, result: { text } }, {
      tags: [["p", signer.pubkey], ["e", request!.id]],
    });
  server.publish(await reply("plain"));
  server.publish(server.wrap(await reply("wrapped"), signer.pubkey));
  await until("an answer comes", () => heard.length > 0);
  assertEquals(heard, [{ jsonrpc: "2.0", id: 5, result: { text: "wrapped" } }]);
  await transport.close();
});

Deno.test("CEP17-3, F16: without relays, those of the newest relay list are used", async () => {
  await using directory = new MemoryRelay({ url: "wss://directory.test" });
  await using home = new MemoryRelay({ url: "wss://home.test" });
  const signer = PrivateKeySigner.generate();
  const pool = {
    ...poolOptions(home),
    webSocket: (url: string) => (url.includes("home") ? home : directory).webSocket(url),
  };
  await using server = await serve(() => fixtureServer(), { signer, relays: [home.url], pool });
  await using author = await RawPeer.open(directory, signer);
  for (const [url, created_at] of [["wss://old.test", 1_000], [home.url, 2_000]] as const) {
    author.publish(
      await signer.signEvent({ kind: 10002, created_at, tags: [["r", url]], content: "" }),
    );
  }
  await until("the lists are there", () => directory.events.length === 2);
  const options = { signer: PrivateKeySigner.generate(), server: server.publicKey, pool };
  const transport = new NostrClientTransport({ ...options, discoveryRelays: [directory.url] });
  const client = makeClient();
  await client.connect(transport);
  assertEquals(transport.pool.urls, [home.url]);
  await client.close();
  // F34: the hints of an nprofile come before any lookup.
  const hinted = new NostrClientTransport({
    ...options,
    server: formatNprofile(server.publicKey, [home.url]),
  });
  const again = makeClient();
  await again.connect(hinted);
  assertEquals(hinted.pool.urls, [home.url]);
  await again.close();
});

Deno.test("F14: when no relay can be reached, start() says so in time, with the reason of each", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseConnections: true });
  const started = Date.now();
  const error = await assertRejects(
    () => connect(relay, PrivateKeySigner.generate().pubkey),
    RelayError,
    "wss://relay.test",
  );
  assertEquals(error.code, "RELAY_UNREACHABLE");
  assert(Date.now() - started < 2_000);
});

Deno.test("NostrClientTransport refuses what is no server", () => {
  for (const server of ["", "npub1", "not a key", "nsec1qqq"]) {
    try {
      new NostrClientTransport({ signer: PrivateKeySigner.generate(), server });
      throw new Error(`${server} was taken`);
    } catch (error) {
      assert(error instanceof InputError, String(error));
      assertEquals(error.code, "SERVER_INVALID");
    }
  }
});
