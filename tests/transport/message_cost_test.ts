/**
 * What one message takes in each direction, counted: JSON, hashes, signatures.
 * A call is two messages, so each side has one on its way out and one on its way in.
 */
import { assertEquals } from "@std/assert";
import {
  type CryptoEngine,
  PrivateKeySigner,
  pureEngine,
  pureSymmetric,
} from "../../crypto/mod.ts";
import { NostrClientTransport } from "../../transport/client.ts";
import { listen } from "../../transport/server.ts";
import { createWebSocketFactory, MemoryRelay } from "../../transport/testing/mod.ts";
import type { JsonRpcMessage } from "../../transport/types.ts";

/** How often each thing was done. */
type Counts = Map<string, number>;

function count(counts: Counts, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** The pure engine, counted. */
function countingEngine(counts: Counts): CryptoEngine {
  return {
    ...pureEngine,
    symmetric: {
      ...pureSymmetric,
      sha256: (data) => (count(counts, "sha256"), pureSymmetric.sha256(data)),
    },
    verify: (...args) => (count(counts, "verify"), pureEngine.verify(...args)),
    sign: (...args) => (count(counts, "sign"), pureEngine.sign(...args)),
    sharedSecret: (...args) => (count(counts, "ecdh"), pureEngine.sharedSecret(...args)),
  };
}

/** Counts JSON of both sides, but not that of relays in memory, until it is disposed. */
class JsonCounter implements Disposable {
  readonly #counts: Counts;
  readonly #original = { parse: JSON.parse, stringify: JSON.stringify };
  #framesLeft = 0;
  #allCame = Promise.withResolvers<void>();

  constructor(counts: Counts) {
    this.#counts = counts;
    JSON.parse = this.#counted("parse", this.#original.parse);
    JSON.stringify = this.#counted("stringify", this.#original.stringify);
  }

  /** Settles when so many events and OKs have come from relays, and what follows from them was done. */
  async frames(number: number): Promise<void> {
    this.#framesLeft = number;
    this.#allCame = Promise.withResolvers<void>();
    await this.#allCame.promise;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  #counted<F extends (...args: never) => unknown>(name: string, original: F): F {
    return new Proxy(original, {
      apply: (target, self, args) => {
        const stack = new Error().stack?.split("\n").slice(1) ?? [];
        const caller = stack.find((line) => !line.includes(import.meta.url)) ?? "";
        if (!caller.includes("/testing/")) {
          const isFrame = caller.includes("/relay/_frame.ts");
          count(this.#counts, isFrame ? "parse frame" : name);
          const isCounted = isFrame && /^\["(EVENT|OK)"/.test(String(args[0]));
          if (isCounted && --this.#framesLeft === 0) this.#allCame.resolve();
        }
        return Reflect.apply(target, self, args);
      },
    });
  }

  [Symbol.dispose](): void {
    JSON.parse = this.#original.parse;
    JSON.stringify = this.#original.stringify;
  }
}

/** What one call takes, on both sides together; their relays verify nothing. */
async function costOfCall(relayCount: number, encryption: "disabled" | "required") {
  const relays = Array.from(
    { length: relayCount },
    (_, i) => new MemoryRelay({ url: `wss://r${i}.test`, verify: () => true }),
  );
  const network = {
    relays: relays.map(({ url }) => url),
    pool: {
      webSocket: createWebSocketFactory(relays),
      fetchRelayInfo: () => Promise.resolve(undefined),
    },
  };
  const counts: Counts = new Map();
  const engine = countingEngine(counts);
  const common = { encryption, ...network } as const; // the engine is the signers'
  const listener = await listen({ signer: PrivateKeySigner.generate({ engine }), ...common });
  const accepting = (async () => {
    for await (const session of listener) {
      session.onmessage = (message: JsonRpcMessage) => {
        if (!("method" in message) || !("id" in message) || message.id === undefined) return;
        session.send({ jsonrpc: "2.0", id: message.id, result: {} })
          .catch((error) => reportError(error));
      };
      await session.start();
    }
  })();
  const signer = PrivateKeySigner.generate({ engine });
  const transport = new NostrClientTransport({ signer, server: listener.publicKey, ...common });
  let answers = 0;
  transport.onmessage = () => answers++;
  await transport.start();
  // Now every relay has both sides' subscriptions.
  for (const { pool } of [transport, listener]) {
    const template = { kind: 1, created_at: 1, tags: [], content: "" };
    await pool.publish(await signer.signEvent(template), { all: true });
  }
  {
    using json = new JsonCounter(counts);
    // The first call introduces both sides to each other.
    for (const id of [1, 2]) {
      counts.clear();
      // Of each relay an OK for the question, an OK for the answer, and both events.
      const frames = json.frames(4 * relayCount);
      await transport.send({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "x" } });
      await frames;
      assertEquals(answers, id);
    }
  }
  await transport.close();
  await listener.close();
  await accepting;
  await Promise.all(relays.map((relay) => relay.close()));
  return Object.fromEntries(counts);
}

// Per message, that is half of what is counted: one stringify each for the message itself, the id
// of its event on either side, and the frame; one parse for the message. Copies from further relays
// cost the parse of their frame, and nothing else.
for (const relayCount of [1, 3]) {
  Deno.test(`a message in plain text costs one signature, one verification and one parse with ${relayCount} relays`, async () => {
    assertEquals(await costOfCall(relayCount, "disabled"), {
      sign: 2,
      verify: 2,
      sha256: 2 * 2,
      stringify: 2 * 4,
      parse: 2,
      "parse frame": 4 * relayCount,
    });
  });

  // Beside that the wrap: a text of the inner event that is encrypted, and the id of the outer one.
  Deno.test(`an encrypted message costs two signatures, one verification and two parses with ${relayCount} relays`, async () => {
    assertEquals(await costOfCall(relayCount, "required"), {
      sign: 2 * 2,
      ecdh: 2 * 2,
      verify: 2,
      sha256: 2 * 4,
      stringify: 2 * 7,
      parse: 2 * 2,
      "parse frame": 4 * relayCount,
    });
  });
}
