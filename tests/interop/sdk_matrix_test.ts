import { assertEquals } from "@std/assert";
import { serveRelay } from "../../cli/relay/mod.ts";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { type NostrServer, serve } from "../../transport/server.ts";
import { checkSection, type Dimension, runMatrix } from "./_matrix.ts";
import {
  ALL_MODES,
  describe,
  type PeerModes,
  type Verdict,
  verdictOfOurClient,
  verdictOfTheirClient,
} from "./_modes.ts";
import { reachServer, until } from "./_peers.ts";
import { SdkPeer } from "./_sdk_peer.ts";
import { EXPECTED_SHORT, makeToolServer } from "./_tools.ts";

/** How long an answer may take where one has to come, milliseconds. */
const ANSWER_MS = 30_000;
/** How long where none may come. */
const SILENCE_MS = 1_000;
/** The error of an MCP client that got no answer. */
const REQUEST_TIMEOUT = -32001;

/** What a large text comes to where a small one comes to `verdict`: 0.11.14 can't encrypt its parts (W15). */
function withLargeText(client: PeerModes, verdict: Verdict, encrypted: Verdict): Verdict {
  return client.encryption !== "disabled" && verdict === "works" ? encrypted : verdict;
}

const unannounced = (client: PeerModes, server: PeerModes) =>
  verdictOfOurClient(client, server, false);
const announced = (client: PeerModes, server: PeerModes) =>
  verdictOfOurClient(client, server, true);

/** The keys of servers of theirs, one for each mode. */
async function serveTheirs(
  relay: string,
  peer: SdkPeer,
  options: { announced: boolean; stream?: boolean },
) {
  const servers = await Promise.all(ALL_MODES.map((modes) => peer.serve([relay], modes, options)));
  return new Map(servers.map(({ publicKey, modes }) => [describe(modes), publicKey]));
}

Deno.test("F27: NostrClientTransport reaches servers of @contextvm/sdk in every mode that can work, or says why not; docs/INTEROP.md says which", async () => {
  await using relay = await serveRelay();
  await using peer = new SdkPeer();
  const quiet = await serveTheirs(relay.url, peer, { announced: false });
  const loud = await serveTheirs(relay.url, peer, { announced: true });
  const streaming = await serveTheirs(relay.url, peer, { announced: false, stream: true });
  await using pool = new RelayPool([relay.url]);
  await until(async () => {
    return (await pool.query([{ kinds: [11316] }])).length === loud.size;
  }, "the announcements of all servers");
  const reach = (
    servers: ReadonlyMap<string, string>,
    options: Pick<Parameters<typeof reachServer>[2], "exercise" | "stateless">,
    expected: Dimension["expected"],
  ): Pick<Dimension, "expected" | "attempt"> => ({
    expected,
    attempt: (client, server) => {
      const timeoutMs = expected(client, server) === "silence" ? SILENCE_MS : ANSWER_MS;
      const key = servers.get(describe(server)) ?? "";
      return reachServer(relay.url, key, { ...options, modes: client, timeoutMs });
    },
  });
  const calls = { exercise: "short" } as const;
  const table = await runMatrix([
    { letter: "C", title: "Handshake, list and call.", ...reach(quiet, calls, unannounced) },
    {
      letter: "A",
      title: "The same, with a server that is announced.",
      ...reach(loud, calls, announced),
    },
    {
      letter: "S",
      title: "List and call in stateless mode.",
      ...reach(quiet, { ...calls, stateless: true }, unannounced),
    },
    {
      letter: "L",
      title: "A call with a large text, there and back (CEP-22).",
      // Their server mixes what two clients send with the same token (F05).
      oneByOne: true,
      ...reach(quiet, { exercise: "large" }, (client, server) => {
        return withLargeText(client, unannounced(client, server), "silence");
      }),
    },
    {
      letter: "T",
      title: "A call with a stream beside it (CEP-41).",
      oneByOne: true, // for the same reason
      ...reach(streaming, { exercise: "stream" }, unannounced),
    },
  ]);
  await checkSection("sdk servers", table);
});

/** Servers of ours, one for each mode, and who got a session with them. */
class OurServers implements AsyncDisposable {
  readonly #servers = new Map<string, { server: NostrServer; clients: Set<string> }>();

  static async start(relay: string, options: { announce: boolean }): Promise<OurServers> {
    const ours = new OurServers();
    await Promise.all(ALL_MODES.map(async (modes) => {
      const clients = new Set<string>();
      const signer = PrivateKeySigner.generate();
      const server = await serve((session) => {
        clients.add(session.peer);
        return makeToolServer({ openStream: ({ requestId }) => session.openStream(requestId) });
      }, { signer, relays: [relay], ...modes, ...options });
      ours.#servers.set(describe(modes), { server, clients });
    }));
    return ours;
  }

  get(modes: PeerModes): { server: NostrServer; clients: ReadonlySet<string> } {
    const found = this.#servers.get(describe(modes));
    if (found === undefined) throw new Error(`no server speaks ${describe(modes)}`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#servers.values()].map(({ server }) => server.close()));
  }
}

Deno.test("serve() answers clients of @contextvm/sdk in every mode that can work, and no others; docs/INTEROP.md says which", async () => {
  await using relay = await serveRelay();
  await using peer = new SdkPeer();
  await using quiet = await OurServers.start(relay.url, { announce: false });
  await using loud = await OurServers.start(relay.url, { announce: true });
  const answer = (
    servers: OurServers,
    options: { stateless?: boolean; large?: boolean; stream?: boolean } = {},
    expected = verdictOfTheirClient,
  ): Pick<Dimension, "expected" | "attempt"> => ({
    expected,
    attempt: async (client, modes): Promise<Verdict | string> => {
      const timeoutMs = expected(client, modes) === "silence" ? SILENCE_MS : ANSWER_MS;
      const { server, clients } = servers.get(modes);
      const call = { ...options, server: server.publicKey, short: true, timeoutMs };
      const outcome = await peer.runClient([relay.url], client, call);
      const heard = clients.has(outcome.publicKey);
      if ("transcript" in outcome) {
        assertEquals([outcome.transcript, heard], [EXPECTED_SHORT, true]);
        return "works";
      }
      const { code, message } = outcome.error;
      if (message.startsWith("invalid plaintext size")) return "unsendable";
      return code === REQUEST_TIMEOUT && !heard ? "silence" : `${code}: ${message}`;
    },
  });
  const table = await runMatrix([
    { letter: "C", title: "Handshake, list and call.", ...answer(quiet) },
    { letter: "A", title: "The same, with a server that is announced.", ...answer(loud) },
    {
      letter: "S",
      title: "List and call in stateless mode.",
      ...answer(quiet, { stateless: true }),
    },
    {
      letter: "L",
      title: "A call with a large text, there and back (CEP-22).",
      ...answer(quiet, { large: true }, (client, server) => {
        return withLargeText(client, verdictOfTheirClient(client, server), "unsendable");
      }),
    },
    {
      letter: "T",
      title: "A call with a stream beside it (CEP-41).",
      ...answer(quiet, { stream: true }),
    },
  ]);
  await checkSection("sdk clients", table);
});
