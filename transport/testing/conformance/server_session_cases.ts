/**
 * What a server does for its clients and about itself, tried by clients that
 * are played by hand.
 *
 * @module
 */
import { type NostrEvent, verifyEvent } from "../../../crypto/event.ts";
import { initialize, startServer } from "./_beginnings.ts";
import { check, checkSame, waitFor } from "./failure.ts";
import { FIXTURE_TOOLS } from "./fixture_server.ts";
import type { CaseDefinition } from "./stage.ts";

const needs = ["server"] as const;

/** Clients, calls and what belongs to them. */
const SESSIONS: readonly CaseDefinition[] = [
  {
    id: "server/answers-stateless",
    title: "A client that never initialized is answered.",
    requirement: "SPEC-5",
    needs,
    async play(stage) {
      const { server: { publicKey: to }, peer } = await startServer(stage);
      const list = { jsonrpc: "2.0", id: 5, method: "tools/list" };
      const { message } = await peer.answerTo(await peer.send(list, { to, wrap: "plain" }));
      check("result" in message, "the answer is a result", message);
      const { tools } = message.result;
      checkSame(Array.isArray(tools) && tools.map(({ name }) => name), FIXTURE_TOOLS, "the tools");
    },
  },
  {
    id: "server/keeps-clients-apart",
    title:
      "Two clients that use the same id and the same token get their own answers and progress.",
    requirement: "F05",
    needs,
    async play(stage) {
      const { publicKey: to } = await stage.server();
      const totals = [3, 5];
      await Promise.all(totals.map(async (total) => {
        const peer = await stage.peer();
        const call = { ...stage.toolCall("count", { to: total }, 1), id: 1 };
        const event = await peer.send(call, { to, wrap: 21059 });
        const { message } = await peer.answerTo(event);
        checkSame("id" in message && message.id, 1, "the id of the answer");
        const steps = peer.messages.flatMap(({ message }) =>
          "method" in message ? [message.params] : []
        );
        const expected = Array.from({ length: total }, (_, index) => (
          { progressToken: 1, progress: index + 1, total }
        ));
        checkSame(steps, expected, `the progress of the call that counts to ${total}`);
      }));
    },
  },
  {
    id: "server/cancels",
    title:
      "A cancellation ends the call of the client that sent it, and no other one with the same id.",
    requirement: "F20",
    needs,
    async play(stage) {
      const { publicKey: to, log } = await stage.server();
      const peers = [await stage.peer(), await stage.peer()] as const;
      for (const [index, peer] of peers.entries()) {
        const call = { ...stage.toolCall("wait", { text: `client ${index}` }), id: 1 };
        await peer.send(call, { to, wrap: 21059 });
      }
      await waitFor("both calls", () => log.calls.length === 2 || undefined, stage.bounds);
      const params = { requestId: 1, reason: "changed my mind" };
      const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params };
      await peers[1].send(cancel, { to, wrap: 21059 });
      await waitFor("the cancellation", () => log.cancelled[0], stage.bounds);
      await stage.callByHand(peers[1], to, 21059, "echo", { text: "barrier" });
      checkSame(log.cancelled, ["client 1"], "what was cancelled");
    },
  },
  {
    id: "server/asks-its-client",
    title: "A request of the server reaches the client, and the answer reaches the server.",
    requirement: "F21",
    needs,
    async play(stage) {
      const { server: { publicKey: to }, peer } = await startServer(stage);
      const hello = initialize({ sampling: {} });
      await peer.answerTo(await peer.send(hello, { to, wrap: 21059 }));
      const call = await peer.send(stage.toolCall("ask"), { to, wrap: 21059 });
      const question = await peer.next("the question", ({ message }) => {
        return "method" in message && message.method === "sampling/createMessage";
      });
      const content = { type: "text", text: "something" };
      const id = "id" in question.message ? question.message.id : undefined;
      const result = { role: "assistant", model: "none", content };
      const tags = [["e", question.event.id]];
      await peer.send({ jsonrpc: "2.0", id, result }, { to, wrap: 21059, tags });
      const { message } = await peer.answerTo(call);
      check(JSON.stringify(message).includes("something"), "the tool got the answer", message);
    },
  },
  {
    id: "server/knows-who-cannot-answer",
    title: "The server's question to a client that can't answer fails at once.",
    requirement: "F21",
    needs,
    async play(stage) {
      const { server: { publicKey: to }, peer } = await startServer(stage);
      await peer.answerTo(await peer.send(initialize(), { to, wrap: 21059 }));
      const { message } = await stage.callByHand(peer, to, 21059, "ask");
      const failed = "result" in message && message.result.isError === true;
      check(failed, "the tool was told that nobody answers", message);
    },
  },
  {
    id: "server/equal-messages",
    title: "Equal notifications within a second are different events, and all arrive.",
    requirement: "F19",
    needs,
    async play(stage) {
      const { server: { publicKey: to }, peer } = await startServer(stage);
      await peer.answerTo(await peer.send(initialize(), { to, wrap: 21059 }));
      await peer.send({ jsonrpc: "2.0", method: "notifications/initialized" }, { to, wrap: 21059 });
      await stage.callByHand(peer, to, 21059, "shout", { text: "same", times: 3 });
      const shouts = peer.messages.filter(({ message }) => {
        return "method" in message && message.method === "notifications/message";
      });
      checkSame(new Set(shouts.map(({ event }) => event.id)).size, 3, "the different events");
    },
  },
];

/** What a server publishes about itself. */
const DISCOVERY: readonly CaseDefinition[] = [
  {
    id: "server/announces-itself",
    title: "An announced server publishes its initialize result and its tools.",
    requirement: "CEP6-1",
    needs,
    async play(stage) {
      const { publicKey } = await stage.server({ announce: true });
      const peer = await stage.peer();
      const find = async (kind: number) =>
        (await peer.query({ kinds: [kind], authors: [publicKey] }))[0];
      const found = new Map<number, NostrEvent>();
      await stage.eventually("the announcement", async () => {
        for (const kind of [11316, 11317]) {
          const event = await find(kind);
          check(event !== undefined, `an event of kind ${kind} is there`);
          found.set(kind, event);
        }
      });
      check([...found.values()].every((event) => verifyEvent(event)), "the signatures hold");
      const parse = (kind: number) => JSON.parse(found.get(kind)?.content ?? "null");
      checkSame(parse(11316).serverInfo?.name, "conformance", "the name in kind 11316");
      const names = parse(11317).tools?.map(({ name }: { name: string }) => name);
      checkSame(names, FIXTURE_TOOLS, "the tools in kind 11317");
    },
  },
  {
    id: "server/stays-private",
    title: "A server that is not announced publishes nothing about itself.",
    requirement: "F06",
    needs,
    async play(stage) {
      const { server: { publicKey: to }, peer } = await startServer(stage);
      await stage.callByHand(peer, to, 21059, "echo", { text: "hello" });
      checkSame(await peer.query({ authors: [to] }), [], "what the relay has of it");
    },
  },
];

/** What a server does for its clients and about itself. */
export const SERVER_SESSION_CASES: readonly CaseDefinition[] = [
  ...SESSIONS,
  ...DISCOVERY,
];
