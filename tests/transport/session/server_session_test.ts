import { assertEquals } from "@std/assert";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { listen, type ListenOptions, type Session } from "../../../transport/server.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { frameMessage, OPEN_STREAM, OVERSIZED_TRANSFER } from "../../../transport/wire/frames.ts";
import { network, RawPeer, until } from "../_harness.ts";

const INITIALIZE = {
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {} },
};

/** A listener that answers everything but `wait`, and a client that writes its messages by hand. */
async function open(options: Partial<ListenOptions> = {}) {
  const relay = new MemoryRelay();
  const listener = await listen({
    signer: PrivateKeySigner.generate(),
    ...network(relay),
    ...options,
  });
  const peer = await RawPeer.open(relay);
  const sessions: Session[] = [];
  const seen: string[] = [];
  const answers: Promise<void>[] = [];
  const faults: Error[] = [];
  const answer = (session: Session, id: string) =>
    session.send({ jsonrpc: "2.0", id, result: {} }).catch((error) => void faults.push(error));
  const accepting = (async () => {
    for await (const session of listener) {
      sessions.push(session);
      session.onmessage = ({ method, id }) => {
        seen.push(method);
        if (id !== undefined && method !== "wait") answers.push(answer(session, id));
      };
      await session.start();
    }
  })();
  return {
    relay,
    peer,
    sessions,
    seen,
    faults,
    publish: async (message: object, by = peer) => {
      by.publish(await by.message(listener.publicKey, { jsonrpc: "2.0", ...message }));
    },
    [Symbol.asyncDispose]: async () => {
      await peer[Symbol.asyncDispose]();
      await listener.close();
      await accepting;
      await Promise.all(answers);
      await relay[Symbol.asyncDispose]();
    },
  };
}

/** What the server has sent: frames by their types, answers by their outcomes. */
function kindsOf({ received }: RawPeer): string[] {
  return received.map(({ content }) => {
    const { params, error } = JSON.parse(content);
    return params?.cvm.frameType ?? (error === undefined ? "result" : "error");
  });
}

const transferStart = frameMessage({
  profile: OVERSIZED_TRANSFER,
  frameType: "start",
  token: "t",
  progress: 1,
  fields: {
    digest: `sha256:${"0".repeat(64)}`,
    completionMode: "render",
    totalBytes: 9,
    totalChunks: 1,
  },
});

const streamFrame = (frameType: string, progress: number) =>
  frameMessage({
    profile: OPEN_STREAM,
    frameType,
    token: "t",
    progress,
    fields: { nonce: String(progress) },
  });

Deno.test("a session that its client has left ends when its last transfer fails", async () => {
  await using server = await open({ limits: { transferIdleMs: 20 } });
  await server.publish({ ...INITIALIZE, id: 1 });
  await server.publish(transferStart);
  await server.publish({ ...INITIALIZE, id: 2 });
  await until("the client has a new one", () => server.sessions.length === 2);
  await until("the transfer fails", () => kindsOf(server.peer).includes("abort"));
  await until("the old one ends", () => server.sessions[0]!.signal.aborted);
});

Deno.test("F09: the frame of a stream opens no session", async () => {
  await using server = await open();
  await using other = await RawPeer.open(server.relay);
  await server.publish(streamFrame("start", 1));
  await server.publish({ id: 1, method: "ping" }, other);
  await until("the next message is answered", () => other.received.length === 1);
  assertEquals(server.sessions.map(({ peer }) => peer), [other.pubkey]);
});

Deno.test("F09: neither refusals nor frames of a stream that has a transfer's token get round the bound on messages", async () => {
  const time = Date.now();
  await using server = await open({ limits: { maxMessagesPerSecond: 5 }, now: () => time });
  await using flooder = await RawPeer.open(server.relay);
  await server.publish({ id: 1, method: "wait", params: { _meta: { progressToken: "t" } } });
  await server.publish({ ...transferStart });
  for (let i = 0; i < 50; i++) await server.publish(streamFrame("ping", i + 1));
  for (let id = 0; id < 100; id++) await server.publish({ id, method: "ping" }, flooder);
  await using last = await RawPeer.open(server.relay);
  await server.publish({ id: 1, method: "ping" }, last);
  await until("all is read and answered", () => last.received.length === 1);
  const pongs = kindsOf(server.peer).filter((kind) => kind === "pong").length;
  const errors = kindsOf(flooder).filter((kind) => kind === "error").length;
  assertEquals([pongs, errors], [8, 40], "ten messages, and forty refusals");
});

Deno.test("a session goes on when what decorates its results throws", async () => {
  await using server = await open({
    limits: { idleTimeoutMs: 20 },
    decorateResult: () => {
      throw new Error("no decoration");
    },
  });
  await server.publish({ id: 1, method: "ping" });
  await until(
    "nothing is under way, and it is closed for that",
    () => server.sessions[0]?.signal.aborted === true,
  );
});
