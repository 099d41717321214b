import { assertEquals } from "@std/assert";
import { createPureEngine, PrivateKeySigner, pureEngine } from "../../../crypto/mod.ts";
import { serve } from "../../../transport/server.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { connect, fixtureServer, network, RawPeer, textOf } from "../_harness.ts";

Deno.test("a client verifies no signature of strangers, also not inside gift wraps", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  await using server = await serve(() => fixtureServer(), { signer, ...network(relay) });
  let verified = 0;
  const engine = {
    ...createPureEngine(),
    verify: (...args: Parameters<typeof pureEngine.verify>) => {
      verified++;
      return pureEngine.verify(...args);
    },
  };
  const me = PrivateKeySigner.generate();
  await using session = await connect(relay, server.publicKey, { signer: me, engine });
  await using stranger = await RawPeer.open(relay);
  const before = verified;
  for (let id = 0; id < 10; id++) {
    const inner = await stranger.message(me.pubkey, { jsonrpc: "2.0", id, result: {} });
    stranger.publish(stranger.wrap(inner, me.pubkey));
  }
  const arguments_ = { message: "after all of them" };
  const result = await session.client.callTool({ name: "echo", arguments: arguments_ });
  assertEquals(textOf(result), "after all of them");
  assertEquals(verified - before, 1);
});
