import { assertEquals } from "@std/assert";
import { parseRelayInfo } from "../../../transport/relay/nip11.ts";

Deno.test("parseRelayInfo() keeps what has the right type", () => {
  const info = parseRelayInfo(JSON.stringify({
    name: "a relay\u0007",
    software: 7,
    supported_nips: [1, 11, "42", -1, 1.5],
    unknown: { x: 1 },
    limitation: {
      max_message_length: 131_072,
      max_subscriptions: "many",
      auth_required: true,
      payment_required: "no",
      created_at_upper_limit: 900,
      max_content_length: -5,
    },
  }));
  assertEquals(info, {
    name: "a relay",
    supported_nips: [1, 11],
    limitation: { max_message_length: 131_072, auth_required: true, created_at_upper_limit: 900 },
  });
});

Deno.test("parseRelayInfo() takes a web page for no document", () => {
  for (const text of ["<html>", "", "[]", "null", '"x"']) {
    assertEquals(parseRelayInfo(text), undefined);
  }
});
