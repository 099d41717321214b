import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { formatNpub, PrivateKeySigner } from "../../../crypto/mod.ts";
import { InputError } from "../../../errors.ts";
import { AccessPolicy } from "../../../transport/session/access.ts";

const call = (name: string) => ({
  jsonrpc: "2.0" as const,
  id: 1,
  method: "tools/call",
  params: { name },
});
const initialize = { jsonrpc: "2.0" as const, id: 0, method: "initialize" };
const peer = await PrivateKeySigner.generate().getPublicKey();
const stranger = await PrivateKeySigner.generate().getPublicKey();

Deno.test("F03: without an allowlist everyone is let in, with an empty one nobody", () => {
  assertEquals(new AccessPolicy().allows(peer, call("x")), true);
  assertEquals(new AccessPolicy({ allow: [] }).allows(peer, call("x")), false);
  assertEquals(new AccessPolicy({ allow: [] }).allows(peer, initialize), false);
});

Deno.test("F03: every key of the allowlist is normalized, whatever its form", () => {
  for (const form of [peer, peer.toUpperCase(), formatNpub(peer), ` ${peer} `]) {
    const policy = new AccessPolicy({ allow: [form] });
    assertEquals([policy.allows(peer, call("x")), policy.allows(stranger, call("x"))], [
      true,
      false,
    ]);
  }
});

Deno.test("F03: a key of the allowlist that is none is an error, not an entry that never matches", () => {
  for (const key of ["", "npub1x", peer.slice(1), "*"]) {
    assertEquals(
      assertThrows(() => new AccessPolicy({ allow: [key] }), InputError).code,
      "KEY_INVALID",
    );
  }
});

Deno.test("AccessPolicy.allows() opens excluded capabilities to everyone, and the handshake with them", () => {
  const policy = new AccessPolicy({
    allow: [peer],
    exclude: [{ method: "tools/list" }, { method: "tools/call", name: "open" }],
  });
  const verdict = (message: Parameters<typeof policy.allows>[1]) =>
    policy.allows(stranger, message);
  assertEquals(verdict(initialize), true);
  assertEquals(verdict({ jsonrpc: "2.0", id: 1, method: "tools/list" }), true);
  assertEquals(verdict(call("open")), true);
  assertEquals(verdict(call("closed")), false);
  assertEquals(verdict({ jsonrpc: "2.0", id: 1, method: "resources/list" }), false);
  assertEquals(verdict({ jsonrpc: "2.0", id: 1, result: {} }), false);
});

Deno.test("AccessPolicy.allows() asks `authorize`, which refuses by false, by throwing and by taking too long", async () => {
  const seen: unknown[] = [];
  const ask = (authorize: () => boolean | Promise<boolean>) =>
    new AccessPolicy({
      authorizeTimeoutMs: 20,
      authorize: (request) => (seen.push(request), authorize()),
    }).allows(peer, call("x"));
  assertEquals(await ask(() => true), true);
  assertEquals(await ask(() => Promise.resolve(false)), false);
  assertEquals(await ask(() => new Promise<boolean>(() => {})), false);
  await assertRejects(
    async () => await ask(() => Promise.reject(new Error("db down"))),
    Error,
    "db down",
  );
  assertEquals(seen[0], { peer, method: "tools/call", name: "x" });
});

Deno.test("AccessPolicy asks a set of keys for each message, so that it may change", () => {
  const peer = "a".repeat(64);
  const keys = new Set<string>();
  const policy = new AccessPolicy({ allow: keys });
  const message = { jsonrpc: "2.0" as const, id: 1, method: "ping" };
  assertEquals(policy.allows(peer, message), false);
  keys.add(peer);
  assertEquals(policy.allows(peer, message), true);
  keys.delete(peer);
  assertEquals(policy.allows(peer, message), false);
});
