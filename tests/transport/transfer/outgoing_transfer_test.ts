import { assert, assertEquals, assertRejects } from "@std/assert";
import { RelayError, SessionError } from "../../../errors.ts";
import {
  OutgoingTransfer,
  type OutgoingTransferOptions,
  type PostedFrame,
} from "../../../transport/transfer/outgoing_transfer.ts";
import type { TransferLimits } from "../../../transport/transfer/limits.ts";
import { type Frame, frameOf } from "../../../transport/wire/frames.ts";
import { until } from "../_harness.ts";
import { ANSWER, limits, Receiver, TEXT } from "./_harness.ts";

/** A way out that keeps what leaves, and takes it at once unless told otherwise. */
class Channel {
  readonly maxChunkBytes = 12;
  readonly frames: Frame[] = [];
  taken: (frame: Frame) => Promise<unknown> = () => Promise.resolve();

  post(message: Parameters<typeof frameOf>[0]): Promise<PostedFrame> {
    const frame = frameOf(message)!;
    this.frames.push(frame);
    return Promise.resolve({ taken: this.taken(frame) });
  }

  get types(): readonly string[] {
    return this.frames.map(({ frameType }) => frameType);
  }
}

function transfer(
  change: Partial<TransferLimits> = {},
  options: Partial<OutgoingTransferOptions> = {},
): OutgoingTransfer {
  return new OutgoingTransfer({ token: "t", isWelcome: true, limits: limits(change), ...options });
}

Deno.test("OutgoingTransfer sends frames that a receiver makes the message of (CEP22-6, CEP22-8, CEP22-10)", async () => {
  const channel = new Channel();
  const shares: number[] = [];
  const end = await transfer({}, { onProgress: (share) => shares.push(share) }).send(TEXT, channel);
  await end.taken;
  assertEquals(channel.types.slice(0, 2), ["start", "chunk"]);
  assertEquals(channel.types.at(-1), "end");
  assertEquals(channel.frames.map(({ progress }) => progress), channel.frames.map((_, i) => i + 1));
  assert(shares.every((share, i) => share > (shares[i - 1] ?? 0) && share <= 1));
  const receiver = new Receiver();
  await receiver.take(...channel.frames);
  assertEquals(receiver.messages, [ANSWER]);
});

Deno.test("F23, CEP22-7, CEP22-17: no chunk leaves before the accept where support is unknown; its number is kept free", async () => {
  const channel = new Channel();
  const outgoing = transfer({}, { isWelcome: false });
  const sent = outgoing.send(TEXT, channel);
  await until("the start leaves", () => channel.frames.length === 1);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assertEquals(channel.types, ["start"]);
  outgoing.accept();
  await (await sent).taken;
  assertEquals(channel.frames[1]!.progress, 3);
});

Deno.test("F23: a transfer that nobody accepts ends in an error that says so, and in an abort", async () => {
  const channel = new Channel();
  const error = await assertRejects(
    () => transfer({ acceptTimeoutMs: 1 }, { isWelcome: false }).send(TEXT, channel),
    SessionError,
    "CEP-22",
  );
  assertEquals([error.code, channel.types], ["MESSAGE_TOO_LARGE", ["start", "abort"]]);
});

Deno.test("CEP22-14, CEP35-12: a transfer that the peer aborts, though it says that it takes them, stops, and says why", async () => {
  const channel = new Channel();
  channel.taken = () => new Promise(() => {});
  const outgoing = transfer({ maxFramesInFlight: 1 });
  const sent = outgoing.send(TEXT, channel);
  await until("the window is full", () => channel.frames.length === 1);
  outgoing.abortedByPeer("no room");
  await assertRejects(() => sent, SessionError, "no room");
  assertEquals(channel.types, ["start"], "who has ended it is not told");
});

Deno.test("OutgoingTransfer keeps a bounded number of frames on their way", async () => {
  const channel = new Channel();
  const waiting: (() => void)[] = [];
  channel.taken = () => new Promise<void>((resolve) => waiting.push(resolve));
  const sent = transfer({ maxFramesInFlight: 2 }).send(TEXT, channel);
  await until("two leave", () => channel.frames.length === 2);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assertEquals(channel.frames.length, 2);
  waiting.shift()!();
  await until("one more leaves", () => channel.frames.length === 3);
  channel.taken = () => Promise.resolve();
  for (const resolve of waiting) resolve();
  await (await sent).taken;
});

Deno.test("F23: when relays refuse a frame, the transfer fails with their words and the peer is told", async () => {
  const channel = new Channel();
  channel.taken = ({ progress }) =>
    progress === 3
      ? Promise.reject(new RelayError("PUBLISH_REFUSED", "rate-limited: slow down", []))
      : Promise.resolve();
  const error = await assertRejects(async () => {
    await (await transfer().send(TEXT, channel)).taken;
  }, RelayError);
  assertEquals(error.code, "PUBLISH_REFUSED");
  assertEquals(channel.types.at(-1), "abort");
});

Deno.test("CEP22-16: a transfer that takes too long ends", async () => {
  const channel = new Channel();
  channel.taken = () => new Promise(() => {});
  const error = await assertRejects(
    () => transfer({ maxFramesInFlight: 1, transferTimeoutMs: 5 }).send(TEXT, channel),
    SessionError,
    "transferTimeoutMs",
  );
  assertEquals(error.code, "TRANSFER_FAILED");
});

Deno.test("OutgoingTransfer refuses what is beyond its bounds, and nothing leaves", async () => {
  for (const change of [{ maxTransferBytes: 10 }, { maxTransferChunks: 2 }]) {
    const channel = new Channel();
    const error = await assertRejects(() => transfer(change).send(TEXT, channel), SessionError);
    assertEquals([error.code, channel.frames], ["MESSAGE_TOO_LARGE", []]);
  }
});
