import { assertEquals } from "@std/assert";
import { serveRelay } from "../../cli/relay/mod.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { testRelays } from "../relays/mod.ts";
import {
  ALL_MODES,
  describe,
  type PeerModes,
  USUAL_MODES,
  type Verdict,
  verdictOfOurClient,
} from "./_modes.ts";
import { ConnectedClient, until } from "./_peers.ts";
import { SdkPeer, type SdkServer } from "./_sdk_peer.ts";
import { errorOf, exercise, EXPECTED, EXPECTED_SHORT } from "./_tools.ts";

/** How long a server may be silent before our client says why, milliseconds. */
const HANDSHAKE_MS = 1_500;

/** What became of a client of ours: a verdict, or what went wrong on the way to one. */
async function outcome(
  relay: string,
  server: SdkServer,
  modes: PeerModes,
  { short }: { short: boolean },
): Promise<Verdict | string> {
  const started = performance.now();
  try {
    await using client = await ConnectedClient.open([relay], server.publicKey, {
      ...modes,
      handshakeTimeoutMs: HANDSHAKE_MS,
    });
    const transcript = await exercise(client.mcp, { short, timeoutMs: 10_000 });
    assertEquals(transcript, short ? EXPECTED_SHORT : EXPECTED);
    return "works";
  } catch (error) {
    return failure(error, performance.now() - started);
  }
}

/** An error that says what is wrong, in time, as a verdict; any other one as it is. */
function failure(error: unknown, tookMs: number): Verdict | string {
  const { code, message } = errorOf(error);
  const saysWhy = /\(?(encryption: (optional|required|disabled)|giftWrap: \w+)\)?/.test(message);
  if (!saysWhy || tookMs > HANDSHAKE_MS * 3) return `${code} after ${tookMs} ms: ${message}`;
  if (code === "ENCRYPTION_MISMATCH") return "mismatch";
  const silent = typeof error === "object" && error !== null && "data" in error &&
    (error.data as { code?: unknown } | undefined)?.code === "SERVER_NOT_ANSWERING";
  return silent ? "silence" : `${code}: ${message}`;
}

/** Runs each of our modes against each server, and compares with the verdicts. */
async function checkMatrix(
  relay: string,
  ours: readonly PeerModes[],
  servers: readonly SdkServer[],
  announced: boolean,
): Promise<void> {
  const pairs = ours.flatMap((modes) => servers.map((server) => ({ modes, server })));
  const rows = await Promise.all(pairs.map(async ({ modes, server }) => {
    const name = `${describe(modes)} → ${describe(server.modes)}`;
    const expected = verdictOfOurClient(modes, server.modes, announced);
    const actual = await outcome(relay, server, modes, { short: true });
    return { name, expected, actual };
  }));
  assertEquals(
    rows.map(({ name, actual }) => `${name}: ${actual}`),
    rows.map(({ name, expected }) => `${name}: ${expected}`),
  );
}

for (const encryption of ["optional", "required", "disabled"] as const) {
  const ours = ALL_MODES.filter((modes) => modes.encryption === encryption);

  Deno.test(`F27: NostrClientTransport with encryption ${encryption} reaches servers of @contextvm/sdk in every mode that can work, or says why not`, async () => {
    await using relay = await serveRelay();
    await using peer = new SdkPeer();
    const servers = await Promise.all(ALL_MODES.map((modes) => peer.serve([relay.url], modes)));
    await checkMatrix(relay.url, ours, servers, false);
  });

  Deno.test(`F27: NostrClientTransport with encryption ${encryption} uses what servers of @contextvm/sdk announce`, async () => {
    await using relay = await serveRelay();
    await using peer = new SdkPeer();
    const servers = await Promise.all(
      ALL_MODES.map((modes) => peer.serve([relay.url], modes, { announced: true })),
    );
    await using pool = new RelayPool([relay.url]);
    await until(async () => {
      const announcements = await pool.query([{ kinds: [11316] }]);
      return announcements.length === servers.length;
    }, "the announcements of all servers");
    await checkMatrix(relay.url, ours, servers, true);
  });
}

// One pair after the other. A server of the SDK runs plain requests that are addressed to other servers, which
// `@nostr-relay` delivers to everybody (R2), and it sends progress by the token alone: to another pair's client when
// both calls are under way. Ours checks the address and keeps tokens apart (F01, F05).
for (const { name, start } of testRelays()) {
  Deno.test(`NostrClientTransport does everything with servers of @contextvm/sdk on ${name}`, async () => {
    await using relay = await start();
    await using peer = new SdkPeer();
    for (const modes of USUAL_MODES) {
      const server = await peer.serve([relay.url], modes);
      const verdict = await outcome(relay.url, server, modes, { short: false });
      assertEquals(`${describe(modes)}: ${verdict}`, `${describe(modes)}: works`);
    }
  });
}
