import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { SessionError } from "../../../errors.ts";
import { ByteBudget, DEFAULT_STREAM_LIMITS } from "../../../transport/transfer/limits.ts";
import { RequestStream } from "../../../transport/transfer/open_stream.ts";
import { type Frame, frameOf, OPEN_STREAM } from "../../../transport/wire/frames.ts";
import { until } from "../_harness.ts";
import { limits } from "./_harness.ts";

type Limits = typeof DEFAULT_STREAM_LIMITS & ReturnType<typeof limits>;

/** One side of a stream; its frames are kept, and go to the other side where there is one. */
class Side {
  readonly stream: RequestStream;
  readonly sent: Frame[] = [];
  readonly budget: ByteBudget;
  other: Side | undefined;
  /** Decides what becomes of a frame. */
  taken: (frame: Frame) => Promise<void> = () => Promise.resolve();

  constructor(change: Partial<Limits> = {}, isWelcome = true) {
    const bounds = { ...DEFAULT_STREAM_LIMITS, ...limits(), ...change };
    this.budget = new ByteBudget(bounds.maxBufferedBytes);
    this.stream = new RequestStream({
      token: "t",
      isWelcome,
      limits: bounds,
      budget: this.budget,
      maxChunkBytes: () => 12,
      send: (message) => {
        const frame = frameOf(message)!;
        this.sent.push(frame);
        this.other?.stream.receive(frame, { wantsAccept: !isWelcome });
        return this.taken(frame);
      },
    });
  }

  get types(): readonly string[] {
    return this.sent.map(({ frameType }) => frameType);
  }

  receive(...frames: Frame[]): void {
    for (const frame of frames) this.stream.receive(frame, { wantsAccept: false });
  }

  [Symbol.dispose](): void {
    this.stream.end(new SessionError("CLOSED", "the test is over"));
  }
}

/** Two sides, each of which hears the other. */
function pair(change: Partial<Limits> = {}, isWelcome = true): [Side, Side] {
  const [a, b] = [new Side(change, isWelcome), new Side(change, isWelcome)];
  a.other = b;
  b.other = a;
  return [a, b];
}

function frame(frameType: string, progress: number, fields: Frame["fields"] = {}): Frame {
  return { profile: OPEN_STREAM, frameType, token: "t", progress, fields };
}

const start = frame("start", 1);
const chunk = (index: number, data = String(index)) =>
  frame("chunk", index + 2, { chunkIndex: index, data });

async function readAll(stream: RequestStream): Promise<string> {
  let text = "";
  for await (const piece of stream) text += piece;
  return text;
}

Deno.test("an open stream brings what is written to the other side, both ways at once (CEP41-2, CEP41-6, CEP41-10, CEP41-33)", async () => {
  const [a, b] = pair();
  using _a = a;
  using _b = b;
  const [toB, toA] = [readAll(b.stream), readAll(a.stream)];
  for (const word of ["hello ", 'a "quoted" and much longer word', "", "end"]) {
    await a.stream.write(word);
  }
  await b.stream.write("and back");
  await Promise.all([a.stream.close(), b.stream.close()]);
  assertEquals([await toB, await toA], ['hello a "quoted" and much longer wordend', "and back"]);
  assertEquals(a.sent.map(({ progress }) => progress), a.sent.map((_, i) => i + 1));
  const chunks = a.sent.filter(({ frameType }) => frameType === "chunk");
  assertEquals(chunks.map(({ fields }) => fields.chunkIndex), chunks.map((_, i) => i));
  assertEquals(a.sent.at(-1)!.fields.lastChunkIndex, chunks.length - 1);
  assertEquals([a.budget.used, b.budget.used], [0, 0]);
});

Deno.test("CEP41-13: a stream without a chunk is a whole one, and its close names no last chunk", async () => {
  const [a, b] = pair();
  using _a = a;
  using _b = b;
  await a.stream.write("");
  await a.stream.close();
  assertEquals([await readAll(b.stream), a.types], ["", ["start", "close"]]);
  assertEquals("lastChunkIndex" in a.sent[1]!.fields, false);
});

Deno.test("CEP41-7, F24: chunks in any order, and copies of them, are read in order", async () => {
  const chunks = Array.from({ length: 10 }, (_, index) => chunk(index));
  const end = frame("close", 12, { lastChunkIndex: 9 });
  const order = fc.shuffledSubarray([start, ...chunks, end], { minLength: 12 });
  const copies = fc.array(fc.constantFrom(...chunks), { maxLength: 4 });
  await fc.assert(fc.asyncProperty(order, copies, async (frames, more) => {
    using side = new Side();
    const text = readAll(side.stream);
    side.receive(...frames.slice(0, 6), ...more, ...frames.slice(6));
    assertEquals(await text, "0123456789");
    assertEquals(side.budget.used, 0);
  }));
});

Deno.test("CEP41-3: no chunk leaves before the accept where support is unknown, and the accept is numbered above the start", async () => {
  const [a, b] = pair({}, false);
  using _a = a;
  using _b = b;
  a.other = undefined;
  const written = a.stream.write("x");
  await until("the start leaves", () => a.sent.length === 1);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assertEquals(a.types, ["start"]);
  b.stream.receive(a.sent[0]!, { wantsAccept: true });
  await written;
  assertEquals(a.types, ["start", "chunk"]);
  assertEquals(b.sent.map(({ frameType, progress }) => [frameType, progress]), [["accept", 2]]);
  assertEquals(b.sent[0]!.fields, { type: OPEN_STREAM, frameType: "accept" }); // CEP41-28
});

Deno.test("CEP41-3: a stream that nobody accepts fails its writer", async () => {
  using side = new Side({ acceptTimeoutMs: 1 }, false);
  const error = await assertRejects(() => side.stream.write("x"), SessionError, "CEP-41");
  assertEquals(error.code, "TRANSFER_FAILED");
});

Deno.test("CEP41-5, CEP41-12, CEP41-14, CEP41-22: a stream that can't be whole fails, and the sender is told", async () => {
  const grace = { transferGraceMs: 1 };
  const cases: [Frame[], string][] = [
    [[start, frame("start", 5)], "a second time"],
    [[start, frame("chunk", 2, { chunkIndex: 0 })], "no data"],
    [[start, frame("chunk", 2, { chunkIndex: -1, data: "x" })], "no chunkIndex"],
    [[start, chunk(1, "a"), chunk(1, "b")], "comes twice"],
    [[start, chunk(6)], "before its turn"],
    [[start, { ...chunk(0), progress: 1 }], "in order"],
    [[start, chunk(0), frame("close", 2, { lastChunkIndex: 0 })], "not numbered last"],
    [[start, chunk(0), chunk(1), frame("close", 9, { lastChunkIndex: 0 })], "before its last"],
    [[start, frame("close", 9, { lastChunkIndex: 0 }), chunk(1)], "after the last"],
    [[start, frame("close", 9, { lastChunkIndex: 1 }), chunk(0)], "missing"],
    [[frame("close", 9)], "missing"],
    [[start, chunk(0, "x".repeat(11)), chunk(1, "y".repeat(11))], "149 bytes behind"],
  ];
  for (const [frames, reason] of cases) {
    using side = new Side({ ...grace, maxStreamBufferBytes: 149, maxStreamGap: 5 });
    side.receive(...frames);
    const error = await assertRejects(() => readAll(side.stream), SessionError);
    assertEquals(error.code, "TRANSFER_FAILED");
    assertStringIncludes(error.message, reason);
    if (frames[0] === start) assertEquals(side.types, ["abort"]);
    assertEquals([side.stream.signal.aborted, side.budget.used], [true, 0]);
  }
});

Deno.test("CEP41-11, CEP41-15: an abort ends both sides, and what comes later is ignored", async () => {
  const [a, b] = pair();
  using _a = a;
  using _b = b;
  await a.stream.write("x");
  await b.stream.abort("enough");
  await assertRejects(() => a.stream.write("y"), SessionError, "enough");
  await assertRejects(() => readAll(b.stream), SessionError, "enough");
  b.receive(chunk(1), frame("ping", 9, { nonce: "n" }));
  assertEquals(b.types, ["abort"], "who has ended it answers no more");
  assertEquals(a.types, ["start", "chunk"], "an abort is not answered");
});

Deno.test("an open stream whose reader turns away is aborted for the sender", async () => {
  const [a, b] = pair();
  using _a = a;
  using _b = b;
  await a.stream.write("x");
  for await (const _ of b.stream) break;
  await assertRejects(() => a.stream.write("y"), SessionError, "wants no more");
  assertEquals(b.budget.used, 0);
});

Deno.test("F24, CEP41-32: a slow reader has a bounded number of bytes waiting, its own and of all streams", async () => {
  using side = new Side({ maxStreamBufferBytes: 80 });
  side.receive(start, chunk(0, "123456"));
  const reader = side.stream.readable.getReader();
  assertEquals((await reader.read()).value, "123456");
  side.receive(chunk(1, "123456"));
  assertEquals((await reader.read()).value, "123456", "what was read does not count any more");
  side.receive(chunk(2, "123456"), chunk(3, "123456"));
  await assertRejects(() => reader.read(), SessionError, "behind");

  using crowded = new Side({ maxBufferedBytes: 69 });
  crowded.receive(start, chunk(0, "123456"));
  await assertRejects(() => readAll(crowded.stream), SessionError, "no memory");
});

Deno.test("F09: chunks without data are bounded, too", async () => {
  using side = new Side({ maxStreamBufferBytes: 1_000 });
  side.receive(start, ...Array.from({ length: 100 }, (_, index) => chunk(index, "")));
  await assertRejects(() => readAll(side.stream), SessionError, "behind");
});

Deno.test("F09: what nobody has read of a stream that is over takes no memory from other streams", async () => {
  using answered = new Side();
  answered.receive(start, chunk(0, "unread"), frame("close", 9, { lastChunkIndex: 0 }));
  assert(answered.budget.used > 0, "the call is still under way");
  answered.stream.answered();
  assertEquals(answered.budget.used, 0);
  assertEquals(await readAll(answered.stream), "unread", "it can still be read");
  assertEquals(answered.budget.used, 0, "and is given back once");

  using ended = new Side();
  ended.receive(start, chunk(0, "unread"), frame("close", 9, { lastChunkIndex: 0 }));
  ended.stream.end(new SessionError("CLOSED", "the session has ended"));
  assertEquals(ended.budget.used, 0);
});

Deno.test("CEP41-20: the writer waits while many frames are on their way", async () => {
  using side = new Side({ maxFramesInFlight: 2 });
  const waiting: (() => void)[] = [];
  side.taken = () => new Promise<void>((resolve) => waiting.push(resolve));
  const written = [1, 2, 3].map((n) => side.stream.write(String(n)));
  await until("two frames leave", () => side.sent.length === 2);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assertEquals(side.types, ["start", "chunk"]);
  side.taken = () => Promise.resolve();
  for (const resolve of waiting) resolve();
  await Promise.all(written);
  assertEquals(side.types.length, 4);
});

Deno.test("CEP41-8, CEP41-26: a ping is answered with its nonce, unless that is longer than 64 bytes", () => {
  using side = new Side();
  const nonces = ["n", "x".repeat(64), "x".repeat(65), "é".repeat(33), 5, undefined];
  side.receive(start, ...nonces.map((nonce, i) => frame("ping", i + 2, { nonce })));
  assertEquals(side.sent.map(({ frameType, fields }) => [frameType, fields.nonce]), [
    ["pong", "n"],
    ["pong", "x".repeat(64)],
  ]);
});

Deno.test("CEP41-9, CEP41-17, CEP41-25: a silent peer is asked for a sign of life; one that gives none, or a wrong one, has failed", async () => {
  const times = { streamIdleMs: 5, streamProbeMs: 30 };
  using side = new Side(times);
  await side.stream.write("x");
  await until("it is asked", () => side.types.includes("ping"));
  const first = side.sent.at(-1)!.fields.nonce;
  side.receive(frame("pong", 2, { nonce: first }));
  await until("it is asked again", () => side.types.filter((type) => type === "ping").length === 2);
  assert(side.sent.at(-1)!.fields.nonce !== first, "each nonce is used once");
  side.receive(frame("pong", 3, { nonce: first }));
  await until("it has failed", () => side.stream.signal.aborted);
  assertEquals(side.types.at(-1), "abort");
  await assertRejects(() => side.stream.write("y"), SessionError, "sign of life");
});

Deno.test("CEP41-18: a stream does not last longer than it may", async () => {
  using side = new Side({ maxStreamMs: 5 });
  await side.stream.write("x");
  await until("it has ended", () => side.stream.signal.aborted);
  assertEquals(side.types.at(-1), "abort");
});

Deno.test("CEP41-4: when the call is answered the stream is closed; when it fails, aborted", async () => {
  for (const [hasFailed, last] of [[false, "close"], [true, "abort"]] as const) {
    const [a, b] = pair();
    using _a = a;
    using _b = b;
    await a.stream.write("x");
    await a.stream.settle(hasFailed);
    assertEquals(a.types.at(-1), last);
    assert(a.stream.signal.aborted);
    await assertRejects(() => a.stream.write("y"));
    if (hasFailed) await assertRejects(() => readAll(b.stream), SessionError, "has failed");
    else assertEquals(await readAll(b.stream), "x");
  }
});

Deno.test("F25: a reader settles when the call is answered: at once without a stream, with an error when the stream is not closed in time", async () => {
  using without = new Side();
  without.stream.answered();
  assertEquals(await readAll(without.stream), "");
  for (const frames of [[start, chunk(0)], [chunk(0)]]) {
    using open = new Side({ transferGraceMs: 1 });
    open.receive(...frames);
    open.stream.answered();
    await assertRejects(() => readAll(open.stream), SessionError, "before the stream was closed");
    assertEquals(open.types, [], "who has answered is not told");
  }
  for (const late of [[start, chunk(0)], [start], [chunk(0)]]) {
    using side = new Side();
    const frames = [start, chunk(0), frame("close", 9, { lastChunkIndex: 0 })];
    side.receive(...frames.filter((one) => !late.includes(one)).slice(0, 1));
    side.stream.answered();
    side.receive(...frames);
    assertEquals(await readAll(side.stream), "0");
  }
  using gap = new Side();
  gap.receive(start, frame("close", 9, { lastChunkIndex: 0 }));
  gap.stream.answered();
  gap.receive(chunk(0, "late"));
  assertEquals(await readAll(gap.stream), "late", "what the answer has overtaken still comes");
});

Deno.test("readable and writable are pipes", async () => {
  const [a, b] = pair();
  using _a = a;
  using _b = b;
  const upper = new TransformStream<string, string>({
    transform: (text, controller) => controller.enqueue(text.toUpperCase()),
  });
  const text = readAll(a.stream);
  const piped = b.stream.readable.pipeThrough(upper).pipeTo(b.stream.writable);
  await a.stream.write("hello");
  await a.stream.close();
  await piped;
  assertEquals(await text, "HELLO");
});

Deno.test("CEP41-27, CEP41-29: what a start says beside, and the numbers between chunks, mean nothing", async () => {
  using side = new Side();
  const text = readAll(side.stream);
  side.receive(
    frame("start", 7, { contentType: "x", totalChunks: 99, lastChunkIndex: 0, progress: null }),
    frame("ping", 8, { nonce: "n" }),
    { ...chunk(0, "a"), progress: 40 },
    frame("ping", 41, { nonce: "m" }),
    { ...chunk(1, "b"), progress: 1_000 },
    frame("close", 2_000, { lastChunkIndex: 1 }),
  );
  assertEquals(await text, "ab");
});

Deno.test("CEP41-35: a stream that has ended is not begun again", async () => {
  const [a, b] = pair();
  using _a = a;
  using _b = b;
  await a.stream.write("x");
  await a.stream.close();
  const error = await assertRejects(() => a.stream.write("y"), SessionError);
  assertEquals([error.code, a.types], ["CLOSED", ["start", "chunk", "close"]]);
});

Deno.test("CEP41-24: every frame that counts puts off the question for a sign of life, and no other does", () => {
  const streamIdleMs = 54_321;
  const { setTimeout } = globalThis;
  let timers = 0;
  globalThis.setTimeout = ((handler: () => void, ms: number) => {
    if (ms === streamIdleMs) timers += 1;
    return setTimeout(handler, ms);
  }) as typeof setTimeout;
  try {
    using side = new Side({ streamIdleMs });
    const puts = (one: Frame) => {
      const before = timers;
      side.receive(one);
      return timers > before;
    };
    const frames = [start, chunk(0), frame("ping", 3, { nonce: "n" }), frame("accept", 4)];
    assertEquals(frames.map(puts), [true, true, true, true]);
    assertEquals(puts(frame("pong", 5, { nonce: "never asked for" })), false);
    side.receive(frame("close", 6, { lastChunkIndex: 0 }));
    assertEquals(puts(frame("chunk", 7, { chunkIndex: 1, data: "late" })), false);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});
