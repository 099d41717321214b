import { assert, assertEquals, assertRejects } from "@std/assert";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import {
  conformanceCases,
  ConformanceFailure,
  type ConformanceTriple,
  MemoryRelay,
  runConformance,
} from "../../transport/testing/mod.ts";
import { ourTriple, sharedServer } from "./triples.ts";

function tripleOn({ url, webSocket, faults }: MemoryRelay): ConformanceTriple {
  return ourTriple({ urls: [url], webSocket, faults });
}

for (const each of conformanceCases()) {
  Deno.test(`${each.requirement} ${each.id} holds for our client and server on a relay in memory`, async () => {
    await using relay = new MemoryRelay();
    await each.run(tripleOn(relay));
  });
}

for (const each of conformanceCases().filter(({ needs }) => `${needs}` === "server")) {
  Deno.test(`${each.requirement} ${each.id} holds for NostrServerTransport on a relay in memory`, async () => {
    await using relay = new MemoryRelay();
    await each.run({ ...tripleOn(relay), startServer: sharedServer(relay) });
  });
}

Deno.test("runConformance() skips what was asked for and what the triple has no part for", async () => {
  const ids = conformanceCases().map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length);
  const calls: string[] = [];
  await using relay = new MemoryRelay();
  const report = await runConformance({
    setup: () => {
      calls.push("setup");
      const { relay: { urls, webSocket }, startServer } = tripleOn(relay);
      return { relay: { urls, webSocket }, startServer };
    },
    teardown: () => void calls.push("teardown"),
    skip: { "server/answers-plain": "not today" },
    onResult: ({ id }) => void calls.push(id),
  });
  const [first] = report.results;
  assertEquals([first?.status, first?.reason], ["skipped", "not today"]);
  assertEquals(report.results.map(({ id }) => id), ids);
  assertEquals(calls.slice(0, 4), ["server/answers-plain", "setup", "teardown", ids[1]]);
  const reasons = new Set(report.results.flatMap(({ reason }) => reason ?? []));
  assertEquals(
    reasons,
    new Set([
      "not today",
      "the triple has no faults",
      "the triple has no client",
    ]),
  );
  const { passed, failed, skipped } = report;
  assertEquals([passed + skipped, failed], [ids.length, 0]);
});

Deno.test("runConformance() reports what does not hold, and why, and ends what it started", async () => {
  await using relay = new MemoryRelay();
  let open = 0;
  const report = await runConformance({
    timeoutMs: 50,
    setup: () => ({
      ...tripleOn(relay),
      // A server that is there and says nothing.
      startServer: () => {
        open += 1;
        return Promise.resolve({
          publicKey: PrivateKeySigner.generate().pubkey,
          close: () => {
            open -= 1;
            return Promise.resolve();
          },
        });
      },
      openClient: undefined,
    }),
  });
  assertEquals([report.passed, open], [0, 0]);
  assert(report.failed > 20);
  const answer = report.results.find(({ id }) => id === "server/answers-encrypted");
  assertEquals(answer?.reason, "the answer: not within 50 ms");
});

Deno.test("runConformance() ends with its signal, and knows its cases", async () => {
  await using relay = new MemoryRelay();
  const setup = () => tripleOn(relay);
  const skip = { "server/no-such-case": "a slip" };
  await assertRejects(() => runConformance({ setup, skip }), RangeError, "server/no-such-case");
  const stop = new AbortController();
  const onResult = () => stop.abort(new Error("enough"));
  await assertRejects(
    () => runConformance({ setup, signal: stop.signal, onResult }),
    Error,
    "enough",
  );
});

Deno.test("ConformanceCase.run() fails on a triple that lacks a part", async () => {
  const [first] = conformanceCases();
  await assertRejects(
    async () => await first?.run({ relay: { urls: ["wss://relay.test"] } }),
    ConformanceFailure,
    "server",
  );
});
