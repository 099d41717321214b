import { assert, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../../errors.ts";
import { normalizeRelayUrl } from "../../../transport/relay/url.ts";

Deno.test("normalizeRelayUrl() brings a relay's URL into its one form", () => {
  for (
    const [text, expected] of [
      ["wss://relay.example.com", "wss://relay.example.com"],
      [" WSS://Relay.Example.COM:443/ ", "wss://relay.example.com"],
      ["ws://127.0.0.1:80/", "ws://127.0.0.1"],
      ["ws://[::1]:7777", "ws://[::1]:7777"],
      ["wss://relay.example.com/Path/", "wss://relay.example.com/Path/"],
      ["wss://relay.example.com/?a=1", "wss://relay.example.com/?a=1"],
      ["wss://relay.example.com/#top", "wss://relay.example.com"],
    ] as const
  ) {
    assertEquals(normalizeRelayUrl(text), expected);
    assertEquals(normalizeRelayUrl(expected), expected);
  }
});

Deno.test("normalizeRelayUrl() refuses what is no relay URL, and repeats no password", () => {
  for (
    const text of [
      "",
      "relay.example.com",
      "https://relay.example.com",
      "wss://",
      "wss://user:secret@relay.example.com",
      `wss://relay.example.com/${"x".repeat(3_000)}`,
    ]
  ) {
    const error = assertThrows(() => normalizeRelayUrl(text), InputError);
    assertEquals(error.code, "RELAY_URL_INVALID");
    assert(!error.message.includes("secret"));
    assert(error.message.length < 300);
  }
});
