/**
 * What a client and a server have to do together, also on a relay that
 * misbehaves.
 *
 * @module
 */
import { check, checkSame, waitFor, within } from "./failure.ts";
import { FIXTURE_TOOLS } from "./fixture_server.ts";
import type { McpCaller } from "./mcp_caller.ts";
import {
  type CaseDefinition,
  checkText,
  type OpenClientOptions,
  type Stage,
  type StagedServer,
} from "./stage.ts";
import type { ConformanceModes } from "./target.ts";

const needs = ["server", "client"] as const;
const needsFaults = ["server", "client", "faults"] as const;

/** How long a client may try in vain, milliseconds. */
const VAIN_MS = 1_500;

async function start(
  stage: Stage,
  client: OpenClientOptions = {},
): Promise<{ server: StagedServer; caller: McpCaller }> {
  const server = await stage.server();
  return { server, caller: await stage.client(server.publicKey, client) };
}

/** The calls of an MCP client. */
const CALLS: readonly CaseDefinition[] = [
  {
    id: "pair/lists-and-calls",
    title: "Tools are listed and called, with every character intact.",
    requirement: "SPEC-1",
    needs,
    async play(stage) {
      const { caller } = await start(stage);
      const { tools } = JSON.parse((await caller.request("tools/list", {})).text);
      checkSame(tools.map(({ name }: { name: string }) => name), FIXTURE_TOOLS, "the tools");
      const text = 'ünïcödé 🦕 "quoted" \\ \u2028';
      checkText(await caller.call("echo", { text }), text);
    },
  },
  {
    id: "pair/errors",
    title: "A tool's failure and a JSON-RPC error reach the caller as what they are.",
    requirement: "SPEC-3",
    needs,
    async play(stage) {
      const { caller } = await start(stage);
      const failed = await caller.call("fail");
      checkSame([failed.isError, failed.errorCode], [true, undefined], "the failure of a tool");
      checkSame((await caller.call("no such tool")).errorCode, -32602, "the code of an error");
    },
  },
  {
    id: "pair/progress",
    title: "Progress arrives in order, each step once, before the result.",
    requirement: "F05",
    needs,
    async play(stage) {
      const { caller } = await start(stage);
      const input = { name: "count", arguments: { to: 5 }, _meta: { progressToken: "token" } };
      checkText(await caller.request("tools/call", input), "counted to 5");
      const steps = caller.notifications("notifications/progress").map((message) => {
        const { progress, progressToken } = ("params" in message && message.params) || {};
        return [progressToken, progress];
      });
      checkSame(steps, [1, 2, 3, 4, 5].map((step) => ["token", step]), "the steps");
    },
  },
  {
    id: "pair/cancellation",
    title: "A cancelled call ends at the server.",
    requirement: "F20",
    needs,
    async play(stage) {
      const { caller, server: { log } } = await start(stage);
      const { id } = caller.begin("tools/call", { name: "wait", arguments: {} });
      await waitFor("the call", () => log.calls[0], stage.bounds);
      await caller.notify("notifications/cancelled", { requestId: id });
      await waitFor("the cancellation", () => log.cancelled[0], stage.bounds);
    },
  },
  {
    id: "pair/questions",
    title: "A tool asks its client during a call, and gets the answer.",
    requirement: "F21",
    needs,
    async play(stage) {
      const { caller } = await start(stage, { sampling: "something" });
      const { isError, text } = await caller.call("ask");
      check(!isError && text.includes("something"), "the tool got the answer", text);
    },
  },
  {
    id: "pair/many-in-flight",
    title: "Twenty calls at the same time get their own answers.",
    requirement: "SPEC-3",
    needs,
    async play(stage) {
      const { caller } = await start(stage);
      const texts = Array.from({ length: 20 }, (_, index) => `call ${index}`);
      const outcomes = await Promise.all(texts.map((text) => caller.call("echo", { text })));
      checkSame(outcomes.map(({ text }) => text), texts, "the answers");
    },
  },
  {
    id: "pair/stateless",
    title: "A stateless client is served.",
    requirement: "SPEC-5",
    needs,
    async play(stage) {
      const { caller } = await start(stage, { stateless: true });
      checkText(await caller.call("echo", { text: "hello" }), "hello");
    },
  },
];

/** Modes that work together. */
const MATCHES: readonly [string, ConformanceModes][] = [
  ["plain", { encryption: "disabled", giftWrap: "optional" }],
  ["ephemeral", { encryption: "required", giftWrap: "ephemeral" }],
  ["stored", { encryption: "required", giftWrap: "persistent" }],
];

/** Modes on both sides. */
const MODES: readonly CaseDefinition[] = [
  ...MATCHES.map(([name, modes]): CaseDefinition => ({
    id: `pair/both-${name}`,
    title: `Two sides that both speak ${name} only understand each other.`,
    requirement: "F27",
    needs,
    async play(stage) {
      const { publicKey } = await stage.server(modes);
      const caller = await stage.client(publicKey, modes);
      checkText(await caller.call("echo", { text: name }), name);
    },
  })),
  {
    id: "pair/never-goes-down",
    title: "A client that requires encryption says nothing in plain text to a server without it.",
    requirement: "CEP4-5",
    needs,
    async play(stage) {
      const { publicKey, log } = await stage.server({ encryption: "disabled" });
      const watcher = await stage.peer([publicKey]);
      const caller = await stage.unopenedClient(publicKey, { encryption: "required" });
      const bounds = { ...stage.bounds, timeoutMs: VAIN_MS };
      const opened = await within("the handshake", caller.open(), bounds)
        .then(() => true, () => false);
      checkSame([opened, log.calls], [false, []], "what came of it");
      const plain = watcher.messages.filter(({ wrap }) => wrap === "plain");
      checkSame(plain.length, 0, "the plain messages");
    },
  },
];

/** Relays that misbehave while both sides talk. */
const FAULTS: readonly CaseDefinition[] = [
  {
    id: "pair/bears-delay",
    title: "Everything works on a slow relay.",
    requirement: "F13",
    needs: needsFaults,
    async play(stage) {
      stage.faults.set({ latencyMs: 25 });
      const { caller } = await start(stage);
      checkText(await caller.call("echo", { text: "slowly" }), "slowly");
    },
  },
  {
    id: "pair/bears-duplicates",
    title: "What the relay delivers twice is run once and answered once.",
    requirement: "F15",
    needs: needsFaults,
    async play(stage) {
      const { caller, server: { log } } = await start(stage);
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
    needs: needsFaults,
    async play(stage) {
      const { caller } = await start(stage);
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
    needs: needsFaults,
    async play(stage) {
      const { caller } = await start(stage);
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
    needs: needsFaults,
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
    needs: needsFaults,
    async play(stage) {
      const { caller } = await start(stage);
      stage.faults.set({ refuseEvents: { reason: "rate-limited: slow down", times: 1 } });
      checkText(await caller.call("echo", { text: "patient" }), "patient");
    },
  },
  {
    id: "pair/bears-size-limits",
    title: "A message that the relay refuses for its size ends in an error or arrives in parts.",
    requirement: "F39",
    needs: needsFaults,
    async play(stage) {
      const { caller } = await start(stage);
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
  ...([
    ["connections", "end", "F10"],
    ["subscriptions", "are CLOSED", "F10"],
    ["lines", "go dead", "F17"],
  ] as const).map(([what, how, requirement]): CaseDefinition => ({
    id: `pair/survives-lost-${what}`,
    title: `Both sides talk again after their ${what} ${how}.`,
    requirement,
    needs: needsFaults,
    async play(stage) {
      const { caller } = await start(stage);
      if (what === "connections") stage.faults.closeConnections(1006);
      else if (what === "subscriptions") stage.faults.closeSubscriptions("error: restarting");
      else stage.faults.freezeConnections();
      await stage.echoWorks(caller, "both sides talk again");
    },
  })),
];

/** What a client and a server have to do together. */
export const PAIR_CASES: readonly CaseDefinition[] = [...CALLS, ...MODES, ...FAULTS];
