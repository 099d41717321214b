import { assertEquals } from "@std/assert";
import { serveRelay } from "../../cli/relay/mod.ts";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { type NostrServer, serve } from "../../transport/server.ts";
import { testRelays } from "../relays/mod.ts";
import {
  ALL_MODES,
  describe,
  type PeerModes,
  USUAL_MODES,
  verdictOfTheirClient,
} from "./_modes.ts";
import { SdkPeer } from "./_sdk_peer.ts";
import { EXPECTED, EXPECTED_SHORT, makeToolServer } from "./_tools.ts";

/** How long a client of theirs waits for each answer where one has to come, milliseconds. */
const ANSWER_MS = 10_000;
/** How long where none may come. */
const SILENCE_MS = 700;

/** A server of ours that knows whom it has answered. */
async function serveCounting(
  relay: string,
  modes: PeerModes,
): Promise<{ server: NostrServer; clients: ReadonlySet<string> }> {
  const clients = new Set<string>();
  const server = await serve(({ peer }) => {
    clients.add(peer);
    return makeToolServer();
  }, { signer: PrivateKeySigner.generate(), relays: [relay], ...modes });
  return { server, clients };
}

for (const modes of ALL_MODES) {
  Deno.test(`serve() with ${describe(modes)} answers clients of @contextvm/sdk in every mode that can work, and no others`, async () => {
    await using relay = await serveRelay();
    await using peer = new SdkPeer();
    const { server, clients } = await serveCounting(relay.url, modes);
    await using _ = server;
    const rows = await Promise.all(ALL_MODES.map(async (theirs) => {
      const works = verdictOfTheirClient(theirs, modes) === "works";
      const timeoutMs = works ? ANSWER_MS : SILENCE_MS;
      const options = { server: server.publicKey, short: true, timeoutMs };
      const outcome = await peer.runClient([relay.url], theirs, options);
      const answered = clients.has(outcome.publicKey);
      const actual = "transcript" in outcome ? outcome.transcript : outcome.error.code;
      const name = describe(theirs);
      return {
        actual: { name, answered, actual },
        expected: { name, answered: works, actual: works ? EXPECTED_SHORT : -32001 },
      };
    }));
    assertEquals(rows.map(({ actual }) => actual), rows.map(({ expected }) => expected));
  });
}

for (const { name, start } of testRelays()) {
  Deno.test(`serve() does everything for clients of @contextvm/sdk on ${name}`, async () => {
    await using relay = await start();
    await using peer = new SdkPeer();
    for (const modes of USUAL_MODES) {
      const { server } = await serveCounting(relay.url, modes);
      await using _ = server;
      const options = { server: server.publicKey, short: false, timeoutMs: ANSWER_MS };
      const outcome = await peer.runClient([relay.url], modes, options);
      const transcript = "transcript" in outcome ? outcome.transcript : outcome.error;
      assertEquals({ modes, transcript }, { modes, transcript: EXPECTED });
    }
  });
}
