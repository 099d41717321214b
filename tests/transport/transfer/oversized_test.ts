import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import * as z from "zod";
import { type NostrEvent, PrivateKeySigner } from "../../../crypto/mod.ts";
import { serve, type ServeOptions } from "../../../transport/server.ts";
import { MemoryRelay, type RelayFaultSettings } from "../../../transport/testing/mod.ts";
import { frameOf } from "../../../transport/wire/frames.ts";
import {
  connect,
  fixtureServer,
  makeClient,
  network,
  RawPeer,
  textOf,
  until,
} from "../_harness.ts";
import { framesOf } from "./_harness.ts";

/** A text that takes much more room on the wire than it has characters. */
const LARGE = 'say "ä😀\n" '.repeat(20_000);

/** The fixture, and a tool that answers with a large text when it is told to. */
function largeServer(seen: { tokens: unknown[] } = { tokens: [] }): McpServer {
  const mcp = fixtureServer();
  mcp.registerTool("repeat", { inputSchema: { text: z.string(), times: z.number() } }, (
    { text, times },
    extra,
  ) => {
    seen.tokens.push(extra._meta?.progressToken);
    return { content: [{ type: "text", text: text.repeat(times) }] };
  });
  return mcp;
}

function serveLarge(relay: MemoryRelay, options: Partial<ServeOptions> = {}) {
  const signer = PrivateKeySigner.generate();
  return serve(() => largeServer(), { signer, ...network(relay), ...options });
}

/** Calls `repeat`; `onprogress` makes the MCP client send a progress token. */
function repeat(
  client: Client,
  text: string,
  times: number,
  options: Parameters<Client["callTool"]>[2] = {},
) {
  return client.callTool({ name: "repeat", arguments: { text, times } }, undefined, options);
}

/** What the events that went over a relay say, as far as they are frames. */
function framesIn(events: readonly NostrEvent[]) {
  return events.filter(({ kind }) => kind === 25910)
    .map(({ content, pubkey, tags }) => ({ frame: frameOf(JSON.parse(content)), pubkey, tags }))
    .filter(({ frame }) => frame !== undefined);
}

/** Everything that was published to a relay. */
function record(relay: MemoryRelay, faults: RelayFaultSettings = {}): NostrEvent[] {
  const events: NostrEvent[] = [];
  relay.faults.set({
    ...faults,
    onDelivery: ({ event }) => {
      events.push(event);
      return "pass";
    },
  });
  return events;
}

for (const encryption of ["required", "disabled"] as const) {
  Deno.test(`CEP22-1, CEP22-4, CEP22-19, F40: large requests and answers pass, encryption ${encryption}`, async () => {
    await using relay = new MemoryRelay();
    const events = record(relay);
    await using server = await serveLarge(relay, { encryption });
    await using session = await connect(relay, server.publicKey, { encryption });
    const progress: number[] = [];
    const onprogress = (report: { progress: number }) => void progress.push(report.progress);
    const result = await repeat(session.client, LARGE, 2, { onprogress });
    assertEquals(textOf(result), LARGE.repeat(2));
    assert(events.length > 10);
    for (const event of events) assert(JSON.stringify(event).length <= 65_536);
    assert(progress.length > 5 && progress.every((one, i) => one > (progress[i - 1] ?? 0)));
  });
}

Deno.test("CEP22-2: a caller that wants no progress reports gets large answers all the same, and the tool hears of no token", async () => {
  await using relay = new MemoryRelay();
  const seen = { tokens: [] };
  await using server = await serve(() => largeServer(seen), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  assertEquals(textOf(await repeat(session.client, LARGE, 1)), LARGE);
  assertEquals(seen.tokens, [undefined]);
});

Deno.test("CEP22-2, CEP22-17: a stateless client that knows nothing of its server waits for the accept", async () => {
  await using relay = new MemoryRelay();
  const events = record(relay);
  await using server = await serveLarge(relay, { encryption: "disabled" });
  await using session = await connect(relay, server.publicKey, {
    encryption: "disabled",
    stateless: true,
  });
  assertEquals(textOf(await repeat(session.client, LARGE, 1)), LARGE);
  const types = framesIn(events).map(({ frame, pubkey }) =>
    `${pubkey === server.publicKey ? "server" : "client"} ${frame?.frameType}`
  );
  assertEquals(types.slice(0, 3), ["client start", "server accept", "client chunk"]);
});

Deno.test("CEP22-7: a server that has lost a client's session waits for the client's accept", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  const events = record(relay);
  const first = await serveLarge(relay, { signer, encryption: "disabled" });
  await using session = await connect(relay, first.publicKey, { encryption: "disabled" });
  await session.client.listTools();
  await first.close();
  await using _second = await serveLarge(relay, { signer, encryption: "disabled" });
  events.length = 0;
  assertEquals(textOf(await repeat(session.client, "x", 100_000)), "x".repeat(100_000));
  const types = framesIn(events).map(({ frame, pubkey }) =>
    `${pubkey === first.publicKey ? "server" : "client"} ${frame?.frameType}`
  );
  assertEquals(types.slice(0, 3), ["server start", "client accept", "server chunk"]);
});

Deno.test("CEP22-3, CEP22-26: no transfer to a client that has not said that it takes them, or that gave no token; the caller is told at once", async () => {
  await using relay = new MemoryRelay();
  const events = record(relay);
  await using server = await serveLarge(relay);
  await using session = await connect(relay, server.publicKey, {
    encryption: "disabled",
    oversizedTransfer: false,
  });
  for (const onprogress of [undefined, () => {}]) {
    await assertRejects(
      () => repeat(session.client, "x", 100_000, { onprogress }),
      Error,
      "The answer could not be delivered",
    );
  }
  assertEquals(framesIn(events), []);
  await using able = await connect(relay, server.publicKey);
  await using peer = await RawPeer.open(relay);
  const call = {
    method: "tools/call",
    params: { name: "repeat", arguments: { text: "x", times: 1e5 } },
  };
  peer.publish(
    await peer.message(server.publicKey, { jsonrpc: "2.0", id: 1, ...call }, {
      tags: [["p", server.publicKey], ["support_oversized_transfer"]],
    }),
  );
  await until("an answer comes", () => peer.received.length === 1);
  assertStringIncludes(JSON.parse(peer.received[0]!.content).error.message, "progress token");
  assertEquals(textOf(await repeat(able.client, "x", 100_000)), "x".repeat(100_000));
});

Deno.test("F23: a request for a server that takes no transfers fails in time and says why", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay, { oversizedTransfer: false });
  await using session = await connect(relay, server.publicKey, { limits: { acceptTimeoutMs: 50 } });
  for (const onprogress of [undefined, () => {}]) {
    await assertRejects(() => repeat(session.client, LARGE, 1, { onprogress }), Error, "fit");
  }
});

Deno.test("F02: a request in parts passes the same access control as one sent whole", async () => {
  await using relay = new MemoryRelay();
  const asked: (string | undefined)[] = [];
  await using server = await serveLarge(relay, {
    access: {
      authorize: ({ method }) => {
        asked.push(method);
        return method !== "tools/call";
      },
      answerRefused: true,
    },
  });
  await using session = await connect(relay, server.publicKey);
  await assertRejects(() => repeat(session.client, LARGE, 1), Error, "Unauthorized");
  assertEquals(asked, ["initialize", "notifications/initialized", undefined, "tools/call"]);
});

Deno.test("F02: what is open to everyone is so in parts, and nothing else", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay, {
    access: { allow: [], exclude: [{ method: "tools/call", name: "repeat" }], answerRefused: true },
  });
  await using session = await connect(relay, server.publicKey);
  assertEquals(textOf(await repeat(session.client, LARGE, 1)), LARGE);
  const echo = { name: "echo", arguments: { message: LARGE } };
  await assertRejects(() => session.client.callTool(echo), Error, "Unauthorized");
});

Deno.test("F05, CEP22-20: two clients with the same token do not touch each other's transfers", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay);
  const sessions = [await connect(relay, server.publicKey), await connect(relay, server.publicKey)];
  const onprogress = () => {};
  const texts = await Promise.all(sessions.map(async ({ client }, index) => {
    // Both MCP clients number their requests, and so their tokens, alike.
    return textOf(await repeat(client, String(index), 200_000, { onprogress }));
  }));
  assertEquals(texts, ["0".repeat(200_000), "1".repeat(200_000)]);
  for (const { client } of sessions) await client.close();
});

Deno.test("F05: two programs with one key and the same tokens do not touch each other's transfers", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay);
  const signer = PrivateKeySigner.generate();
  const limits = { maxFramesInFlight: 1 }; // or else the one answer leaves before the other
  const options = { signer, limits, stateless: true };
  const programs = [
    await connect(relay, server.publicKey, options),
    await connect(relay, server.publicKey, options),
  ];
  const onprogress = () => {};
  const texts = await Promise.all(programs.map(async ({ client }, index) => {
    return textOf(await repeat(client, String(index), 400_000, { onprogress, timeout: 5_000 }));
  }));
  assertEquals(texts, ["0".repeat(400_000), "1".repeat(400_000)]);
  for (const { client } of programs) await client.close();
});

Deno.test("F18: a request whose OK never comes is not given up, nor its answer, once the server is heard", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay, { encryption: "disabled" });
  const { relays, pool } = network(relay);
  const options = { relays, pool: { ...pool, publishTimeoutMs: 1_000 } };
  const encryption = "disabled";
  await using session = await connect(relay, server.publicKey, { ...options, encryption });
  for (const [text, times] of [["x", 200_000], [LARGE, 1]] as const) {
    const deadline = Promise.withResolvers<void>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    relay.faults.set({
      withholdOk: true,
      onDelivery: ({ event }) => {
        const isEnd = frameOf(JSON.parse(event.content))?.frameType === "end";
        if (!isEnd || event.pubkey !== server.publicKey) return "pass";
        timer = setTimeout(deadline.resolve, 1_100); // later than the client's deadline for OKs
        return "hold";
      },
    });
    const call = repeat(session.client, text, times);
    const late = deadline.promise.then(() => relay.faults.release());
    try {
      const [result] = await Promise.all([call, late]);
      assertEquals(textOf(result), text.repeat(times));
    } finally {
      clearTimeout(timer);
    }
  }
});

Deno.test("SPEC-3, CEP22-22: a request in parts needs no session before it, and its answer refers to the last part", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay);
  await using peer = await RawPeer.open(relay);
  const call = {
    jsonrpc: "2.0",
    id: "mine",
    method: "tools/call",
    params: { name: "echo", arguments: { message: "hello" }, _meta: { progressToken: 5 } },
  };
  const ids: string[] = [];
  for (const { frameType, progress, fields } of await framesOf(JSON.stringify(call), 3)) {
    const event = await peer.message(server.publicKey, {
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: {
        progressToken: "5",
        progress,
        cvm: { type: "oversized-transfer", frameType, ...fields },
      },
    });
    ids.push(event.id);
    peer.publish(event);
  }
  await until("the answer comes", () => peer.received.length === 2);
  const [accept, answer] = peer.received;
  assertEquals(JSON.parse(accept!.content).params.cvm.frameType, "accept");
  assertEquals(answer!.tags.find(([name]) => name === "e"), ["e", ids.at(-1)!]);
  assertEquals(JSON.parse(answer!.content).id, "mine");
});

Deno.test("F24: a transfer survives frames out of order and copies of frames", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay);
  await using session = await connect(relay, server.publicKey);
  let delivered = 0;
  relay.faults.set({
    reverseEvery: 3,
    onDelivery: () => ++delivered % 2 === 0 ? "duplicate" : "pass",
  });
  const large = repeat(session.client, LARGE, 1);
  const timer = setInterval(() => relay.faults.release(), 20); // the last, incomplete group
  try {
    assertEquals(textOf(await large), LARGE);
  } finally {
    clearInterval(timer);
  }
});

Deno.test("F23: a lost frame fails the call on both sides, and says so", async () => {
  await using relay = new MemoryRelay();
  const limits = { transferGraceMs: 20 };
  await using server = await serveLarge(relay, { limits });
  await using session = await connect(relay, server.publicKey, { limits });
  const drop = (author: boolean, nth: number) => {
    let seen = 0;
    relay.faults.set({
      onDelivery: ({ event }) => {
        const toServer = event.tags.some(([name, value]) =>
          name === "p" && value === server.publicKey
        );
        return toServer === author && ++seen === nth ? "drop" : "pass";
      },
    });
  };
  for (const [nth, reason] of [[3, "1 chunks are missing"], [1, "first frame"]] as const) {
    drop(false, nth);
    await assertRejects(() => repeat(session.client, "x", 200_000), Error, reason);
    drop(true, nth);
    await assertRejects(() => repeat(session.client, LARGE, 1), Error, reason);
  }
  relay.faults.clear();
  assertEquals(textOf(await repeat(session.client, LARGE, 1)), LARGE);
});

Deno.test("F40, CEP22-25: relays that take less make the parts smaller, and relays that take more are not sent parts", async () => {
  for (const [max, parts] of [[20_000, true], [500_000, false]] as const) {
    await using relay = new MemoryRelay({ limits: { maxFrameBytes: max, maxEventBytes: max } });
    const events = record(relay);
    const { relays, pool } = network(relay);
    const limitation = { max_message_length: max, max_content_length: max };
    const options = {
      relays,
      pool: { ...pool, fetchRelayInfo: () => Promise.resolve({ limitation }) },
      encryption: "disabled" as const,
    };
    await using server = await serveLarge(relay, options);
    await using session = await connect(relay, server.publicKey, options);
    assertEquals(textOf(await repeat(session.client, "y", 100_000)), "y".repeat(100_000));
    assertEquals(framesIn(events).length > 0, parts);
    for (const event of events) assert(JSON.stringify(["EVENT", event]).length <= max);
  }
});

Deno.test("F09: a long progress token, or a relay that takes next to nothing, does not make a flood of tiny parts", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay);
  await using peer = await RawPeer.open(relay);
  const name = { name: "repeat", arguments: { text: "x", times: 100_000 } };
  const params = { ...name, _meta: { progressToken: "t".repeat(60_000) } };
  const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
  const tags = [["p", server.publicKey], ["support_oversized_transfer"]];
  peer.publish(await peer.message(server.publicKey, call, { tags }));
  await until("an answer comes", () => peer.received.length > 0);
  assertStringIncludes(JSON.parse(peer.received[0]!.content).error.message, "a short one");

  const { relays, pool } = network(relay);
  const limitation = { max_message_length: 1_500 };
  const options = {
    relays,
    pool: { ...pool, fetchRelayInfo: () => Promise.resolve({ limitation }) },
    encryption: "disabled" as const,
  };
  await using tiny = await serveLarge(relay, options);
  await using session = await connect(relay, tiny.publicKey, { encryption: "disabled" });
  await assertRejects(() => repeat(session.client, "y", 100_000), Error, "could not be delivered");
});

Deno.test("F40: relays that take more than peers read are not sent more than peers read", async () => {
  const max = 8_000_000;
  await using relay = new MemoryRelay({ limits: { maxFrameBytes: max, maxEventBytes: max } });
  const { relays, pool } = network(relay);
  const limitation = { max_message_length: max, max_content_length: max };
  const options = {
    relays,
    pool: { ...pool, fetchRelayInfo: () => Promise.resolve({ limitation }) },
    encryption: "disabled" as const,
  };
  await using server = await serveLarge(relay, options);
  await using session = await connect(relay, server.publicKey, options);
  const result = await repeat(session.client, "y", 2_000_000, { timeout: 5_000 });
  assertEquals(textOf(result)?.length, 2_000_000);
});

Deno.test("an answer that no relay takes fails in time for who waits for it", async () => {
  await using relay = new MemoryRelay({ limits: { maxEventBytes: 30_000 } });
  await using server = await serveLarge(relay, { encryption: "disabled" });
  await using session = await connect(relay, server.publicKey, { encryption: "disabled" });
  await assertRejects(() => repeat(session.client, "y", 40_000), Error, "could not be delivered");
});

Deno.test("F20: a call is cancelled while its answer, or the call itself, is under way in parts", async () => {
  await using relay = new MemoryRelay();
  const events = record(relay, { latencyMs: 5 });
  const limits = { maxFramesInFlight: 1 };
  await using server = await serveLarge(relay, { encryption: "disabled", limits });
  await using session = await connect(relay, server.publicKey, { encryption: "disabled", limits });
  for (
    const [text, times, cancelAt] of [["x", 2_000_000, "server chunk"], [
      LARGE,
      1,
      "client chunk",
    ]] as const
  ) {
    events.length = 0;
    const stop = new AbortController();
    const call = repeat(session.client, text, times, { signal: stop.signal, onprogress: () => {} });
    const seen = () =>
      framesIn(events).map(({ frame, pubkey }) =>
        `${pubkey === server.publicKey ? "server" : "client"} ${frame?.frameType}`
      );
    await until(`a ${cancelAt} leaves`, () => seen().includes(cancelAt));
    stop.abort("enough");
    await assertRejects(() => call);
    const [side] = cancelAt.split(" ");
    await until("the transfer is aborted", () => seen().includes(`${side} abort`));
    assert(!seen().includes(`${side} end`));
  }
  assertEquals(textOf(await repeat(session.client, "still here", 1)), "still here");
});

Deno.test("CEP22-18: a transfer resets the soft timeout of its caller", async () => {
  await using relay = new MemoryRelay();
  const limits = { maxFramesInFlight: 1 };
  await using server = await serveLarge(relay, { limits });
  await using session = await connect(relay, server.publicKey, { limits });
  relay.faults.set({ latencyMs: 60 });
  const started = performance.now();
  const text = await repeat(session.client, "x", 400_000, {
    timeout: 500,
    resetTimeoutOnProgress: true,
    onprogress: () => {},
  });
  assertEquals(textOf(text)?.length, 400_000);
  assert(performance.now() - started > 500, "or else the timeout did not matter");
});

Deno.test("oversized answers reach a client with roots and sampling, and answer a server's question meanwhile", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay);
  await using session = await connect(relay, server.publicKey, {}, makeClient("and well"));
  const [large, asked] = await Promise.all([
    repeat(session.client, "x", 300_000),
    session.client.callTool({ name: "ask" }),
  ]);
  assertEquals([textOf(large)?.length, textOf(asked)], [300_000, "and well"]);
});

Deno.test("a program that throws at a message in parts hears of it itself, on both sides", async () => {
  await using relay = new MemoryRelay();
  const thrown: string[] = [];
  const options = { signer: PrivateKeySigner.generate(), ...network(relay) };
  await using server = await serve((session) => {
    const mcp = largeServer();
    return {
      connect: async (transport) => {
        await mcp.connect(transport);
        const { onmessage } = session;
        session.onmessage = (message) => {
          if (message.params?.name === "echo") throw new Error("server");
          onmessage?.(message);
        };
        session.onerror = ({ message }) => void thrown.push(message);
      },
      close: () => mcp.close(),
    };
  }, options);
  await using session = await connect(relay, server.publicKey);
  const { transport } = session;
  const { onmessage } = transport;
  let isThrowing = true;
  transport.onmessage = (message) => {
    if (isThrowing) throw new Error("client");
    onmessage?.(message);
  };
  transport.onerror = ({ message }) => void thrown.push(message);
  const params = { name: "repeat", arguments: { text: "x", times: 200_000 } };
  await transport.send({ jsonrpc: "2.0", id: "a", method: "tools/call", params });
  await until("the client has thrown", () => thrown.length === 1);
  const echo = { name: "echo", arguments: { message: LARGE } };
  await transport.send({ jsonrpc: "2.0", id: "b", method: "tools/call", params: echo });
  await until("the server has thrown", () => thrown.length === 2);
  assertEquals(thrown, ["client", "server"]);
  isThrowing = false;
  assertEquals(textOf(await repeat(session.client, "x", 200_000))?.length, 200_000);
});

Deno.test("CEP22-5: a publish that fails for any reason is not tried again in parts", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay, { encryption: "disabled" });
  await using session = await connect(relay, server.publicKey, { encryption: "disabled" });
  const events = record(relay, { refuseEvents: { reason: "blocked: not now" } });
  await assertRejects(() => repeat(session.client, "x", 1), Error, "not now");
  relay.faults.clear();
  assertEquals(framesIn(events), []);
});

Deno.test("F02: a request in parts counts for the bounds of its client as one sent whole", async () => {
  await using relay = new MemoryRelay();
  await using server = await serveLarge(relay, { limits: { maxInFlight: 1 } });
  await using session = await connect(relay, server.publicKey);
  const stop = new AbortController();
  const slow = session.client.callTool({ name: "slow" }, undefined, { signal: stop.signal })
    .catch(() => "stopped");
  await assertRejects(() => repeat(session.client, LARGE, 1), Error, "more than 1 requests");
  stop.abort();
  assertEquals(await slow, "stopped");
});
