/**
 * What a client has to do, tried by a server that is played by hand.
 *
 * @module
 */
import { SUPPORT_ENCRYPTION, SUPPORT_ENCRYPTION_EPHEMERAL } from "../../wire/tags.ts";
import { startClient } from "./_beginnings.ts";
import { check, checkSame, waitFor, within } from "./failure.ts";
import type { ScriptedServer } from "./scripted_server.ts";
import { type CaseDefinition, checkText, type Stage } from "./stage.ts";
import type { WireMessage } from "./wire_peer.ts";

const needs = ["client"] as const;

/** Lets the client call `echo`, plays a trick on it, answers, and checks that the client believed the answer. */
async function checkUnimpressed(
  stage: Stage,
  trick: (call: WireMessage, server: ScriptedServer) => Promise<void>,
): Promise<void> {
  const { server, caller } = await startClient(stage);
  const { outcome } = caller.begin("tools/call", { name: "echo", arguments: {} });
  const call = await server.call("echo");
  await trick(call, server);
  await server.reply(call, "genuine");
  checkText(await within("the answer", outcome, stage.bounds), "genuine");
}

/** What a client puts on the wire. */
const MESSAGES: readonly CaseDefinition[] = [
  {
    id: "client/addresses-requests",
    title: "A request is an event of kind 25910 with JSON-RPC text, and names the server in p.",
    requirement: "SPEC-2",
    needs,
    async play(stage) {
      const { server } = await startClient(stage, {}, { encryption: "disabled" });
      const { event, wrap, message } = await server.method("initialize");
      checkSame([wrap, event.kind], ["plain", 25910], "the event");
      const recipients = event.tags.filter(([name]) => name === "p");
      checkSame(recipients, [["p", server.peer.publicKey]], "the p tags");
      checkSame(message.jsonrpc, "2.0", "the JSON-RPC version");
    },
  },
  {
    id: "client/wraps-requests",
    title: "An encrypted request is the signed event in a gift wrap that names only the server.",
    requirement: "CEP4-2",
    needs,
    async play(stage) {
      const { server } = await startClient(stage, {}, { encryption: "required" });
      const { outer, event, wrap } = await server.method("initialize");
      check(wrap !== "plain", "the request is in a gift wrap");
      checkSame(outer.tags, [["p", server.peer.publicKey]], "the tags of the wrap");
      check(outer.pubkey !== event.pubkey, "the wrap is signed by a one-time key");
      checkSame(server.peer.problems, [], "what could not be opened or verified");
    },
  },
  {
    id: "client/introduces-itself",
    title: "The first message says what the client supports, in flags of one element.",
    requirement: "CEP35-1",
    needs,
    async play(stage) {
      const { server } = await startClient(stage);
      const { tags } = (await server.method("initialize")).event;
      for (const flag of [SUPPORT_ENCRYPTION, SUPPORT_ENCRYPTION_EPHEMERAL]) {
        check(
          tags.some((tag) => tag.length === 1 && tag[0] === flag),
          `["${flag}"] is there`,
          tags,
        );
      }
    },
  },
  {
    id: "client/equal-messages",
    title: "Equal notifications within a second are different events, and all arrive.",
    requirement: "F19",
    needs,
    async play(stage) {
      const { server, caller } = await startClient(stage);
      for (let time = 0; time < 3; time++) await caller.notify("notifications/roots/list_changed");
      await waitFor("three notifications", () => {
        const events = server.messages.filter(({ message }) => {
          return "method" in message && message.method === "notifications/roots/list_changed";
        });
        return new Set(events.map(({ event }) => event.id)).size === 3 || undefined;
      }, stage.bounds);
    },
  },
  {
    id: "client/calls-stateless",
    title: "A stateless client calls without a handshake on the wire.",
    requirement: "SPEC-5",
    needs,
    async play(stage) {
      const { server, caller } = await startClient(stage, { echoes: true }, { stateless: true });
      checkText(await caller.call("echo", { text: "at once" }), "at once");
      const methods = server.messages.map(({ message }) => "method" in message && message.method);
      checkSame(methods, ["tools/call"], "the messages on the wire");
    },
  },
  {
    id: "client/cancels",
    title:
      "A cancellation reaches the server, and names the request by the id that it has on the wire.",
    requirement: "F20",
    needs,
    async play(stage) {
      const { server, caller } = await startClient(stage);
      const { id } = caller.begin("tools/call", { name: "wait", arguments: {} });
      const { message } = await server.call("wait");
      await caller.notify("notifications/cancelled", { requestId: id });
      const cancelled = (await server.method("notifications/cancelled")).message;
      const requestId = "params" in cancelled ? cancelled.params?.requestId : undefined;
      checkSame(requestId, "id" in message ? message.id : undefined, "the id of the request");
    },
  },
];

/** What a client believes. */
const IDENTITY: readonly CaseDefinition[] = [
  {
    id: "client/ignores-strangers",
    title: "An answer that another key signed is not believed.",
    requirement: "F01",
    needs,
    play: (stage) =>
      checkUnimpressed(stage, async (call, server) => {
        const stranger = await stage.peer();
        const { content, tags } = await server.answer(call, "forged");
        const event = await stranger.sign(null, call.event.pubkey, { content, tags });
        await stranger.publish(stranger.wrap(event, call.event.pubkey, call.wrap));
      }),
  },
  {
    id: "client/ignores-forged",
    title: "An answer whose signature does not hold, or that is an hour old, is not believed.",
    requirement: "F01",
    needs,
    play: (stage) =>
      checkUnimpressed(stage, async (call, { peer }) => {
        const client = call.event.pubkey;
        const result = { content: [{ type: "text", text: "forged" }] };
        const id = "id" in call.message ? call.message.id : undefined;
        const tags = [["p", client], ["e", call.event.id]];
        const fresh = await peer.sign({ jsonrpc: "2.0", id, result }, client, { tags });
        const sig = fresh.sig.slice(0, -1) + (fresh.sig.endsWith("0") ? "1" : "0");
        const created_at = fresh.created_at - 3_600;
        const stale = await peer.sign({ jsonrpc: "2.0", id, result }, client, { tags, created_at });
        for (const event of [{ ...fresh, sig }, stale]) {
          await peer.publish(peer.wrap(event, client, 21059));
        }
      }),
  },
  {
    id: "client/ignores-plain-answers",
    title: "A plain answer to an encrypted request is not believed.",
    requirement: "F04",
    needs,
    play: (stage) =>
      checkUnimpressed(stage, async (call, server) => {
        check(call.wrap !== "plain", "the request came in a gift wrap");
        await server.peer.publish(await server.answer(call, "downgraded"));
      }),
  },
  {
    id: "client/ignores-unrelated-answers",
    title:
      "An answer that refers to no request of the client is not believed, whatever its JSON-RPC id.",
    requirement: "SPEC-3",
    needs,
    play: (stage) =>
      checkUnimpressed(stage, async (call, { peer }) => {
        const client = call.event.pubkey;
        const id = "id" in call.message ? call.message.id : undefined;
        const result = { content: [{ type: "text", text: "unrelated" }] };
        const tags = [["e", "0".repeat(64)]];
        await peer.send({ jsonrpc: "2.0", id, result }, { to: client, wrap: call.wrap, tags });
      }),
  },
  {
    id: "client/delivers-once",
    title: "A notification that comes in several wraps, of one kind or of both, is delivered once.",
    requirement: "F15",
    needs,
    async play(stage) {
      const { server, caller } = await startClient(stage, { echoes: true });
      const { event: { pubkey: client }, wrap } = await server.method("notifications/initialized");
      const params = { level: "info", data: "once" };
      const message = { jsonrpc: "2.0", method: "notifications/message", params };
      const event = await server.peer.sign(message, client);
      const wraps = [wrap, 1059, wrap] as const;
      for (const each of wraps) await server.peer.publish(server.peer.wrap(event, client, each));
      await caller.call("echo", { text: "barrier" });
      checkSame(caller.notifications("notifications/message").length, 1, "the deliveries");
    },
  },
  {
    id: "client/answers-questions",
    title: "A request of the server reaches the client, and the answer reaches the server.",
    requirement: "F21",
    needs,
    async play(stage) {
      const { server } = await startClient(stage, {}, { sampling: "something" });
      const { event: { pubkey: to }, wrap } = await server.method("notifications/initialized");
      const params = { messages: [], maxTokens: 1 };
      const question = { jsonrpc: "2.0", id: 77, method: "sampling/createMessage", params };
      await server.peer.send(question, { to, wrap });
      const { message } = await server.peer.next("the answer", ({ message }) => {
        return "id" in message && message.id === 77 && !("method" in message);
      });
      check(JSON.stringify(message).includes("something"), "it is the client's answer", message);
    },
  },
];

/** Modes. */
const MODES: readonly CaseDefinition[] = [
  {
    id: "client/switches-to-ephemeral",
    title: "A client uses ephemeral wraps as soon as the server says that it takes them.",
    requirement: "CEP19-2",
    needs,
    async play(stage) {
      const { server, caller } = await startClient(stage, { echoes: true });
      await caller.call("echo", { text: "hello" });
      checkSame((await server.call("echo")).wrap, 21059, "the wrap of a later request");
    },
  },
  ...([[1059, "stored", "CEP19-3"], [21059, "ephemeral", "F27"]] as const).map(
    ([wrap, name, requirement]): CaseDefinition => ({
      id: `client/reaches-${name}-only`,
      title: `A client in the default mode reaches a server that takes ${name} wraps only.`,
      requirement,
      needs,
      async play(stage) {
        const { server, caller } = await startClient(stage, { accepts: [wrap], echoes: true });
        checkText(await caller.call("echo", { text: "reached" }), "reached");
        checkSame((await server.call("echo")).wrap, wrap, "the wrap of the call");
      },
    }),
  ),
];

/** What a client has to do. */
export const CLIENT_CASES: readonly CaseDefinition[] = [
  ...MESSAGES,
  ...IDENTITY,
  ...MODES,
];
