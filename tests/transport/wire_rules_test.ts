/**
 * Rules of the specification that show on the wire only: each side against a
 * peer that writes its events by hand.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { type NostrEvent, PrivateKeySigner, unwrapEvent } from "../../crypto/mod.ts";
import { SessionError } from "../../errors.ts";
import { NostrClientTransport, type NostrClientTransportOptions } from "../../transport/client.ts";
import { listen, type ListenOptions, serve, type Session } from "../../transport/server.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import type { JsonRpcMessage } from "../../transport/types.ts";
import { fixtureServer, network, RawPeer, until } from "./_harness.ts";

const SUPPORT = [["support_encryption"], ["support_encryption_ephemeral"]];
const FEATURES = [["support_oversized_transfer"], ["support_open_stream"]];
const request = (id: number, method = "tools/list") => ({ jsonrpc: "2.0" as const, id, method });

/** The tags that say something of their sender. */
function discovery({ tags }: NostrEvent): readonly (readonly string[])[] {
  const others = ["p", "e", "salt", "server_process"];
  return tags.filter(([name = ""]) => !others.includes(name));
}

/** A client of ours that keeps what it hears. */
async function openClient(
  relay: MemoryRelay,
  server: string,
  options: Partial<NostrClientTransportOptions> = {},
) {
  const signer = PrivateKeySigner.generate();
  const heard: JsonRpcMessage[] = [];
  const transport = new NostrClientTransport({ signer, server, ...network(relay), ...options });
  transport.onmessage = (message: JsonRpcMessage) => heard.push(message);
  await transport.start();
  return { signer, heard, transport, [Symbol.asyncDispose]: () => transport.close() };
}

function startServer(relay: MemoryRelay, options: Partial<ListenOptions> = {}) {
  const signer = PrivateKeySigner.generate();
  return serve(() => fixtureServer(), { signer, ...network(relay), ...options });
}

Deno.test("SPEC-6: methods and fields that nobody here knows pass unchanged, both ways", async () => {
  await using relay = new MemoryRelay();
  const message = {
    ...request(7, "x/unknown"),
    params: { deep: [{ "": null }, "é\u0000\u2028"], _meta: { "x.example/a": 1 } },
    extra: { kept: true },
  };
  await using peer = await RawPeer.open(relay);
  await using client = await openClient(relay, peer.pubkey, { encryption: "disabled" });
  await client.transport.send(message);
  await until("it comes to the server", () => peer.received.length === 1);
  assertEquals(JSON.parse(peer.received[0]!.content), message);

  const signer = PrivateKeySigner.generate();
  await using listener = await listen({ signer, ...network(relay) });
  const taken: JsonRpcMessage[] = [];
  const serving = (async () => {
    for await (const session of listener) {
      session.onmessage = (message: JsonRpcMessage) => taken.push(message);
      await session.start();
    }
  })();
  peer.publish(await peer.message(signer.pubkey, message));
  await until("it comes to the session", () => taken.length === 1);
  // The id is that of the event, so that no two clients share one (SPEC-3).
  assertEquals({ ...taken[0], id: 7 }, message);
  await listener.close();
  await serving;
});

Deno.test("SPEC-7: an answer that the server did not sign is not taken", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  await using client = await openClient(relay, peer.pubkey, { encryption: "disabled" });
  await client.transport.send(request(1));
  await until("the request comes", () => peer.received.length === 1);
  const tags = [["p", client.signer.pubkey], ["e", peer.received[0]!.id]];
  const answer = (text: string) =>
    peer.message(client.signer.pubkey, { jsonrpc: "2.0", id: 1, result: { text } }, { tags });
  relay.deliver({ ...await answer("forged"), sig: "0".repeat(128) });
  peer.publish(await answer("genuine"));
  await until("an answer is taken", () => client.heard.length > 0);
  assertEquals(client.heard, [{ jsonrpc: "2.0", id: 1, result: { text: "genuine" } }]);
});

Deno.test("SPEC-8: notifications are messages of kind 25910 as MCP writes them, both ways", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  const notification = { jsonrpc: "2.0" as const, method: "notifications/roots/list_changed" };
  await using client = await openClient(relay, peer.pubkey, { encryption: "disabled" });
  await client.transport.send(notification);
  await until("it comes to the server", () => peer.received.length === 1);
  const [received] = peer.received;
  assertEquals([received!.kind, JSON.parse(received!.content)], [25910, notification]);
  assertEquals(received!.tags.filter(([name]) => name !== "salt"), [["p", peer.pubkey]]);

  const mcp = fixtureServer();
  const options = { signer: PrivateKeySigner.generate(), ...network(relay) };
  await using server = await serve(() => mcp, options);
  peer.publish(await peer.message(server.publicKey, request(1)));
  await until("the session is open", () => peer.received.length === 2);
  mcp.sendToolListChanged();
  await until("it comes to the client", () => peer.received.length === 3);
  const sent = peer.received[2]!;
  assertEquals([sent.kind, JSON.parse(sent.content)], [
    25910,
    { jsonrpc: "2.0", method: "notifications/tools/list_changed" },
  ]);
  assertEquals(sent.tags[0], ["p", peer.pubkey]);
});

Deno.test("SPEC-9: an answer that names its request and not its recipient is taken", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  await using client = await openClient(relay, peer.pubkey);
  await client.transport.send(request(1));
  await until("the request comes", () => peer.received.length === 1);
  const [asked] = await peer.opened();
  const { pubkey } = client.signer;
  const answer = await peer.message(pubkey, { jsonrpc: "2.0", id: 1, result: {} }, {
    tags: [["e", asked!.id]],
  });
  peer.publish(peer.wrap(answer, pubkey));
  await until("the answer is taken", () => client.heard.length > 0);
  assertEquals(client.heard, [{ jsonrpc: "2.0", id: 1, result: {} }]);
});

Deno.test("CEP4-6: a server that announces no support for encryption has none", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  const content = JSON.stringify({ protocolVersion: "2025-06-18", capabilities: {} });
  peer.publish(
    await peer.signer.signEvent({
      kind: 11316,
      created_at: Math.floor(Date.now() / 1000),
      tags: [["support_encryption", "no flag has a value"]],
      content,
    }),
  );
  await until("it is announced", () => relay.events.length === 1);
  await using plain = await openClient(relay, peer.pubkey);
  await plain.transport.send(request(1));
  await until("the request comes", () => peer.received.length === 1);
  assertEquals(peer.received[0]!.kind, 25910);
  await using strict = await openClient(relay, peer.pubkey, { encryption: "required" });
  const error = await assertRejects(() => strict.transport.send(request(1)), SessionError);
  assertEquals(error.code, "ENCRYPTION_MISMATCH");
});

Deno.test("CEP19-1, CEP19-4, CEP19-5, CEP4-7, CEP35-2, CEP35-5: a server says what it takes with its first message, initialize or not, and not again", async (t) => {
  const cases = [
    ["optional", SUPPORT],
    ["ephemeral", SUPPORT],
    ["persistent", SUPPORT.slice(0, 1)],
  ] as const;
  for (const [giftWrap, expected] of cases) {
    for (const method of ["initialize", "tools/list"]) {
      await t.step(`${giftWrap}, ${method}`, async () => {
        await using relay = new MemoryRelay();
        await using peer = await RawPeer.open(relay);
        await using server = await startServer(relay, { giftWrap });
        const kind = giftWrap === "ephemeral" ? 21059 : 1059;
        const params = {
          protocolVersion: "2025-06-18",
          capabilities: {},
          clientInfo: { name: "x", version: "1" },
        };
        const first = { ...request(1, method), params };
        for (const [index, message] of [first, request(2)].entries()) {
          const event = await peer.message(server.publicKey, message);
          peer.publish(peer.wrap(event, server.publicKey, kind));
          await until("it is answered", () => peer.received.length === index + 1);
        }
        assertEquals((await peer.opened()).map(discovery), [[...expected, ...FEATURES, [
          "support_transfer_token",
        ]], []]);
      });
    }
  }
});

Deno.test("CEP35-5: a client says what it takes with its first message, and not again", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  await using client = await openClient(relay, peer.pubkey, { giftWrap: "ephemeral" });
  for (const id of [1, 2, 3]) await client.transport.send(request(id));
  await until("all come", () => peer.received.length === 3);
  assertEquals((await peer.opened()).map(discovery), [[...SUPPORT, ...FEATURES], [], []]);
});

Deno.test("CEP19-7: in the default mode both sides take both kinds of gift wrap", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  await using server = await startServer(relay);
  for (const [index, kind] of ([1059, 21059] as const).entries()) {
    const event = await peer.message(server.publicKey, request(index));
    peer.publish(peer.wrap(event, server.publicKey, kind));
    await until("it is answered", () => peer.received.length === index + 1);
  }
  await using client = await openClient(relay, peer.pubkey);
  const { pubkey } = client.signer;
  for (const [index, kind] of ([1059, 21059] as const).entries()) {
    const notification = { jsonrpc: "2.0", method: `notifications/${kind}` };
    peer.publish(peer.wrap(await peer.message(pubkey, notification), pubkey, kind));
    await until("it is taken", () => client.heard.length === index + 1);
  }
});

Deno.test("CEP35-6, CEP19-2, CEP19-3: a server learns from a first message that is not initialize which wraps its client takes", async (t) => {
  const cases: [string, string[][], number][] = [
    ["takes ephemeral wraps", SUPPORT, 21059],
    ["takes wraps", SUPPORT.slice(0, 1), 1059],
    ["says nothing", [], 1059],
    ["says it wrongly", SUPPORT.map(([flag]) => [flag!, ""]), 1059],
  ];
  for (const [name, tags, expected] of cases) {
    await t.step(name, async () => {
      await using relay = new MemoryRelay();
      await using peer = await RawPeer.open(relay);
      await using server = await startServer(relay);
      const event = await peer.message(server.publicKey, request(1), {
        tags: [["p", server.publicKey], ...tags],
      });
      peer.publish(peer.wrap(event, server.publicKey, 1059));
      await until("it is answered", () => peer.received.length === 1);
      assertEquals(peer.received[0]!.kind, expected);
    });
  }
});

Deno.test("CEP35-4, CEP35-6, CEP35-8, CEP35-9: both sides keep what the first message said, known and unknown, without p and e", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  const tags = [["support_encryption"], ["x", "1", "2"], ["name", "Hand-made"]];
  const signer = PrivateKeySigner.generate();
  await using listener = await listen({ signer, ...network(relay) });
  const opened = Promise.withResolvers<Session>();
  const serving = (async () => {
    for await (const session of listener) opened.resolve(session);
  })();
  const first = { tags: [["p", signer.pubkey], ["e", peer.pubkey], ...tags] };
  peer.publish(await peer.message(signer.pubkey, request(1), first));
  const session = await opened.promise;
  assertEquals([session.clientTags, session.encrypted], [tags, false]);
  await listener.close();
  await serving;

  await using client = await openClient(relay, peer.pubkey, { encryption: "disabled" });
  const { pubkey } = client.signer;
  const notification = { jsonrpc: "2.0", method: "notifications/x" };
  peer.publish(await peer.message(pubkey, notification, { tags: [["p", pubkey], ...tags] }));
  await until("it is taken", () => client.heard.length === 1);
  assertEquals(client.transport.serverTags, tags);
  assertEquals(client.transport.serverInfo.name, "Hand-made"); // CEP35-7
});

Deno.test("CEP35-10: who is refused learns nothing of the server", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  await using server = await startServer(relay, {
    info: { name: "Private", about: "for friends" },
    access: { allow: [PrivateKeySigner.generate().pubkey], answerRefused: true },
  });
  const event = await peer.message(server.publicKey, request(1, "initialize"));
  peer.publish(peer.wrap(event, server.publicKey));
  await until("it is refused", () => peer.received.length === 1);
  const refusal = await unwrapEvent(peer.received[0]!, peer.signer);
  assertEquals(refusal.tags, [["p", peer.pubkey], ["e", event.id]]);
});

Deno.test("F19: equal messages of one second all arrive, as different events, both ways", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  const time = Date.now();
  const now = () => time;
  await using client = await openClient(relay, peer.pubkey, { encryption: "disabled", now });
  const notification = { jsonrpc: "2.0" as const, method: "notifications/roots/list_changed" };
  for (let copy = 0; copy < 3; copy++) await client.transport.send(notification);
  await until("all come to the server", () => peer.received.length === 3);
  assertEquals(new Set(peer.received.map(({ content }) => content)).size, 1);
  assertEquals(new Set(peer.received.map(({ id }) => id)).size, 3);

  const sessions: Session[] = [];
  const signer = PrivateKeySigner.generate();
  await using server = await serve((session) => {
    sessions.push(session);
    return fixtureServer();
  }, { signer, now, ...network(relay) });
  await using one = await openClient(relay, server.publicKey, { now });
  await one.transport.send(request(1));
  await until("there is a session", () => one.heard.length === 1);
  for (let copy = 0; copy < 3; copy++) await sessions[0]!.send(notification);
  await until("all come to the client", () => one.heard.length === 4);
});

Deno.test("F11: an answer that a client has missed reaches it when its relay is back, though the server's clock is slow", async () => {
  await using relay = new MemoryRelay();
  await using peer = await RawPeer.open(relay);
  await using client = await openClient(relay, peer.pubkey, { giftWrap: "persistent" });
  await client.transport.send(request(1));
  await until("the request comes", () => peer.received.length === 1);
  const [asked] = await peer.opened();
  const { pubkey } = client.signer;
  const answer = await peer.message(pubkey, { jsonrpc: "2.0", id: 1, result: {} }, {
    created_at: Math.floor(Date.now() / 1000) - 60,
    tags: [["p", pubkey], ["e", asked!.id]],
  });
  const wrap = peer.wrap(answer, pubkey, 1059);
  relay.faults.set({ onDelivery: ({ event }) => event.id === wrap.id ? "drop" : "pass" });
  peer.publish(wrap);
  await relay.until(() => relay.events.some(({ id }) => id === wrap.id));
  relay.faults.clear();
  relay.faults.closeConnections();
  await until("the answer is taken", () => client.heard.length > 0);
});
