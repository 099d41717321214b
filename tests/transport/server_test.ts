import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { SessionError } from "../../errors.ts";
import { NostrServerTransport, serve } from "../../transport/server.ts";
import type { Session } from "../../transport/session/session.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import { tagValue } from "../../transport/wire/tags.ts";
import {
  connect,
  fixtureServer,
  type Log,
  makeClient,
  network,
  RawPeer,
  textOf,
  until,
} from "./_harness.ts";

const echo = (id: number, message: string) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: "echo", arguments: { message } },
});
const emptyLog = (): Log => ({ echoed: [], started: 0, cancelled: 0 });

Deno.test("serve() answers a whole MCP session, encrypted by default (SPEC-1, SPEC-2, SPEC-4, SPEC-10, CEP4-1)", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  const { client } = session;
  assertEquals(client.getServerVersion()?.name, "fixture");
  assertEquals((await client.listTools()).tools.length, 5);
  assertEquals(textOf(await client.callTool({ name: "echo", arguments: { message: "hé" } })), "hé");
  const failed = await client.callTool({ name: "fail" });
  assertEquals([failed.isError, textOf(failed)], [true, "this tool always fails"]);
  const read = await client.readResource({ uri: "test://doc" });
  assertEquals(read.contents, [{ uri: "test://doc", text: "a document" }]);
  // CEP4-2, CEP19-2: only ephemeral wraps were used, each with its recipient in the only tag.
  for (const event of relay.events) {
    assertEquals([event.kind, event.tags.length, event.tags[0]?.[0]], [21059, 1, "p"]);
  }
});

Deno.test("F04: who spoke encrypted is answered encrypted, also when the same key speaks plain meanwhile (SPEC-3, CEP4-3)", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  const secret = await peer.message(server.publicKey, echo(1, "secret"));
  const open = await peer.message(server.publicKey, echo(1, "open"));
  peer.publish(peer.wrap(secret, server.publicKey));
  peer.publish(open);
  await until("both are answered", () => peer.received.length === 2);
  const plain = peer.received.filter(({ kind }) => kind === 25910);
  assertEquals(plain.length, 1);
  assertEquals(plain[0]?.tags.slice(0, 2), [["p", peer.pubkey], ["e", open.id]]);
  assert(!plain[0]?.content.includes("secret"));
  const [answer] = await peer.opened();
  assertEquals(answer?.tags.slice(0, 2), [["p", peer.pubkey], ["e", secret.id]]);
  assertEquals(JSON.parse(answer!.content).id, 1);
});

Deno.test("F04: a server that requires encryption neither hears nor speaks plain text (CEP4-5)", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    encryption: "required",
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  peer.publish(await peer.message(server.publicKey, echo(1, "plain")));
  relay.deliver(await peer.message(server.publicKey, echo(2, "plain, pushed")));
  peer.publish(
    peer.wrap(await peer.message(server.publicKey, echo(3, "secret")), server.publicKey),
  );
  await until("the encrypted one is answered", () => peer.received.length === 1);
  assertEquals(log.echoed, ["secret"]);
  assertEquals(relay.events.filter((event) => event.pubkey === server.publicKey), []);
});

Deno.test("F05: two clients with the same ids and tokens see their own progress only (W7: token 0 too)", async () => {
  await using relay = new MemoryRelay();
  for (const shared of [false, true]) {
    const options = { signer: PrivateKeySigner.generate(), ...network(relay) };
    const mcp = fixtureServer();
    const transport = new NostrServerTransport(options);
    const server = shared ? undefined : await serve(() => fixtureServer(), options);
    if (shared) await mcp.connect(transport);
    const publicKey = options.signer.pubkey;
    const count = async (to: number) => {
      await using session = await connect(relay, publicKey);
      const seen: unknown[] = [];
      const result = await session.client.callTool(
        { name: "count", arguments: { to } },
        undefined,
        { onprogress: ({ total }) => seen.push(total) },
      );
      return { text: textOf(result), seen };
    };
    const counts = await Promise.all([count(3), count(4), count(5)]);
    assertEquals<unknown>(
      counts,
      [3, 4, 5].map((to) => ({
        text: String(to),
        seen: Array.from({ length: to }, () => to),
      })),
    );
    await server?.close();
    await mcp.close();
  }
});

Deno.test("F05: progress under token 0 carries the client's own token and request", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  const request = await peer.message(server.publicKey, {
    jsonrpc: "2.0",
    id: 9,
    method: "tools/call",
    params: { name: "count", arguments: { to: 1 }, _meta: { progressToken: 0 } },
  });
  peer.publish(request);
  await until("progress and the answer come", () => peer.received.length === 2);
  const [progress, answer] = peer.received;
  assertEquals(JSON.parse(progress!.content).params, { progressToken: 0, progress: 1, total: 1 });
  assertEquals(progress!.tags.slice(0, 2), [["p", peer.pubkey], ["e", request.id]]);
  assertEquals(JSON.parse(answer!.content).id, 9);
});

// CEP6-11 asks for the same.
Deno.test("CEP35-2: the server introduces itself with its first message and no other", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    info: { name: "N", about: "A" },
    extraTags: [["custom", "1"]],
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  for (const id of [1, 2]) {
    peer.publish(await peer.message(server.publicKey, echo(id, "x")));
    await until("an answer comes", () => peer.received.length === id);
  }
  const process = tagValue(peer.received[0]!.tags, "server_process");
  assert(process);
  assertEquals(peer.received[0]!.tags.slice(2), [
    ["name", "N"],
    ["about", "A"],
    ["support_encryption"],
    ["support_encryption_ephemeral"],
    ["custom", "1"],
    ["support_oversized_transfer"],
    ["support_open_stream"],
    ["support_transfer_token"],
    ["server_process", process],
  ]);
  assertEquals(peer.received[1]!.tags.length, 2);
});

Deno.test("F20: cancellation reaches the tool that runs", async () => {
  const log = emptyLog();
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(log), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  const abort = new AbortController();
  const call = session.client.callTool({ name: "slow" }, undefined, { signal: abort.signal });
  const outcome = call.then(() => "answered", () => "aborted");
  await until("the tool runs", () => log.started === 1);
  abort.abort();
  assertEquals(await outcome, "aborted");
  await until("the tool is cancelled", () => log.cancelled === 1);
});

Deno.test("F21: a server can ask its client", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey, {}, makeClient("fine, thanks"));
  assertEquals(textOf(await session.client.callTool({ name: "ask" })), "fine, thanks");
});

Deno.test("F21: where the client can't be asked, the server learns it at once", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  for (const stateless of [false, true]) {
    await using session = await connect(relay, server.publicKey, { stateless });
    const result = await session.client.callTool({ name: "ask" }, undefined, { timeout: 1_500 });
    assertEquals(result.isError, true);
    assertStringIncludes(textOf(result) ?? "", "sampling");
  }
});

Deno.test("F06: a server that is not announced publishes nothing about itself (CEP17-2)", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    info: { name: "hidden" },
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  await session.client.listTools();
  assertEquals(relay.events.filter(({ pubkey }) => pubkey === server.publicKey), []);
});

Deno.test("F19: a client that initializes again, in the same second, gets a new session, and the old one ends its work", async () => {
  const log = emptyLog();
  const sessions: string[] = [];
  await using relay = new MemoryRelay();
  await using server = await serve((session) => {
    sessions.push(session.sessionId);
    return fixtureServer(log);
  }, { signer: PrivateKeySigner.generate(), ...network(relay) });
  const signer = PrivateKeySigner.generate();
  await using one = await connect(relay, server.publicKey, { signer });
  const abort = new AbortController();
  const slow = one.client.callTool({ name: "slow" }, undefined, { signal: abort.signal })
    .catch(() => "aborted");
  await until("a call of the first client runs", () => log.started === 1);
  await using two = await connect(relay, server.publicKey, { signer });
  assertEquals(
    textOf(await two.client.callTool({ name: "echo", arguments: { message: "2" } })),
    "2",
  );
  assertEquals(new Set(sessions).size, 2);
  abort.abort();
  assertEquals(await slow, "aborted");
  await until("the first client's call is cancelled", () => log.cancelled === 1);
});

Deno.test("NostrServerTransport.close() while it starts leaves nothing that listens", async () => {
  await using relay = new MemoryRelay();
  const transport = new NostrServerTransport({
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  const starting = assertRejects(() => transport.start(), SessionError, "while it was starting");
  await transport.close();
  await starting;
  await until("the relay has no connection left", () => relay.openConnectionCount === 0);
});

Deno.test("F04: what a server says unasked stays encrypted, though the client's key speaks plain meanwhile", async () => {
  await using relay = new MemoryRelay();
  const sessions: Session[] = [];
  await using server = await serve((session) => {
    sessions.push(session);
    return fixtureServer();
  }, { signer: PrivateKeySigner.generate(), ...network(relay) });
  await using peer = await RawPeer.open(relay);
  const secret = await peer.message(server.publicKey, echo(1, "secret"));
  peer.publish(peer.wrap(secret, server.publicKey));
  await until("the encrypted one is answered", () => peer.received.length === 1);
  peer.publish(await peer.message(server.publicKey, echo(2, "open")));
  await until("the plain one is answered", () => peer.received.length === 2);
  const [encrypted] = sessions;
  assertEquals(encrypted?.encrypted, true);
  await encrypted.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  await until("the notification comes", () => peer.received.length === 3);
  assertEquals(peer.received[2]?.kind, 21059);
});

Deno.test("F05: progress of a request that nobody waits for is not sent", async () => {
  await using relay = new MemoryRelay();
  const sessions: Session[] = [];
  await using server = await serve((session) => {
    sessions.push(session);
    return fixtureServer();
  }, { signer: PrivateKeySigner.generate(), ...network(relay) });
  await using peer = await RawPeer.open(relay);
  const asked = await peer.message(server.publicKey, echo(1, "x"));
  peer.publish(asked);
  await until("the answer comes", () => peer.received.length === 1);
  for (const progressToken of [asked.id, 1]) {
    const params = { progressToken, progress: 1 };
    await sessions[0]?.send({ jsonrpc: "2.0", method: "notifications/progress", params });
  }
  peer.publish(await peer.message(server.publicKey, echo(2, "y")));
  await until("the second answer comes", () => peer.received.length === 2);
  assertEquals(JSON.parse(peer.received[1]!.content).id, 2);
});

Deno.test("F37: server and client talk on a relay that gives nobody stored gift wraps", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseSubscriptions: { reason: "restricted: not 1059", kinds: [1059] } });
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  assertEquals((await session.client.listTools()).tools.length, 5);
});

Deno.test("F05: a cancellation reaches only the call of its client, where two use the same id", async () => {
  for (const shared of [false, true]) {
    const log = emptyLog();
    await using relay = new MemoryRelay();
    const options = { signer: PrivateKeySigner.generate(), ...network(relay) };
    const mcp = fixtureServer(log);
    const server = shared ? undefined : await serve(() => fixtureServer(log), options);
    if (shared) await mcp.connect(new NostrServerTransport(options));
    const to = options.signer.pubkey;
    await using one = await RawPeer.open(relay);
    await using two = await RawPeer.open(relay);
    const slow = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "slow" } };
    for (const peer of [one, two]) peer.publish(await peer.message(to, slow));
    await until("both work", () => log.started === 2);
    const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
    one.publish(await one.message(to, cancel));
    await until("one is cancelled", () => log.cancelled === 1);
    one.publish(await one.message(to, { ...cancel, params: { requestId: 1, reason: "again" } }));
    one.publish(await one.message(to, echo(2, "after it")));
    await until("it is heard", () => one.received.length === 1);
    assertEquals(log.cancelled, 1);
    two.publish(await two.message(to, cancel));
    await until("the other is cancelled by its own client", () => log.cancelled === 2);
    await server?.close();
    await mcp.close();
  }
});

Deno.test("F21: what a client has not declared is answered at once, and what every client answers goes out", async () => {
  await using relay = new MemoryRelay();
  const sessions: Session[] = [];
  const answers: unknown[] = [];
  await using server = await serve((session) => {
    sessions.push(session);
    return {
      connect: () => {
        session.onmessage = (message) => "method" in message || answers.push(message);
        return session.start();
      },
      close: () => Promise.resolve(),
    };
  }, { signer: PrivateKeySigner.generate(), ...network(relay) });
  await using peer = await RawPeer.open(relay);
  const params = { capabilities: { roots: {} } };
  const initialize = { jsonrpc: "2.0", id: 1, method: "initialize", params };
  peer.publish(await peer.message(server.publicKey, initialize));
  await until("there is a session", () => sessions.length === 1);
  for (const method of ["sampling/createMessage", "elicitation/create"]) {
    answers.length = 0;
    await sessions[0]!.send({ jsonrpc: "2.0", id: method, method });
    await until("it is answered", () => answers.length === 1);
    const [{ id, error }] = answers as [{ id: string; error: { code: number } }];
    assertEquals([id, error.code], [method, -32601]);
  }
  assertEquals(peer.received, []);
  answers.length = 0;
  for (const [index, method] of ["roots/list", "ping", "x/unknown"].entries()) {
    await sessions[0]!.send({ jsonrpc: "2.0", id: method, method });
    await until("it comes", () => peer.received.length === index + 1);
    const question = JSON.parse(peer.received[index]!.content);
    assertEquals(question.method, method);
    const answer = { jsonrpc: "2.0", id: question.id, result: { of: method } };
    peer.publish(await peer.message(server.publicKey, answer));
    await until("it is answered", () => answers.length === index + 1);
    assertEquals(answers[index], { jsonrpc: "2.0", id: method, result: { of: method } });
  }
});
