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
/** The error of an MCP client that got no answer. */
const REQUEST_TIMEOUT = -32001;
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

for (const encryption of ["optional", "required", "disabled"] as const) {
  Deno.test(`serve() with encryption ${encryption} answers clients of @contextvm/sdk in every mode that can work, and no others`, async () => {
    await using relay = await serveRelay();
    await using peer = new SdkPeer();
    const ours = ALL_MODES.filter((modes) => modes.encryption === encryption);
    const rows = await Promise.all(ours.map((modes) => checkClients(relay.url, peer, modes)));
    assertEquals(
      rows.flat().map(({ actual }) => actual),
      rows.flat().map(({ expected }) => expected),
    );
  });
}

/** What each mode of theirs comes to with one of ours, and what it should. */
async function checkClients(relay: string, peer: SdkPeer, modes: PeerModes) {
  const { server, clients } = await serveCounting(relay, modes);
  await using _ = server;
  return await Promise.all(ALL_MODES.map(async (theirs) => {
    const works = verdictOfTheirClient(theirs, modes) === "works";
    const timeoutMs = works ? ANSWER_MS : SILENCE_MS;
    const options = { server: server.publicKey, short: true, timeoutMs };
    const outcome = await peer.runClient([relay], theirs, options);
    const answered = clients.has(outcome.publicKey);
    const result = "transcript" in outcome ? outcome.transcript : outcome.error.code;
    const name = `${describe(theirs)} → ${describe(modes)}`;
    return {
      actual: { name, answered, result },
      expected: { name, answered: works, result: works ? EXPECTED_SHORT : REQUEST_TIMEOUT },
    };
  }));
}

for (const { name, start } of testRelays()) {
  Deno.test(`serve() does everything for clients of @contextvm/sdk on ${name}`, async () => {
    await using relay = await start();
    await using peer = new SdkPeer();
    await Promise.all(USUAL_MODES.map(async (modes) => {
      const { server } = await serveCounting(relay.url, modes);
      await using _ = server;
      const options = { server: server.publicKey, short: false, timeoutMs: ANSWER_MS };
      const outcome = await peer.runClient([relay.url], modes, options);
      const transcript = "transcript" in outcome ? outcome.transcript : outcome.error;
      assertEquals({ modes, transcript }, { modes, transcript: EXPECTED });
    }));
  });
}
