/**
 * What a client and a server have to do together.
 *
 * @module
 */
import { startPair } from "./_beginnings.ts";
import { check, checkSame, waitFor, within } from "./failure.ts";
import { FIXTURE_TOOLS } from "./fixture_server.ts";
import { type CaseDefinition, checkText } from "./stage.ts";
import type { ConformanceModes } from "./target.ts";

const needs = ["server", "client"] as const;

/** How long a client may try in vain, milliseconds. */
const VAIN_MS = 1_500;

/** The calls of an MCP client. */
const CALLS: readonly CaseDefinition[] = [
  {
    id: "pair/lists-and-calls",
    title: "Tools are listed and called, with every character intact.",
    requirement: "SPEC-1",
    needs,
    async play(stage) {
      const { caller } = await startPair(stage);
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
      const { caller } = await startPair(stage);
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
      const { caller } = await startPair(stage);
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
      const { caller, server: { log } } = await startPair(stage);
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
      const { caller } = await startPair(stage, { sampling: "something" });
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
      const { caller } = await startPair(stage);
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
      const { caller } = await startPair(stage, { stateless: true });
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

/** What a client and a server have to do together. */
export const PAIR_CASES: readonly CaseDefinition[] = [...CALLS, ...MODES];
