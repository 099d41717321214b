import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { ByteBudget } from "../../../transport/transfer/limits.ts";
import { until } from "../_harness.ts";
import { ANSWER, frame, framesOf, Receiver, TEXT } from "./_harness.ts";

Deno.test("IncomingTransfers hands on what is whole, with what came with the last frame (CEP22-13)", async () => {
  const receiver = new Receiver();
  const frames = await framesOf(TEXT, 4);
  await receiver.take(...frames.slice(0, -1));
  assertEquals(receiver.messages, [], "nothing is seen of a message that is not whole");
  await receiver.take(frames.at(-1)!);
  assertEquals([receiver.messages, receiver.lastContexts], [[ANSWER], [6]]);
  assertEquals(receiver.shares, [0.25, 0.5, 0.75, 1]);
  assertEquals([receiver.transfers.size, receiver.budget.used], [0, 0]);
});

Deno.test("F24, CEP22-11: frames in any order, and copies of them, make the same message", async () => {
  const frames = await framesOf(TEXT, 8);
  const order = fc.shuffledSubarray(frames, { minLength: frames.length });
  const copies = fc.array(fc.constantFrom(...frames), { maxLength: 5 });
  await fc.assert(fc.asyncProperty(order, copies, async (shuffled, more) => {
    const receiver = new Receiver();
    const before = Math.floor(shuffled.length / 2);
    await receiver.take(...shuffled.slice(0, before), ...more, ...shuffled.slice(before));
    assertEquals([receiver.messages, receiver.failures], [[ANSWER], []]);
    receiver.transfers.close();
    assertEquals(receiver.budget.used, 0);
  }));
});

Deno.test("IncomingTransfers takes numbers with gaps, such as one that was kept for an accept (CEP22-10)", async () => {
  const receiver = new Receiver();
  const frames = await framesOf(TEXT, 3);
  await receiver.take(...frames.map((one) => ({ ...one, progress: one.progress * 10 })));
  assertEquals(receiver.messages, [ANSWER]);
});

Deno.test("F09, CEP22-9, CEP22-15, CEP22-27: what a sender declares is checked before anything is kept", async () => {
  const [start] = await framesOf(TEXT, 2);
  const bounds = { maxTransferBytes: 1_000, maxTransferChunks: 10, maxTransfers: 1 };
  const cases: [Record<string, unknown>, string][] = [
    [{ completionMode: "stream" }, "completionMode"],
    [{ completionMode: undefined }, "completionMode"],
    [{ digest: "md5:0" }, "digest"],
    [{ digest: `sha256:${"A".repeat(64)}` }, "digest"],
    [{ totalBytes: 1_001 }, "1000 are the most"],
    [{ totalBytes: 0 }, "totalBytes"],
    [{ totalBytes: 1.5 }, "totalBytes"],
    [{ totalBytes: "49" }, "totalBytes"],
    [{ totalChunks: 11 }, "10 are the most"],
    [{ totalChunks: -1 }, "totalChunks"],
  ];
  for (const [change, reason] of cases) {
    const receiver = new Receiver(bounds);
    await receiver.take(frame("start", 1, { ...start!.fields, ...change }));
    assertStringIncludes(receiver.answers.join(), reason);
    assertEquals([receiver.transfers.size, receiver.failures.length], [0, 1]);
  }
  const receiver = new Receiver(bounds);
  await receiver.take(
    frame("start", 1, start!.fields, "one"),
    frame("start", 1, start!.fields, "two"),
  );
  assertEquals(receiver.answers, ["abort: 1 transfers are under way already"]);
  receiver.transfers.close();
});

Deno.test("CEP22-12, F23: a transfer that can't become whole fails, and the sender is told", async () => {
  const [start, one, two, end] = await framesOf(TEXT, 2);
  const broken = "0".repeat(64);
  const cases: [Parameters<Receiver["take"]>, string][] = [
    [[start!, { ...one!, fields: {} }], "no data"],
    [[start!, one!, { ...one!, fields: { data: "x" } }], "differ"],
    [[start!, { ...one!, progress: 1 }], "not numbered after the start"],
    [[start!, one!, two!, { ...two!, progress: 9 }], "more chunks"],
    [[start!, { ...one!, fields: { data: "x".repeat(100) } }], "more bytes"],
    [[start!, one!, { ...end!, progress: 2 }], "not numbered last"],
    [[start!, end!, { ...two!, progress: 9 }], "after the end"],
    [[start!, end!, { ...end!, progress: 9 }], "two different ends"],
    [[start!, frame("start", 1, { ...start!.fields, totalChunks: 3 })], "another transfer"],
    [[start!, frame("pause", 2)], "pause"],
    [
      [frame("start", 1, { ...start!.fields, digest: `sha256:${broken}` }), one!, two!, end!],
      "digest",
    ],
    [[frame("start", 1, { ...start!.fields, totalBytes: 99 }), one!, two!, end!], "length"],
  ];
  for (const [frames, reason] of cases) {
    const receiver = new Receiver();
    await receiver.take(...frames);
    assertEquals([receiver.messages, receiver.failures.length], [[], 1]);
    assertEquals(receiver.failures[0]!.code, "TRANSFER_FAILED");
    assertStringIncludes(receiver.answers.join(), reason);
    assertEquals([receiver.transfers.size, receiver.budget.used], [0, 0]);
  }
});

Deno.test("IncomingTransfers takes requests and answers, and nothing else, for a message", async () => {
  const texts = ["nonsense", "[]", '{"jsonrpc":"1.0","id":1,"result":{}}'];
  const notification = {
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId: 1 },
  };
  for (const text of [...texts, JSON.stringify(notification)]) {
    const receiver = new Receiver();
    await receiver.take(...await framesOf(text, 2));
    assertEquals([receiver.messages, receiver.failures.length, receiver.replies.length], [
      [],
      1,
      1,
    ]);
  }
});

Deno.test("CEP22-14: an abort is the end of a transfer, and is not answered", async () => {
  const receiver = new Receiver();
  const [start, one, two, end] = await framesOf(TEXT, 2);
  await receiver.take(start!, one!, frame("abort", 3, { reason: "no more" }), two!, end!);
  assertEquals([receiver.messages, receiver.replies], [[], []]);
  assertStringIncludes(receiver.failures[0]!.message, "no more");
  assertEquals([receiver.transfers.size, receiver.budget.used], [0, 0]);
});

Deno.test("CEP22-12: what is missing at the end has a moment to come, then the transfer fails", async () => {
  const frames = await framesOf(TEXT, 3);
  const lost = frames.splice(2, 1);
  const patient = new Receiver();
  await patient.take(...frames, ...lost);
  assertEquals(patient.messages, [ANSWER], "it came after the end");

  const receiver = new Receiver({ transferGraceMs: 1 });
  await receiver.take(...frames);
  await until("it fails", () => receiver.failures.length === 1);
  assertEquals(receiver.answers, ["abort: 1 chunks are missing at its end"]);
  assertEquals(receiver.budget.used, 0);
});

Deno.test("CEP22-16: a transfer that stands still fails, and so does one that takes too long", async () => {
  const [start, one] = await framesOf(TEXT, 2);
  for (
    const [change, reason] of [
      [{ transferIdleMs: 1 }, "nothing came for 1 ms"],
      [{ transferTimeoutMs: 1 }, "not done within 1 ms"],
    ] as const
  ) {
    const receiver = new Receiver(change);
    await receiver.take(start!, one!);
    await until("it fails", () => receiver.failures.length === 1);
    assertStringIncludes(receiver.answers.join(), reason);
    assertEquals(receiver.budget.used, 0);
  }
});

Deno.test("F09, CEP22-27: the parts of all peers together stay within the memory for them", async () => {
  const budget = new ByteBudget(30);
  const [a, b] = [new Receiver({}, { budget }), new Receiver({}, { budget })];
  const frames = await framesOf(TEXT, 2);
  await a.take(...frames.slice(0, 2));
  await b.take(...frames.slice(0, 2));
  assertEquals(b.answers, ["abort: there is no memory left for more transfers"]);
  assert(budget.used > 0);
  await a.take(frames[2]!);
  assertEquals(a.failures.length, 1, "the other half has no room either");
  assertEquals(budget.used, 0);
});

Deno.test("F09: frames whose transfer never begins are kept in small number, and given up with the session", async () => {
  const receiver = new Receiver();
  for (let i = 0; i < 100; i++) {
    await receiver.take(frame("chunk", i + 2, { data: "x".repeat(10) }));
  }
  assertEquals(receiver.budget.used, 32 * 10);
  receiver.transfers.close();
  assertEquals(receiver.budget.used, 0);

  const later = new Receiver({ transferIdleMs: 1 });
  await later.take(frame("chunk", 2, { data: "x".repeat(10) }));
  await until("it is given up", () => later.budget.used === 0);
  assertEquals(later.replies, []);
});

Deno.test("F23, F25: a transfer whose first frame is lost fails, and the sender is told", async () => {
  const receiver = new Receiver({ transferGraceMs: 1 });
  const [, ...rest] = await framesOf(TEXT, 2);
  await receiver.take(...rest);
  await until("it fails", () => receiver.failures.length === 1);
  assertEquals(receiver.answers, ["abort: its first frame is missing"]);
  assertEquals(receiver.budget.used, 0);
});

Deno.test("F09: what comes with frames counts for the memory as long as it is kept", async () => {
  const [start, one, two, end] = await framesOf(TEXT, 2);
  const weigh = (count: number) => count * 100;
  const receiver = new Receiver({ maxBufferedBytes: 599 }, { weigh });
  await receiver.take(frame("end", 9, {}, "early"), start!);
  assertEquals(receiver.budget.used, 300);
  await receiver.take(one!, two!, end!);
  assertEquals(receiver.answers, ["abort: there is no memory left for more transfers"]);
  receiver.transfers.close();
  assertEquals(receiver.budget.used, 0);
});

Deno.test("CEP22-7, CEP22-23: an accept goes out when the sender can't know that we take transfers, and says nothing else", async () => {
  const [start] = await framesOf(TEXT, 2);
  const receiver = new Receiver();
  receiver.transfers.receive(start!, 1, { wantsAccept: true });
  receiver.transfers.receive(start!, 2, { wantsAccept: true });
  assertEquals(receiver.replies.map(({ frameType, progress }) => [frameType, progress]), [
    ["accept", 2],
  ]);
  assertEquals(receiver.replies[0]!.fields, { type: "oversized-transfer", frameType: "accept" });
  receiver.transfers.close();
});

Deno.test("CEP22-21: without a start nothing is put together, whatever else comes", async () => {
  const receiver = new Receiver();
  const [, ...rest] = await framesOf(TEXT, 2);
  await receiver.take(...rest, ...rest);
  assertEquals([receiver.messages, receiver.replies, receiver.transfers.size], [[], [], 0]);
  receiver.transfers.close();
});

Deno.test("CEP22-24: frames that keep coming do not put off the end of a transfer that takes too long", async () => {
  const receiver = new Receiver({ transferTimeoutMs: 20 });
  const text = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { text: "x".repeat(10_000) } });
  for (const one of (await framesOf(text, 9_000)).slice(0, -1)) {
    await receiver.take(one);
    await new Promise((resolve) => setTimeout(resolve));
    if (receiver.failures.length > 0) break;
  }
  assertEquals(receiver.answers, ["abort: it was not done within 20 ms"]);
});
