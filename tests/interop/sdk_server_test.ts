import { assertEquals } from "@std/assert";
import { testRelays } from "../relays/mod.ts";
import { describe, USUAL_MODES } from "./_modes.ts";
import { reachServer } from "./_peers.ts";
import { SdkPeer } from "./_sdk_peer.ts";

// One pair after the other. A server of the SDK runs plain requests that are addressed to other servers, which
// `@nostr-relay` delivers to everybody (R2), and it sends progress by the token alone: to another pair's client when
// both calls are under way. Ours checks the address and keeps tokens apart.
for (const { name, start } of testRelays()) {
  Deno.test(`NostrClientTransport does everything with servers of @contextvm/sdk on ${name}`, async () => {
    await using relay = await start();
    await using peer = new SdkPeer();
    for (const modes of USUAL_MODES) {
      const { publicKey } = await peer.serve([relay.url], modes);
      const verdict = await reachServer(relay.url, publicKey, { modes, exercise: "full" });
      assertEquals(`${describe(modes)}: ${verdict}`, `${describe(modes)}: works`);
    }
  });
}
