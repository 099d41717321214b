import { assert, assertEquals } from "@std/assert";
import { BunkerSigner as ToolsSigner, parseBunkerInput } from "@nostr/tools/nip46";
import { serveRelay } from "../../cli/relay/mod.ts";
import { PrivateKeySigner, verifyEvent } from "../../crypto/mod.ts";
import { BunkerSigner, parseBunkerAddress } from "../../transport/mod.ts";
import { Bunker } from "../transport/signer/_bunker.ts";

Deno.test("the bunker of the tests serves nostr-tools as it serves BunkerSigner", async () => {
  await using relay = await serveRelay();
  await using bunker = await Bunker.open([relay.url], { secret: "s" });
  const pointer = await parseBunkerInput(bunker.address);
  assert(pointer !== null);
  assertEquals(parseBunkerAddress(bunker.address), {
    pubkey: pointer.pubkey,
    relays: pointer.relays.map((url) => url.replace(/\/$/, "")),
    secret: pointer.secret ?? "",
  });
  const template = { kind: 1, created_at: 1_700_000_000, tags: [], content: "hello" };
  const key = crypto.getRandomValues(new Uint8Array(32));
  const tools = ToolsSigner.fromBunker(key, pointer, { skipSwitchRelays: true });
  await tools.connect();
  assertEquals(await tools.getPublicKey(), bunker.user.pubkey);
  const theirs = await tools.signEvent({ ...template });
  await tools.close();
  // The same application key comes back with our signer: the bunker knows it.
  const clientSigner = new PrivateKeySigner(key);
  await using ours = await BunkerSigner.connect(bunker.address, { clientSigner, isKnown: true });
  assertEquals((await ours.signEvent(template)).id, theirs.id);
  assert(verifyEvent(await ours.signEvent(template)));
});
