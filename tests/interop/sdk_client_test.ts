import { assertEquals } from "@std/assert";
import { testRelays } from "../relays/mod.ts";
import { USUAL_MODES } from "./_modes.ts";
import { serveTools } from "./_peers.ts";
import { SdkPeer } from "./_sdk_peer.ts";
import { EXPECTED } from "./_tools.ts";

/** How long a client of theirs waits for each answer, milliseconds. */
const ANSWER_MS = 10_000;

for (const { name, start } of testRelays()) {
  Deno.test(`serve() does everything for clients of @contextvm/sdk on ${name}`, async () => {
    await using relay = await start();
    await using peer = new SdkPeer();
    await Promise.all(USUAL_MODES.map(async (modes) => {
      await using server = await serveTools([relay.url], modes);
      const options = { server: server.publicKey, short: false, timeoutMs: ANSWER_MS };
      const outcome = await peer.runClient([relay.url], modes, options);
      const transcript = "transcript" in outcome ? outcome.transcript : outcome.error;
      assertEquals({ modes, transcript }, { modes, transcript: EXPECTED });
    }));
  });
}
