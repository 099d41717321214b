/**
 * What a server does with a message, tried by a client that is played by hand.
 *
 * @module
 */
import { getEventId, type NostrEvent, verifyEvent } from "../../../crypto/event.ts";
import { SUPPORT_ENCRYPTION, SUPPORT_ENCRYPTION_EPHEMERAL, tagValue } from "../../wire/tags.ts";
import { initialize, startServer } from "./_beginnings.ts";
import { check, checkSame, waitFor } from "./failure.ts";
import type { CaseDefinition, Stage } from "./stage.ts";
import type { WirePeer } from "./wire_peer.ts";

/** An hour, seconds: far outside of every window of freshness. */
const HOUR = 3_600;

const needs = ["server"] as const;

/** Checks that a wrapped event is not run. */
async function checkRefused(
  stage: Stage,
  make: (peer: WirePeer, server: string) => Promise<NostrEvent[]>,
): Promise<void> {
  const { server, peer } = await startServer(stage);
  const inner = await make(peer, server.publicKey);
  const wraps = inner.map((event) => peer.wrap(event, server.publicKey, 21059));
  checkSame(await stage.ranAfter(peer, server, wraps), [], "what was run of it");
}

/** Messages, wraps, identity. */
const IDENTITY: readonly CaseDefinition[] = [
  {
    id: "server/answers-plain",
    title: "A plain request is answered in plain text, with its JSON-RPC id, p and e.",
    requirement: "SPEC-3",
    needs,
    async play(stage) {
      const { server, peer } = await startServer(stage);
      const call = stage.toolCall("echo", { text: "hello" });
      const request = await peer.send(call, { to: server.publicKey, wrap: "plain" });
      const { event, wrap, message } = await peer.answerTo(request);
      checkSame([wrap, event.kind, event.pubkey], ["plain", 25910, server.publicKey], "the event");
      check(tagValue(event.tags, "p") === peer.publicKey, "p names the client", event.tags);
      check("id" in message && message.id === call.id, "the id is the client's own", message);
    },
  },
  {
    id: "server/answers-encrypted",
    title: "An encrypted request is answered in a gift wrap that names nobody but its recipient.",
    requirement: "CEP4-1",
    needs,
    async play(stage) {
      const { server, peer } = await startServer(stage);
      const answer = await stage.callByHand(peer, server.publicKey, 21059, "echo", { text: "x" });
      const { outer, event, wrap } = answer;
      check(wrap !== "plain", "the answer is in a gift wrap");
      checkSame(outer.tags, [["p", peer.publicKey]], "the tags of the wrap");
      check(outer.pubkey !== server.publicKey, "the wrap is signed by a one-time key");
      check(event.pubkey === server.publicKey && verifyEvent(event), "the server signed inside");
    },
  },
  {
    id: "server/passes-errors",
    title: "A JSON-RPC error reaches who asked, with the id and the e of the request.",
    requirement: "SPEC-3",
    needs,
    async play(stage) {
      const { server, peer } = await startServer(stage);
      const request = { jsonrpc: "2.0", id: "an id", method: "no/such/method" };
      const event = await peer.send(request, { to: server.publicKey, wrap: 21059 });
      const { message } = await peer.answerTo(event);
      check("error" in message && message.error.code === -32601, "the code is -32601", message);
      checkSame(message.id, "an id", "the id");
    },
  },
  {
    id: "server/refuses-foreign-kind",
    title: "What is not of kind 25910 inside a gift wrap is not run.",
    requirement: "F01",
    needs,
    play: (stage) =>
      checkRefused(stage, async (peer, server) => {
        const call = stage.toolCall("echo", { text: "kind 1" });
        return [await peer.sign(call, server, { kind: 1 })];
      }),
  },
  {
    id: "server/refuses-foreign-recipient",
    title: "A message that is addressed to somebody else is not run, in whatever wrap it comes.",
    requirement: "F01",
    needs,
    play: (stage) =>
      checkRefused(stage, async (peer) => {
        const other = await stage.peer();
        return [await peer.sign(stage.toolCall("echo", { text: "stolen" }), other.publicKey)];
      }),
  },
  {
    id: "server/refuses-forged-author",
    title: "A message whose signature does not hold, or is another key's, is not run.",
    requirement: "F01",
    needs,
    play: (stage) =>
      checkRefused(stage, async (peer, server) => {
        const other = await stage.peer();
        const event = await peer.sign(stage.toolCall("echo", { text: "forged" }), server);
        const forged = { ...event, pubkey: other.publicKey };
        const flipped = event.sig.slice(0, -1) + (event.sig.endsWith("0") ? "1" : "0");
        return [{ ...forged, id: getEventId(forged) }, { ...event, sig: flipped }];
      }),
  },
  {
    id: "server/refuses-stale",
    title: "A message from an hour ago, or from an hour ahead, is not run.",
    requirement: "F01",
    needs,
    play: (stage) =>
      checkRefused(stage, async (peer, server) => {
        const now = Math.floor(Date.now() / 1000);
        return await Promise.all([now - HOUR, now + HOUR].map((created_at) => {
          return peer.sign(stage.toolCall("echo", { text: "stale" }), server, { created_at });
        }));
      }),
  },
  {
    id: "server/runs-once",
    title: "A message that comes in several wraps, of one kind or of both, is run once.",
    requirement: "F15",
    needs,
    async play(stage) {
      const { server, peer } = await startServer(stage);
      const event = await peer.sign(stage.toolCall("echo", { text: "once" }), server.publicKey);
      const wraps = ([21059, 1059, 21059] as const).map((wrap) =>
        peer.wrap(event, server.publicKey, wrap)
      );
      checkSame(await stage.ranAfter(peer, server, wraps), ["once"], "what was run");
    },
  },
];

/** Encryption and the choice of wraps. */
const ENCRYPTION: readonly CaseDefinition[] = [
  {
    id: "server/never-downgrades",
    title:
      "An encrypted request is answered encrypted, whatever its author says in plain text meanwhile.",
    requirement: "F04",
    needs,
    async play(stage) {
      const { server: { publicKey: to, log }, peer } = await startServer(stage);
      const held = await peer.send(stage.toolCall("hold", { text: "secret" }), { to, wrap: 21059 });
      await waitFor("the call", () => log.calls.includes("secret") || undefined, stage.bounds);
      await stage.callByHand(peer, to, "plain", "echo", { text: "open" });
      log.release();
      const { wrap } = await peer.answerTo(held);
      check(wrap !== "plain", "the answer to the encrypted request is in a gift wrap");
    },
  },
  {
    id: "server/required-ignores-plain",
    title: "A server that requires encryption neither runs nor answers a plain request.",
    requirement: "CEP4-5",
    needs,
    async play(stage) {
      const server = await stage.server({ encryption: "required" });
      const peer = await stage.peer();
      const plain = await peer.sign(stage.toolCall("echo", { text: "plain" }), server.publicKey);
      checkSame(await stage.ranAfter(peer, server, [plain]), [], "what was run");
      check(peer.messages.every(({ wrap }) => wrap !== "plain"), "nothing was said in plain text");
    },
  },
  {
    id: "server/prefers-ephemeral",
    title:
      "A client that takes ephemeral wraps is answered in them, also when it began with a stored one.",
    requirement: "CEP19-2",
    needs,
    async play(stage) {
      const { server: { publicKey: to }, peer } = await startServer(stage);
      const tags = [[SUPPORT_ENCRYPTION], [SUPPORT_ENCRYPTION_EPHEMERAL]];
      const event = await peer.send(initialize(), { to, wrap: 1059, tags });
      checkSame((await peer.answerTo(event)).wrap, 21059, "the wrap of the answer");
    },
  },
  {
    id: "server/keeps-to-stored",
    title: "A client that does not take ephemeral wraps is answered in stored ones.",
    requirement: "CEP19-3",
    needs,
    async play(stage) {
      const { server: { publicKey: to }, peer } = await startServer(stage);
      const tags = [[SUPPORT_ENCRYPTION]];
      const event = await peer.send(initialize(), { to, wrap: 1059, tags });
      checkSame((await peer.answerTo(event)).wrap, 1059, "the wrap of the answer");
    },
  },
  {
    id: "server/introduces-itself",
    title: "The first message of a session says what the server supports, in flags of one element.",
    requirement: "CEP35-2",
    needs,
    async play(stage) {
      const { server: { publicKey: to }, peer } = await startServer(stage);
      const event = await peer.send(initialize(), {
        to,
        wrap: 21059,
        tags: [[SUPPORT_ENCRYPTION]],
      });
      const { tags } = (await peer.answerTo(event)).event;
      for (const flag of [SUPPORT_ENCRYPTION, SUPPORT_ENCRYPTION_EPHEMERAL]) {
        check(
          tags.some((tag) => tag.length === 1 && tag[0] === flag),
          `["${flag}"] is there`,
          tags,
        );
      }
    },
  },
];

/** What a server does with a message. */
export const SERVER_MESSAGE_CASES: readonly CaseDefinition[] = [...IDENTITY, ...ENCRYPTION];
