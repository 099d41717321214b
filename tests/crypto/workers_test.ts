import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  createPureEngine,
  type CryptoEngine,
  PrivateKeySigner,
  pureEngine,
  pureSymmetric,
  unwrapEvent,
} from "../../crypto/mod.ts";
import { loadWasmEngine } from "../../crypto/wasm_engine.ts";
import { CryptoWorkers, type CryptoWorkersOptions } from "../../crypto/workers.ts";
import { serveWorker } from "../../crypto/worker_scope.ts";
import { CvmError } from "../../errors.ts";
import { clientEvent, OFF_CURVE, SERVER_KEY } from "./_fixtures.ts";

const MANY = { waiting: 100 };

/** A worker that says it is there, and does this with each task. */
function brokenWorker(onTask: string): () => Worker {
  const code = `addEventListener("message", ({ data }) => {
    if ("engine" in data) postMessage({ ready: true });
    else { ${onTask} }
  });`;
  const url = `data:text/javascript,${encodeURIComponent(code)}`;
  return () => new Worker(url, { type: "module" });
}

async function started(options: CryptoWorkersOptions): Promise<CryptoWorkers> {
  const workers = new CryptoWorkers({ handOverFrom: 1, ...options });
  await workers.ready();
  return workers;
}

for (const makeEngine of [() => pureEngine, loadWasmEngine]) {
  const { name } = await makeEngine();
  Deno.test(`CryptoWorkers verify and wrap as the ${name} engine does here`, async () => {
    await using workers = await started({ engine: await makeEngine(), count: 2 });
    using signer = new PrivateKeySigner(SERVER_KEY);
    const event = clientEvent();
    const wrapIt = (recipient: string) =>
      workers.wrap(event, { recipient, kind: 21059, now: 1_700_000_123_456, ...MANY });
    const forged = { ...event, content: "{}" };
    assertEquals(
      await Promise.all([event, forged, event].map((each) => workers.verify(each, MANY))),
      [true, false, true],
    );
    const wrap = await wrapIt(signer.pubkey);
    assertEquals([wrap.kind, wrap.created_at, wrap.tags], [21059, 1_700_000_123, [
      ["p", signer.pubkey],
    ]]);
    assertEquals(await unwrapEvent(wrap, signer), event);
    await assertRejects(async () => await wrapIt(OFF_CURVE), RangeError);
    assertEquals([workers.size, workers.handedOver], [2, 5]);
  });
}

Deno.test("CryptoWorkers check of an event what has not been checked, here and in a thread", async () => {
  await using here = new CryptoWorkers({ count: 0 });
  await using there = await started({ count: 1 });
  const event = clientEvent();
  const forged = { ...event, content: "{}" };
  const unsigned = { ...event, sig: "0".repeat(128) };
  for (const workers of [here, there]) {
    const verify = async (each: typeof event, checked?: "shape" | "id") =>
      await workers.verify(each, { ...MANY, checked });
    for (const checked of [undefined, "shape", "id"] as const) {
      assertEquals(await verify(event, checked), true, checked);
      assertEquals(await verify(unsigned, checked), false, checked);
    }
    assertEquals([await verify(forged), await verify(forged, "shape")], [false, false]);
    assertEquals(await verify(forged, "id"), true, "whoever says so has checked the id");
  }
  assertEquals([here.handedOver, there.handedOver], [0, 9]);
});

Deno.test("CryptoWorkers start no thread, and hand nothing over, until many events wait", async () => {
  let threads = 0;
  const newWorker = () => {
    threads++;
    return brokenWorker("")();
  };
  await using workers = new CryptoWorkers({ count: 1, newWorker });
  assertEquals(workers.verify(clientEvent(), { waiting: 3 }), true);
  assertEquals(threads, 0);
  assertEquals(workers.verify(clientEvent(), { waiting: 4 }), true, "the thread is not there yet");
  assertEquals([threads, workers.handedOver], [1, 0]);
  await workers.ready();
  assertEquals(workers.verify(clientEvent(), { waiting: 3 }), true);
  assert(workers.verify(clientEvent(), { waiting: 4 }) instanceof Promise);
});

Deno.test("CryptoWorkers keep to maxTasks for each worker, and do the rest here", async () => {
  await using workers = await started({ count: 2, maxTasks: 3, newWorker: brokenWorker("") });
  const verdicts = Array.from({ length: 20 }, () => workers.verify(clientEvent(), MANY));
  assertEquals(verdicts.filter((verdict) => verdict === true).length, 14);
  assertEquals(workers.handedOver, 6);
  await workers.close();
  assertEquals(await Promise.all(verdicts), verdicts.map(() => true));
});

Deno.test("CryptoWorkers hand a task to the worker with the least to do", async () => {
  const given: number[] = [];
  const newWorker = () => {
    const worker = brokenWorker("")();
    const index = given.push(-1) - 1; // but for the first message, which names the engine
    const postMessage = worker.postMessage.bind(worker);
    worker.postMessage = (message: unknown) => {
      given[index]! += 1;
      postMessage(message);
    };
    return worker;
  };
  await using workers = await started({ count: 3, newWorker });
  for (let task = 0; task < 7; task++) void workers.verify(clientEvent(), MANY);
  assertEquals(given, [3, 2, 2]);
});

for (
  const [what, options] of Object.entries<CryptoWorkersOptions>({
    "that throws": { newWorker: brokenWorker(`throw new Error("broken")`) },
    "that falls silent": { newWorker: brokenWorker(""), silenceMs: 50 },
    "that falls silent after an answer": {
      newWorker: brokenWorker(`if (data.id === 1) postMessage({ id: 1, result: true });`),
      silenceMs: 50,
    },
    "that is closed": { newWorker: brokenWorker("close()"), silenceMs: 50 },
  })
) {
  Deno.test(`CryptoWorkers do here what was on a worker ${what}`, async () => {
    await using workers = await started({ count: 1, ...options });
    const event = clientEvent();
    const forged = { ...event, content: "{}" };
    const verdicts = [event, forged, event].map((each) => workers.verify(each, MANY));
    assertEquals(workers.handedOver, 3);
    assertEquals(await Promise.all(verdicts), [true, false, true]);
    assertEquals(workers.size, 0);
    assertEquals(workers.verify(event, MANY), true);
  });
}

Deno.test("CryptoWorkers do here what can't leave this thread, and have room for the next", async () => {
  await using workers = await started({ count: 1, maxTasks: 1 });
  const event = Object.assign(clientEvent(), { toText: () => "as some signers have it" });
  for (let round = 0; round < 3; round++) {
    assertEquals(await workers.verify(event, MANY), true);
    assertEquals(await workers.verify({ ...event, content: "{}" }, MANY), false);
  }
  assert(workers.verify(clientEvent(), MANY) instanceof Promise);
});

Deno.test("CryptoWorkers take an answer for its own task alone, once, and only of its kind", async () => {
  const newWorker = brokenWorker(`
    (self.tasks ??= []).push(data);
    if (self.tasks.length < 4) return;
    for (const { id, verify } of self.tasks.reverse()) {
      const result = verify?.content !== "{}";
      for (const [of, said] of [[id + 1000, !result], [id, result], [id, !result]]) {
        postMessage({ id: of, result: said });
      }
    }`);
  await using workers = await started({ count: 1, newWorker });
  using signer = new PrivateKeySigner(SERVER_KEY);
  const event = clientEvent();
  const forged = { ...event, content: "{}" };
  const verdicts = [event, forged, event].map((each) => workers.verify(each, MANY));
  const wrap = await workers.wrap(event, {
    recipient: signer.pubkey,
    kind: 21059,
    now: 1_700_000_000_000,
    ...MANY,
  });
  assertEquals(await Promise.all(verdicts), [true, false, true]);
  assertEquals(await unwrapEvent(wrap, signer), event, "true is no wrap: it is made here");
  assertEquals(workers.size, 1);

  const odd = brokenWorker("postMessage({ id: data.id, result: data.verify });");
  await using others = await started({ count: 1, newWorker: odd });
  assertEquals(await others.verify(event, MANY), false, "an event is no verdict");
});

Deno.test("CryptoWorkers that can't start leave everything here", async () => {
  const nowhere = new URL("./no_such_worker.ts", import.meta.url);
  const refuse = () => {
    throw new Error("not permitted");
  };
  for (const newWorker of [refuse, () => new Worker(nowhere, { type: "module" })]) {
    await using workers = await started({ count: 1, newWorker });
    assertEquals(workers.size, 0);
    assertEquals(workers.verify(clientEvent(), MANY), true);
  }
});

Deno.test("CryptoWorkers do everything here after the deadline for a worker that never starts, and ready() settles", async () => {
  let stopped = 0;
  const newWorker = () => {
    const worker = new Worker("data:text/javascript,setInterval(() => {}, 1_000)", {
      type: "module",
    });
    const terminate = worker.terminate.bind(worker);
    worker.terminate = () => {
      stopped += 1;
      terminate();
    };
    return worker;
  };
  await using workers = new CryptoWorkers({
    count: 2,
    handOverFrom: 1,
    startTimeoutMs: 40,
    newWorker,
  });
  const isReady = workers.ready();
  assertEquals([workers.size, workers.verify(clientEvent(), MANY)], [2, true]);
  await isReady;
  assertEquals([workers.size, stopped, workers.verify(clientEvent(), MANY)], [0, 2, true]);
  assertEquals(workers.handedOver, 0);
});

Deno.test("CryptoWorkers.close() ends the threads, settles what is under way, and can be called again", async () => {
  const workers = await started({ count: 2 });
  const verdicts = Array.from({ length: 10 }, () => workers.verify(clientEvent(), MANY));
  await workers.close();
  assertEquals(await Promise.all(verdicts), verdicts.map(() => true));
  await workers.close();
  assertEquals([workers.size, workers.verify(clientEvent(), MANY)], [0, true]);
  const unused = new CryptoWorkers({ count: 1 });
  const isReady = unused.ready();
  await unused.close();
  await isReady;
});

Deno.test("CryptoWorkers refuse what they can't work with", () => {
  const native: CryptoEngine = { ...createPureEngine(), name: "native" };
  assertThrows(() => new CryptoWorkers({ engine: native }), TypeError, "native");
  for (const count of [-1, 1.5]) assertThrows(() => new CryptoWorkers({ count }), RangeError);
  assertThrows(() => new CryptoWorkers({ handOverFrom: 0 }), RangeError);
  assertThrows(() => new CryptoWorkers({ maxTasks: 0 }), RangeError);
  assertThrows(() => new CryptoWorkers({ silenceMs: 0 }), RangeError);
  assertThrows(() => new CryptoWorkers({ startTimeoutMs: 0 }), RangeError);
  const { Worker } = globalThis;
  Reflect.deleteProperty(globalThis, "Worker"); // as in Node.js
  try {
    const error = assertThrows(() => new CryptoWorkers(), CvmError);
    assertEquals(error.code, "ENGINE_UNAVAILABLE");
  } finally {
    Object.assign(globalThis, { Worker });
  }
});

/** The scope of a worker, in this thread: keeps what is said. */
class FakeScope extends EventTarget {
  readonly said: unknown[] = [];

  postMessage(message: unknown): void {
    this.said.push(message);
  }

  hear(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

for (const engine of ["pure", "wasm"] as const) {
  Deno.test(`serveWorker() hashes with what it is given beside the ${engine} engine`, async () => {
    const scope = new FakeScope();
    let hashes = 0;
    const sha256 = (data: Uint8Array) => (hashes++, pureSymmetric.sha256(data));
    serveWorker(scope, { ...pureSymmetric, sha256 });
    scope.hear({ engine });
    while (scope.said.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    scope.hear({ id: 1, verify: clientEvent() });
    assertEquals(scope.said, [{ ready: true }, { id: 1, result: true }]);
    assertEquals(hashes, 1);
  });
}
