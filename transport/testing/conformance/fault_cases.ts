/**
 * What has to hold on a relay that misbehaves.
 *
 * @module
 */
import { EPHEMERAL_GIFT_WRAP_KIND, MESSAGE_KIND } from "../../wire/kinds.ts";
import { tagValue } from "../../wire/tags.ts";
import type { RelayFaults } from "../faults.ts";
import { startClient, startPair, startServer } from "./_beginnings.ts";
import { check, checkSame, waitFor, within } from "./failure.ts";
import { type CaseDefinition, checkText } from "./stage.ts";

/** What a relay can do to those who are connected: its name, what that means for them, and what asks for more. */
const LOSSES = [
  ["connections", "its connection ended, cleanly or not", "F10"],
  ["subscriptions", "the relay ended its subscriptions with CLOSED", "F10"],
  ["line", "its connection went dead without a word", "F17"],
] as const;

/** What a relay does then, one after the other. */
function cuts(faults: RelayFaults, what: (typeof LOSSES)[number][0]): readonly (() => void)[] {
  switch (what) {
    case "connections":
      return [1000, 1001, 1006, 1012].map((code) => () => faults.closeConnections(code));
    case "subscriptions":
      return [() => faults.closeSubscriptions("error: shutting down")];
    case "line":
      return [() => faults.freezeConnections()];
  }
}

/** A server by itself. */
const SERVER: readonly CaseDefinition[] = LOSSES.map(([what, how, requirement]) => ({
  id: `server/survives-lost-${what}`,
  title: `A server can be reached again after ${how}.`,
  requirement,
  needs: ["server", "faults"],
  async play(stage) {
    const { server: { publicKey: to }, peer } = await startServer(stage);
    for (const cut of cuts(stage.faults, what)) {
      cut();
      await peer.open();
      await stage.eventually("the server answers again", async (bounds) => {
        const event = await peer.send(stage.toolCall("echo"), { to, wrap: 21059 });
        await waitFor("the answer", () => {
          return peer.messages.find(({ event: { tags } }) => tagValue(tags, "e") === event.id);
        }, bounds);
      });
    }
  },
}));

/** A client by itself. */
const CLIENT: readonly CaseDefinition[] = [
  {
    id: "client/waits-for-eose",
    title: "Nothing that expects an answer is published before the subscription is live.",
    requirement: "F12",
    needs: ["client", "faults"],
    async play(stage) {
      const server = await stage.scripted({ echoes: true });
      const caller = await stage.unopenedClient(server.peer.publicKey);
      stage.faults.set({ holdEose: [MESSAGE_KIND, EPHEMERAL_GIFT_WRAP_KIND] });
      const opened = caller.open();
      opened.catch(() => {}); // awaited below
      await waitFor("a subscription", () => stage.faults.held > 0 || undefined, stage.bounds);
      const { peer } = server;
      await peer.send({ jsonrpc: "2.0", method: "barrier" }, { to: peer.publicKey, wrap: 21059 });
      await peer.next("the barrier", ({ event }) => event.pubkey === peer.publicKey);
      const early = peer.messages.filter(({ event }) => event.pubkey !== peer.publicKey);
      checkSame(early.length, 0, "the messages before EOSE");
      stage.faults.set({ holdEose: false });
      stage.faults.release();
      await opened;
      checkText(await caller.call("echo", { text: "afterwards" }), "afterwards");
    },
  },
  {
    id: "client/hears-before-ok",
    title: "An answer that comes before the relay's OK is not lost.",
    requirement: "F18",
    needs: ["client", "faults"],
    async play(stage) {
      const { server, caller } = await startClient(stage);
      stage.faults.set({ holdOk: true });
      const { outcome } = caller.begin("tools/call", { name: "echo", arguments: {} });
      const call = await server.call("echo");
      const answer = await server.answer(call, "early");
      server.peer.post(server.peer.wrap(answer, call.event.pubkey, call.wrap));
      checkText(await within("the answer", outcome, stage.bounds), "early");
    },
  },
  ...LOSSES.map(([what, how, requirement]): CaseDefinition => ({
    id: `client/survives-lost-${what}`,
    title: `A client gets answers again after ${how}.`,
    requirement,
    needs: ["client", "faults"],
    async play(stage) {
      const { server, caller } = await startClient(stage, { echoes: true });
      for (const cut of cuts(stage.faults, what)) {
        cut();
        await server.peer.open();
        await stage.echoWorks(caller, "the client is answered again");
      }
    },
  })),
];

const needs = ["server", "client", "faults"] as const;

/** Both sides together. */
const PAIR: readonly CaseDefinition[] = [
  {
    id: "pair/bears-delay",
    title: "Everything works on a slow relay.",
    requirement: "F13",
    needs,
    async play(stage) {
      stage.faults.set({ latencyMs: 25 });
      const { caller } = await startPair(stage);
      checkText(await caller.call("echo", { text: "slowly" }), "slowly");
    },
  },
  {
    id: "pair/bears-duplicates",
    title: "What the relay delivers twice is run once and answered once.",
    requirement: "F15",
    needs,
    async play(stage) {
      const { caller, server: { log } } = await startPair(stage);
      stage.faults.set({ onDelivery: () => "duplicate" });
      const texts = ["one", "two", "three"];
      for (const text of texts) checkText(await caller.call("echo", { text }), text);
      checkSame(log.calls, texts, "what was run");
    },
  },
  {
    id: "pair/bears-reordering",
    title: "Calls and answers that arrive last to first find each other.",
    requirement: "SPEC-3",
    needs,
    async play(stage) {
      const { caller } = await startPair(stage);
      stage.faults.set({ onDelivery: () => "hold" });
      const texts = ["a", "b", "c", "d"];
      let done = false;
      const outcomes = Promise.all(texts.map((text) => caller.call("echo", { text })))
        .finally(() => done = true);
      outcomes.catch(() => {}); // awaited below
      for (const direction of ["requests", "answers"]) {
        const all = () => done || stage.faults.held >= texts.length || undefined;
        await waitFor(`all ${direction} on the relay`, all, stage.bounds);
        stage.faults.release({ reversed: true });
      }
      checkSame((await outcomes).map(({ text }) => text), texts, "the answers");
    },
  },
  {
    id: "pair/bears-loss",
    title: "A message that the relay loses costs that one call, and nothing after it.",
    requirement: "F13",
    needs,
    async play(stage) {
      const { caller } = await startPair(stage);
      let lost = false;
      stage.faults.set({ onDelivery: () => lost ? "pass" : (lost = true, "drop") });
      caller.begin("tools/call", { name: "echo", arguments: { text: "lost" } });
      await waitFor("the loss", () => lost || undefined, stage.bounds);
      checkText(await caller.call("echo", { text: "next" }), "next");
    },
  },
  {
    id: "pair/bears-forgery",
    title: "What the relay has changed is neither run nor believed.",
    requirement: "F01",
    needs,
    async play(stage) {
      const modes = { encryption: "disabled", giftWrap: "optional" } as const;
      const { publicKey, log } = await stage.server(modes);
      const caller = await stage.client(publicKey, modes);
      let changed = 0;
      stage.faults.set({ corruptSignatures: () => ++changed > 0 });
      caller.begin("tools/call", { name: "echo", arguments: { text: "changed" } });
      await waitFor("the delivery", () => changed > 0 || undefined, stage.bounds);
      stage.faults.set({ corruptSignatures: false });
      checkText(await caller.call("echo", { text: "genuine" }), "genuine");
      checkSame(log.calls, ["genuine"], "what was run");
    },
  },
  {
    id: "pair/bears-rate-limits",
    title: "A message that the relay refuses with rate-limited: is sent again.",
    requirement: "F13",
    needs,
    async play(stage) {
      const { caller } = await startPair(stage);
      stage.faults.set({ refuseEvents: { reason: "rate-limited: slow down", times: 1 } });
      checkText(await caller.call("echo", { text: "patient" }), "patient");
    },
  },
  {
    id: "pair/bears-size-limits",
    title: "A message that the relay refuses for its size ends in an error or arrives in parts.",
    requirement: "F39",
    needs,
    async play(stage) {
      const { caller } = await startPair(stage);
      const reason = "invalid: event too large";
      stage.faults.set({ refuseEvents: { reason, minLength: 20_000 } });
      const text = "large ".repeat(10_000);
      const { outcome } = caller.begin("tools/call", { name: "echo", arguments: { text } });
      const settled = outcome.then(
        (outcome) => outcome.isError || outcome.text === text,
        () => true,
      );
      const right = await within("the end of the call", settled, stage.bounds);
      check(right, "the text is whole, or the call failed");
      checkText(await caller.call("echo", { text: "small" }), "small");
    },
  },
  ...LOSSES.map(([what, how, requirement]): CaseDefinition => ({
    id: `pair/survives-lost-${what}`,
    title: `Both sides talk again after each had to see that ${how}.`,
    requirement,
    needs,
    async play(stage) {
      const { caller } = await startPair(stage);
      for (const cut of cuts(stage.faults, what)) {
        cut();
        await stage.echoWorks(caller, "both sides talk again");
      }
    },
  })),
];

/** What has to hold on a relay that misbehaves. */
export const FAULT_CASES: readonly CaseDefinition[] = [...SERVER, ...CLIENT, ...PAIR];
