import { assertEquals } from "@std/assert";
import {
  createPureEngine,
  type NostrEvent,
  PrivateKeySigner,
  pureEngine,
  wrapEvent,
} from "../../../crypto/mod.ts";
import { Inbox } from "../../../transport/session/inbox.ts";
import { resolveLimits } from "../../../transport/session/limits.ts";
import { checkModes } from "../../../transport/session/modes.ts";
import { serve } from "../../../transport/server.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { connect, fixtureServer, network, RawPeer, textOf } from "../_harness.ts";
import { poolOn, settle, until } from "../relay/_harness.ts";

Deno.test("a client verifies no signature of strangers, also not inside gift wraps", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  await using server = await serve(() => fixtureServer(), { signer, ...network(relay) });
  let verified = 0;
  const engine = {
    ...createPureEngine(),
    verify: (...args: Parameters<typeof pureEngine.verify>) => {
      verified++;
      return pureEngine.verify(...args);
    },
  };
  const me = PrivateKeySigner.generate();
  await using session = await connect(relay, server.publicKey, { signer: me, engine });
  await using stranger = await RawPeer.open(relay);
  const before = verified;
  for (let id = 0; id < 10; id++) {
    const inner = await stranger.message(me.pubkey, { jsonrpc: "2.0", id, result: {} });
    stranger.publish(stranger.wrap(inner, me.pubkey));
  }
  const arguments_ = { message: "after all of them" };
  const result = await session.client.callTool({ name: "echo", arguments: arguments_ });
  assertEquals(textOf(result), "after all of them");
  assertEquals(verified - before, 1);
});

Deno.test("F01: no message is delivered before the verdict of a worker, nor after one that it is forged", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay]);
  const signer = PrivateKeySigner.generate();
  const heard: unknown[] = [];
  const asked: ((verdict: boolean) => void)[] = [];
  const inbox = new Inbox({
    pool,
    signer,
    publicKey: signer.pubkey,
    modes: checkModes("optional", "optional"),
    limits: resolveLimits({}),
    now: Date.now,
    workers: {
      verify: () => new Promise((resolve) => asked.push(resolve)),
      wrap: (event, { recipient, kind }) => wrapEvent(event, recipient, { kind }),
    },
    onMessage: ({ message }) => heard.push("id" in message && message.id),
    onError: (error) => {
      throw error;
    },
  });
  await pool.ready();
  await using peer = await RawPeer.open(relay);
  for (let id = 0; id < 4; id++) {
    const event = await peer.message(signer.pubkey, { jsonrpc: "2.0", id, method: "ping" });
    peer.publish(id < 2 ? event : peer.wrap(event, signer.pubkey));
  }
  await until("all wait", () => asked.length === 4);
  assertEquals(heard, []);
  for (const [index, tell] of asked.entries()) tell(index % 2 === 1);
  await until("the genuine are delivered", () => heard.length >= 2);
  assertEquals(heard, [1, 3]);
  inbox.close();
});

Deno.test("F01: what a relay forges under the id of an event does not keep the event of another relay away", async () => {
  await using honest = new MemoryRelay({ url: "wss://honest.test" });
  await using forger = new MemoryRelay({ url: "wss://forger.test" });
  await using pool = poolOn([honest, forger]);
  const signer = PrivateKeySigner.generate();
  const heard: string[] = [];
  const inbox = new Inbox({
    pool,
    signer,
    publicKey: signer.pubkey,
    modes: checkModes("optional", "optional"),
    limits: resolveLimits({}),
    now: Date.now,
    onMessage: ({ event }) => heard.push(event.id),
    onError: (error) => {
      throw error;
    },
  });
  await pool.ready();
  await using peer = await RawPeer.open(honest);
  await using other = await RawPeer.open(honest);
  let sent = 0;
  const message = () => peer.message(signer.pubkey, { jsonrpc: "2.0", id: ++sent, method: "ping" });
  const flip = (hex: string) => (hex.startsWith("0") ? "1" : "0") + hex.slice(1);
  const plain: readonly ((event: NostrEvent) => NostrEvent)[] = [
    (event) => ({ ...event, content: "{}" }),
    (event) => ({ ...event, sig: flip(event.sig) }),
    (event) => ({ ...event, created_at: event.created_at - 1 }),
    (event) => ({ ...event, tags: [...event.tags, ["x"]] }),
  ];
  const wrapped: readonly ((event: NostrEvent, theirs: NostrEvent) => NostrEvent)[] = [
    (event) => ({ ...event, content: flip(event.content) }),
    (event) => ({ ...event, pubkey: other.pubkey }),
    ({ id }, theirs) => ({ ...theirs, id }),
  ];
  const race = async (genuine: NostrEvent, forged: NostrEvent, id: string) => {
    for (const { id } of forger.subscriptions) {
      forger.faults.send(JSON.stringify(["EVENT", id, forged]));
    }
    await settle(pool, forger);
    peer.publish(genuine);
    await until("the genuine event is heard", () => heard.includes(id));
  };
  for (const forge of plain) {
    const event = await message();
    await race(event, forge(event), event.id);
  }
  for (const forge of wrapped) {
    const [event, theirs] = [
      await message(),
      await other.message(signer.pubkey, { jsonrpc: "2.0" }),
    ];
    const genuine = peer.wrap(event, signer.pubkey);
    await race(genuine, forge(genuine, other.wrap(theirs, signer.pubkey)), event.id);
  }
  assertEquals(heard.length, plain.length + wrapped.length);
  inbox.close();
});

Deno.test("an inbox goes on when the one who is told of messages and of faults fails", async () => {
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay]);
  const signer = PrivateKeySigner.generate();
  const told: string[] = [];
  const inbox = new Inbox({
    pool,
    signer,
    publicKey: signer.pubkey,
    modes: checkModes("optional", "optional"),
    limits: resolveLimits({}),
    now: Date.now,
    onMessage: () => {
      told.push("message");
      throw new Error("the application's own");
    },
    onError: ({ message }) => {
      told.push(message);
      throw new Error("once more");
    },
  });
  await pool.ready();
  await using peer = await RawPeer.open(relay);
  for (let id = 1; id <= 2; id++) {
    peer.publish(await peer.message(signer.pubkey, { jsonrpc: "2.0", id, method: "ping" }));
    await until("it is told", () => told.length === 2 * id);
  }
  assertEquals(told, ["message", "the application's own", "message", "the application's own"]);
  inbox.close();
});
