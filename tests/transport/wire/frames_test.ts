import { assertEquals } from "@std/assert";
import { frameMessage, frameOf } from "../../../transport/wire/frames.ts";
import type { JsonRpcMessage } from "../../../transport/types.ts";

Deno.test("frameMessage() puts a frame into a progress notification, as the CEPs show it (CEP22-6)", () => {
  const frame = {
    profile: "oversized-transfer",
    frameType: "chunk",
    token: "3",
    progress: 2,
    fields: { data: "{}" },
  } as const;
  assertEquals(frameMessage(frame, "on its way"), {
    jsonrpc: "2.0",
    method: "notifications/progress",
    params: {
      progressToken: "3",
      progress: 2,
      message: "on its way",
      cvm: { type: "oversized-transfer", frameType: "chunk", data: "{}" },
    },
  });
});

Deno.test("frameOf() reads a frame, with its token as a string", () => {
  const message: JsonRpcMessage = {
    jsonrpc: "2.0",
    method: "notifications/progress",
    params: { progressToken: 3, progress: 2, cvm: { type: "open-stream", frameType: "start" } },
  };
  const { profile, frameType, token, progress } = frameOf(message) ?? {};
  assertEquals([profile, frameType, token, progress], ["open-stream", "start", "3", 2]);
});

Deno.test("frameOf() finds no frame in what is none", () => {
  const good = {
    progressToken: "a",
    progress: 1,
    cvm: { type: "oversized-transfer", frameType: "start" },
  };
  const params: Record<string, unknown>[] = [
    { progressToken: "a", progress: 1 },
    { ...good, cvm: null },
    { ...good, cvm: [] },
    { ...good, cvm: { type: "something else", frameType: "start" } },
    { ...good, cvm: { type: "oversized-transfer", frameType: 1 } },
    { ...good, progressToken: {} },
    { ...good, progressToken: "a".repeat(257) },
    { ...good, progress: "1" },
  ];
  for (const one of params) {
    assertEquals(
      frameOf({ jsonrpc: "2.0", method: "notifications/progress", params: one }),
      undefined,
    );
  }
  assertEquals(
    frameOf({ jsonrpc: "2.0", method: "notifications/message", params: good }),
    undefined,
  );
});
