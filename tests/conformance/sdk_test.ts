import { assertEquals } from "@std/assert";
import { serveRelay } from "../../cli/relay/mod.ts";
import { openWebSocket } from "../../cli/websocket.ts";
import {
  conformanceCases,
  type ConformanceTriple,
  runConformance,
} from "../../transport/testing/mod.ts";
import { SdkPeer } from "../interop/_sdk_peer.ts";

/** How long the SDK may take where an answer has to come, milliseconds. */
const ANSWER_MS = 5_000;

/** What version 0.11.14 is known not to do: the suite must see it. */
const KNOWN: Readonly<Record<string, string>> = {
  "server/refuses-foreign-kind": "it runs inner events of any kind",
  "server/refuses-foreign-recipient": "it does not look at p",
  "server/refuses-stale": "it does not look at created_at",
  "server/never-downgrades": "it answers in the mode of the client's last message",
  "server/cancels": "it passes the client's id on, and knows the call by another one",
  "server/asks-its-client": "it sends no requests",
  "server/knows-who-cannot-answer": "it sends no requests",
  "server/equal-messages": "equal messages of a second are one event",
  "client/equal-messages": "equal messages of a second are one event",
  "client/ignores-forged": "it does not look at created_at",
  "client/ignores-plain-answers": "it takes plain answers in every mode",
  "client/delivers-once": "it knows the wraps that it has seen, and not the events inside",
  "client/answers-questions": "it takes no requests",
  "client/reaches-ephemeral-only": "it begins with a stored wrap, and tries nothing else",
};

/** What depends on the moment. */
const SKIPPED = {
  "server/keeps-clients-apart":
    "it sends progress by the token alone, so calls at the same time mix",
};

/** The cases that fail for one side of the SDK; the other side is left out. */
async function failures(role: "server" | "client"): Promise<string[]> {
  await using relay = await serveRelay();
  await using peer = new SdkPeer();
  const relays = [relay.url];
  const triple: ConformanceTriple = {
    relay: { urls: relays, webSocket: openWebSocket },
    ...(role === "client"
      ? { openClient: (options) => peer.transport({ ...options, relays, role }) }
      : {
        startServer: async ({ createMcpServer, announce, ...modes }) => {
          const transport = peer.transport({ ...modes, relays, role, announced: announce });
          await createMcpServer().connect(transport);
          return { publicKey: transport.publicKey, close: () => transport.close() };
        },
      }),
  };
  const setup = () => triple;
  const report = await runConformance({ setup, skip: SKIPPED, timeoutMs: ANSWER_MS });
  return report.results.filter(({ status }) => status === "failed").map(({ id }) => id);
}

for (const role of ["server", "client"] as const) {
  Deno.test(`runConformance() finds what a ${role} of @contextvm/sdk does not do, and nothing else`, async () => {
    const ids = conformanceCases().map(({ id }) => id).filter((id) => id.startsWith(role));
    const expected = ids.filter((id) => Object.hasOwn(KNOWN, id));
    assertEquals(await failures(role), expected);
  });
}
