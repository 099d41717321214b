/** Whatever verifies and wraps does so with the engine that was chosen. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type CryptoEngine, PrivateKeySigner, pureEngine, type Signer } from "../../crypto/mod.ts";
import { EventError } from "../../errors.ts";
import { NostrClientTransport } from "../../transport/client.ts";
import {
  fetchAnnouncement,
  publishNote,
  publishProfile,
  publishReview,
  replyToReview,
} from "../../transport/discovery/mod.ts";
import { McpGateway } from "../../transport/gateway.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { listen, serve } from "../../transport/server.ts";
import { BunkerSigner } from "../../transport/mod.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import { fixtureServer, network, poolOptions } from "./_harness.ts";
import { Bunker } from "./signer/_bunker.ts";

/** The pure engine under another name, with a count of what it has verified. */
class CountedEngine implements CryptoEngine {
  readonly name: string;
  verified = 0;
  readonly generatePrivateKey = pureEngine.generatePrivateKey;
  readonly getPublicKey = pureEngine.getPublicKey;
  readonly sign = pureEngine.sign;
  readonly sharedSecret = pureEngine.sharedSecret;

  constructor(name = "counted") {
    this.name = name;
  }

  verify(signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean {
    this.verified += 1;
    return pureEngine.verify(signature, hash, publicKey);
  }

  /** How much an action has it verify. */
  async during(action: () => Promise<unknown>): Promise<number> {
    const before = this.verified;
    await action();
    return this.verified - before;
  }
}

/** A signer as NIP-07 has it, without an engine. */
function foreignSigner(): Signer {
  const own = PrivateKeySigner.generate();
  return {
    getPublicKey: () => own.getPublicKey(),
    signEvent: (event) => own.signEvent(event),
    nip44: own.nip44,
  };
}

Deno.test("clients, servers and gateways work with the engine of their signer, and say which one it is", async () => {
  const [wasm, native] = [new CountedEngine("wasm"), new CountedEngine("native")];
  const bare = foreignSigner();
  for (
    const [signer, engine, expected] of [
      [bare, undefined, "pure"],
      [bare, wasm, "wasm"],
      [PrivateKeySigner.generate(), undefined, "pure"],
      [PrivateKeySigner.generate({ engine: wasm }), undefined, "wasm"],
      [PrivateKeySigner.generate({ engine: wasm }), wasm, "wasm"],
      [PrivateKeySigner.generate(), wasm, "wasm (signer: pure)"],
      [PrivateKeySigner.generate({ engine: wasm }), native, "native (signer: wasm)"],
    ] as const
  ) {
    await using relay = new MemoryRelay();
    const options = { signer, engine, ...network(relay) };
    await using listener = await listen(options);
    const server = listener.publicKey;
    const transport = new NostrClientTransport({ ...options, server });
    const gateway = new McpGateway({ ...options, upstream: () => Promise.reject(new Error()) });
    assertEquals([listener.engine, transport.engine], [expected, expected]);
    for await (const status of gateway.status()) {
      assertEquals(status.engine, expected);
      break;
    }
    await transport.close();
    await gateway.close();
  }
});

Deno.test("what is published in answer to an event verifies it with the signer's engine", async () => {
  await using relay = new MemoryRelay();
  await using pool = new RelayPool([relay.url], poolOptions(relay));
  const engine = new CountedEngine();
  const signer = PrivateKeySigner.generate({ engine });
  const other = { signer: PrivateKeySigner.generate() };
  await using announced = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    announce: true,
    ...network(relay),
  });
  const server = announced.publicKey;
  const note = await publishNote(pool, { text: "news" }, other);
  const reply = { text: "thanks", replyTo: note.event };
  assertEquals(await engine.during(() => publishNote(pool, reply, { signer })), 1);
  const review = { text: "quick", server };
  assertEquals(await engine.during(() => publishReview(pool, review, { signer })), 1);
  const { event: parent } = await publishReview(pool, { text: "slow", server }, other);
  const answer = { text: "no", parent };
  assertEquals(await engine.during(() => replyToReview(pool, answer, { signer })), 1);
  const forged = { text: "no", parent: { ...parent, sig: "0".repeat(128) } };
  await assertRejects(() => replyToReview(pool, forged, { signer }), EventError);
  await publishProfile(pool, { name: "me" }, { signer });
  assertEquals(await engine.during(() => publishProfile(pool, { about: "I" }, { signer })), 1);
  assertEquals(await engine.during(() => fetchAnnouncement(pool, server, { engine })), 1);
});

Deno.test("an announcement looks at what earlier runs have published with the signer's engine", async () => {
  await using relay = new MemoryRelay();
  const engine = new CountedEngine();
  const options = {
    signer: PrivateKeySigner.generate({ engine }),
    announce: { profile: { name: "counted" } },
    ...network(relay),
  };
  const run = async () => {
    await using server = await serve(() => fixtureServer(), options);
    assertEquals(server.engine, "counted");
  };
  assertEquals(await engine.during(run), 0);
  assert(await engine.during(run) > 0);
});

Deno.test("BunkerSigner checks what comes back with its engine, by default that of clientSigner", async () => {
  await using relay = new MemoryRelay();
  const pool = poolOptions(relay);
  await using bunker = await Bunker.open([relay.url], { pool });
  const engine = new CountedEngine();
  const template = { kind: 1, created_at: 1, tags: [], content: "" };
  for (
    const options of [{ engine }, { clientSigner: PrivateKeySigner.generate({ engine }) }]
  ) {
    await using signer = await BunkerSigner.connect(bunker.address, { pool, ...options });
    assertEquals(signer.engine, engine);
    assertEquals(await engine.during(() => signer.signEvent(template)), 1);
  }
});
