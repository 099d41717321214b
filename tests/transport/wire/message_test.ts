import { assertEquals, assertThrows } from "@std/assert";
import { EventError } from "../../../errors.ts";
import {
  cancelledRequestOf,
  isNotification,
  isRequest,
  isResponse,
  parseMessage,
  progressOf,
  progressTokenOf,
  withIds,
} from "../../../transport/wire/message.ts";

Deno.test("parseMessage() tells the four kinds of message apart", () => {
  const kinds = (text: string) => {
    const message = parseMessage(text);
    return [isRequest(message), isNotification(message), isResponse(message)];
  };
  assertEquals(kinds('{"jsonrpc":"2.0","id":0,"method":"ping"}'), [true, false, false]);
  assertEquals(kinds('{"method":"notifications/initialized","jsonrpc":"2.0"}'), [
    false,
    true,
    false,
  ]);
  assertEquals(kinds('{"jsonrpc":"2.0","id":"a","result":{}}'), [false, false, true]);
  assertEquals(kinds('{"jsonrpc":"2.0","error":{"code":-1,"message":"x"}}'), [false, false, true]);
});

Deno.test("parseMessage() refuses what is not JSON-RPC 2.0", () => {
  const hostile = [
    "",
    "null",
    "[]",
    '"text"',
    "{}",
    '{"jsonrpc":"1.0","id":1,"method":"ping"}',
    '{"jsonrpc":"2.0","id":null,"method":"ping"}',
    '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":7}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":1}}',
    '{"jsonrpc":"2.0","result":{}}',
    '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"x"}}',
  ];
  for (const content of hostile) {
    const error = assertThrows(() => parseMessage(content), EventError);
    assertEquals(error.code, "EVENT_INVALID", content);
  }
});

Deno.test("parseMessage() passes unknown fields untouched", () => {
  const text =
    '{"jsonrpc":"2.0","id":1,"method":"x/y","params":{"a":{"b":1},"_meta":{"k":[]}},"z":1}';
  assertEquals(JSON.stringify(parseMessage(text)), text);
});

Deno.test("progressTokenOf() takes 0 and the empty string for tokens (W7)", () => {
  for (const progressToken of [0, "", 7, "t"]) {
    const request = { jsonrpc: "2.0", id: 1, method: "m", params: { _meta: { progressToken } } };
    assertEquals(progressTokenOf(request as Parameters<typeof progressTokenOf>[0]), progressToken);
  }
});

Deno.test("withIds() changes the id, and the token only where there is one", () => {
  const plain = { jsonrpc: "2.0" as const, id: 1, method: "m", params: { a: 1 } };
  assertEquals(withIds(plain, "e", "e"), { ...plain, id: "e" });
  const tracked = { ...plain, params: { a: 1, _meta: { progressToken: 0, other: true } } };
  assertEquals(withIds(tracked, "e", "e").params, {
    a: 1,
    _meta: { progressToken: "e", other: true },
  });
  assertEquals(tracked.params._meta.progressToken, 0);
});

Deno.test("progressOf() and cancelledRequestOf() read their own notification only", () => {
  const progress = {
    jsonrpc: "2.0" as const,
    method: "notifications/progress",
    params: { progressToken: 0 },
  };
  const cancelled = {
    jsonrpc: "2.0" as const,
    method: "notifications/cancelled",
    params: { requestId: "r" },
  };
  assertEquals([progressOf(progress), progressOf(cancelled)], [0, undefined]);
  assertEquals([cancelledRequestOf(progress), cancelledRequestOf(cancelled)], [undefined, "r"]);
});
