import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type EventWorkers,
  type NostrEvent,
  PrivateKeySigner,
  verifyEvent,
  wrapEvent,
} from "../../../crypto/mod.ts";
import { CryptoWorkers } from "../../../crypto/workers.ts";
import { NostrClientTransport } from "../../../transport/client.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { listen, type ListenOptions } from "../../../transport/session/listener.ts";
import { Outbox } from "../../../transport/session/outbox.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import type { JsonRpcMessage } from "../../../transport/types.ts";
import { network, poolOptions } from "../_harness.ts";

/** A server that answers each call with its number, and a client that is connected to it. */
async function openPair(workers: EventWorkers, limits: ListenOptions["limits"] = {}) {
  const relay = new MemoryRelay();
  const common = { encryption: "required", workers, ...network(relay) } as const;
  const listener = await listen({ signer: PrivateKeySigner.generate(), limits, ...common });
  const heard: unknown[] = [];
  const accepting = (async () => {
    for await (const session of listener) {
      session.onmessage = (message: JsonRpcMessage) => {
        if (!("method" in message) || !("id" in message) || message.id === undefined) return;
        const { id, params } = message;
        heard.push(params?.number);
        session.send({ jsonrpc: "2.0", id, result: { number: params?.number } })
          .catch(() => undefined); // closed at the end of a test
      };
      await session.start();
    }
  })();
  const signer = PrivateKeySigner.generate();
  const server = listener.publicKey;
  const transport = new NostrClientTransport({ signer, server, ...common });
  const answered: unknown[] = [];
  const waiting = new Map<unknown, () => void>();
  transport.onmessage = (message) => {
    answered.push(message.result?.number);
    waiting.get(message.id)?.();
  };
  await transport.start();
  /** Makes calls, all at once. */
  const call = async (numbers: readonly number[]) => {
    await Promise.all(numbers.map(async (number) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.set(number, resolve);
      const params = { number };
      await transport.send({ jsonrpc: "2.0", id: number, method: "tools/call", params });
      await promise;
    }));
  };
  await call([0]);
  const close = async () => {
    await transport.close();
    await listener.close();
    await accepting;
    await relay.close();
  };
  return { call, heard, answered, listener, transport, [Symbol.asyncDispose]: close };
}

function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

/** Workers that are done with later tasks first, and some that do things at once. */
class ReversingWorkers implements EventWorkers {
  tasks = 0;
  most = 0;
  #under: (() => void)[] = [];

  verify(event: NostrEvent): boolean | Promise<boolean> {
    return this.#later(() => verifyEvent(event));
  }

  wrap(inner: NostrEvent, { recipient, kind }: Parameters<EventWorkers["wrap"]>[1]) {
    return this.#later(() => wrapEvent(inner, recipient, { kind }));
  }

  #later<T>(run: () => T): T | Promise<T> {
    if (++this.tasks % 7 === 0) return run();
    const { promise, resolve } = Promise.withResolvers<T>();
    this.#under.push(() => resolve(run()));
    this.most = Math.max(this.most, this.#under.length);
    if (this.#under.length === 1) {
      setTimeout(() => {
        for (const finish of this.#under.splice(0).reverse()) finish();
      }, 0);
    }
    return promise;
  }
}

Deno.test("messages of a session keep their order, whatever the order in which workers are done", async () => {
  const workers = new ReversingWorkers();
  await using pair = await openPair(workers);
  await pair.call(numbersTo(60));
  assertEquals(pair.heard, [0, ...numbersTo(60)]);
  assertEquals(pair.answered, [0, ...numbersTo(60)]);
  assert(workers.most > 10, `${workers.most} tasks at a time put nothing out of order`);
});

Deno.test("a wrap that fails in a worker fails its message, and no other", async () => {
  let fails = false;
  const workers: EventWorkers = {
    verify: (event) => verifyEvent(event),
    wrap: (inner, { recipient, kind }) => {
      if (!fails) return Promise.resolve(wrapEvent(inner, recipient, { kind }));
      fails = false;
      return Promise.reject(new RangeError("not on the curve"));
    },
  };
  await using pair = await openPair(workers);
  fails = true;
  const params = { number: 1 };
  const request = { jsonrpc: "2.0", id: "lost", method: "tools/call", params } as const;
  const lost = pair.transport.send(request).then(() => "sent", (error) => error.message);
  await pair.call(numbersTo(5));
  assertEquals(await lost, "not on the curve");
  assertEquals(pair.heard, [0, ...numbersTo(5)]);
});

Deno.test("a wrap that fails, and one that is ready at once, do not overtake what is being wrapped", async () => {
  await using relay = new MemoryRelay();
  await using pool = new RelayPool([relay.url], poolOptions(relay));
  const signer = PrivateKeySigner.generate();
  const recipient = PrivateKeySigner.generate().pubkey;
  type Wrapping = PromiseWithResolvers<NostrEvent> & { readonly wrap: NostrEvent };
  const wrappings: Wrapping[] = [];
  const waiting: number[] = [];
  let isAtOnce = false;
  const outbox = new Outbox({
    pool,
    signer,
    now: Date.now,
    signal: new AbortController().signal,
    workers: {
      verify: (event) => verifyEvent(event),
      wrap: (event, task) => {
        waiting.push(task.waiting);
        const wrap = wrapEvent(event, task.recipient, { kind: task.kind });
        wrappings.push({ ...Promise.withResolvers<NostrEvent>(), wrap });
        return isAtOnce ? wrap : wrappings.at(-1)!.promise;
      },
    },
  });
  const post = async (id: number) => {
    const message = { jsonrpc: "2.0", id, method: "ping" } as const;
    const { taken } = await outbox.post(message, { recipient, wrapKind: 1059 });
    return { taken };
  };
  const left = () =>
    relay.events.map(({ id }) => wrappings.findIndex(({ wrap }) => wrap.id === id));

  const first = await post(0);
  const failed = await post(1);
  wrappings[1]!.reject(new RangeError("not on the curve"));
  await assertRejects(() => failed.taken, RangeError);
  isAtOnce = true;
  const atOnce = await post(2);
  isAtOnce = false;
  const held = await post(3);
  wrappings[0]!.resolve(wrappings[0]!.wrap);
  await Promise.all([first.taken, atOnce.taken]);
  assertEquals(left(), [0, 2]);
  isAtOnce = true;
  const last = await post(4);
  wrappings[3]!.resolve(wrappings[3]!.wrap);
  await Promise.all([held.taken, last.taken]);
  assertEquals(left(), [0, 2, 3, 4]);
  assertEquals(waiting, [1, 1, 1, 1, 1], "none of them waited for another");
});

Deno.test("a server under load hands events over, and loses none when a worker ends", async () => {
  const started: Worker[] = [];
  const newWorker = () => {
    const url = new URL("../../../crypto/_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    started.push(worker);
    return worker;
  };
  const options = { count: 2, handOverFrom: 2, maxTasks: 8, silenceMs: 300, newWorker };
  await using workers = new CryptoWorkers(options);
  await workers.ready();
  await using pair = await openPair(workers, { maxMessagesPerSecond: 10_000 });
  assertEquals(workers.handedOver, 0, "one call at a time is done here");
  await pair.call(numbersTo(80));
  const before = workers.handedOver;
  assert(before > 0);
  const next = numbersTo(160).slice(80);
  const calls = pair.call(next);
  started[0]!.terminate();
  await calls;
  assertEquals(pair.heard, [0, ...numbersTo(160)]);
  assertEquals(pair.answered, [0, ...numbersTo(160)]);
  assert(workers.handedOver > before);
});

Deno.test("a forged event is refused by workers, too", async () => {
  await using workers = new CryptoWorkers({ count: 1, handOverFrom: 1 });
  await workers.ready();
  const signer = PrivateKeySigner.generate();
  const event = await signer.signEvent({ kind: 25910, created_at: 1, tags: [], content: "{}" });
  const forged = { ...event, sig: "0".repeat(128) };
  assertEquals(await workers.verify(forged, { waiting: 9 }), false);
  assertEquals(workers.handedOver, 1);
});
