import { assert, assertEquals } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ChildProcessTransport } from "../../cli/child_process.ts";
import { childEnvironment } from "../../cli/child_environment.ts";
import type { Transport } from "../../transport/types.ts";
import { FIXTURE_COMMAND } from "./_conformance.ts";
import { until } from "./_peers.ts";
import { Surveyor } from "./_survey.ts";
import { openTunnel } from "./_tunnel.ts";

const EVERYTHING = [
  Deno.execPath(),
  "run",
  "--quiet",
  "--no-prompt",
  "--allow-env",
  "--allow-read",
  "npm:@modelcontextprotocol/server-everything@2026.8.31",
];

/** The arguments of the everything-server's tools; those without any are not listed. */
const ARGUMENTS: Readonly<Record<string, readonly Record<string, unknown>[]>> = {
  "echo": [{ message: "héllo 👋 \u2028" }, {}],
  "get-annotated-message": [{ messageType: "error" }, {
    messageType: "success",
    includeImage: true,
  }],
  "get-resource-links": [{ count: 2 }],
  "get-resource-reference": [{ resourceType: "Text", resourceId: 1 }, {
    resourceType: "Blob",
    resourceId: 2,
  }, { resourceId: -1 }],
  "get-structured-content": [{ location: "Chicago" }, { location: "Nowhere" }],
  "get-sum": [{ a: 1, b: 2.5 }, { a: "one" }],
  "gzip-file-as-resource": ["resource", "resourceLink"].map((outputType) => ({
    name: `${outputType}.gz`,
    data: "data:text/plain,hello",
    outputType,
  })),
  "trigger-sampling-request": [{ prompt: "say something", maxTokens: 5 }],
};

/** Tools that are tried in a way of their own, below. */
const APART = new Set([
  "simulate-research-query",
  "toggle-simulated-logging",
  "toggle-subscriber-updates",
  "trigger-long-running-operation",
]);

/** Asks the everything-server for everything. */
async function surveyEverything(surveyor: Surveyor): Promise<void> {
  // It offers more tools once it knows what the client can do, and asks for the roots.
  await surveyor.hears("roots/list");
  await surveyor.ask("logging/setLevel", { level: "debug" });
  const tools = await surveyor.list("tools/list", "tools");
  for (const tool of tools) {
    const name = String(tool.name);
    if (APART.has(name)) continue;
    for (const args of ARGUMENTS[name] ?? [{}]) await surveyor.call(name, args);
  }
  await surveyor.call("trigger-long-running-operation", { duration: 0.3, steps: 3 });

  const resources = await surveyor.list("resources/list", "resources");
  for (const { uri } of resources) await surveyor.ask("resources/read", { uri });
  await surveyor.list("resources/templates/list", "resourceTemplates");
  for (const uri of ["text/1", "blob/2", "text/none"]) {
    await surveyor.ask("resources/read", { uri: `demo://resource/dynamic/${uri}` });
  }
  const uri = "demo://resource/dynamic/text/1";
  await surveyor.ask("resources/subscribe", { uri });
  await surveyor.call("toggle-subscriber-updates");
  await surveyor.hears("notifications/resources/updated");
  await surveyor.call("toggle-subscriber-updates");
  await surveyor.ask("resources/unsubscribe", { uri });

  await surveyor.list("prompts/list", "prompts");
  await surveyor.ask("prompts/get", { name: "simple-prompt" });
  await surveyor.ask("prompts/get", { name: "args-prompt", arguments: { city: "Rome" } });
  const resource = { resourceType: "Text", resourceId: "1" };
  await surveyor.ask("prompts/get", { name: "resource-prompt", arguments: resource });
  for (const value of ["", "S"]) {
    await surveyor.ask("completion/complete", {
      ref: { type: "ref/prompt", name: "completable-prompt" },
      argument: { name: "department", value },
    });
  }

  await surveyor.call("toggle-simulated-logging");
  await surveyor.call("toggle-simulated-logging");
  await surveyor.client.sendRootsListChanged();
  await surveyor.hears("roots/list", 2);
  for (
    const [method, params] of [
      ["tools/call", { name: "none" }],
      ["resources/read", { uri: "none://" }],
      ["prompts/get", { name: "none" }],
      ["no/method", { x: 1 }],
      ["ping", {}],
    ] as const
  ) await surveyor.ask(method, params);
  await surveyor.cancel("trigger-long-running-operation");

  // Tasks (SEP-1686): the question comes while the client waits for the result.
  const stream = surveyor.client.experimental.tasks.callToolStream({
    name: "simulate-research-query",
    arguments: { topic: "relays", ambiguous: true },
  });
  for await (const message of stream) {
    if (message.type === "result") surveyor.answers.push(["task", message.result]);
    if (message.type === "error") surveyor.answers.push(["task", message.error.message]);
  }
}

/** Asks the fixture server for what the everything-server has not. */
async function surveyFixture(surveyor: Surveyor): Promise<void> {
  await surveyor.list("resources/list", "resources"); // two pages
  await surveyor.call("test_add_tool");
  await surveyor.hears("notifications/tools/list_changed");
  await surveyor.list("tools/list", "tools");
  await surveyor.ask("resources/subscribe", { uri: "test://watched-resource" });
  await surveyor.call("test_update_resource", { uri: "test://watched-resource" });
  await surveyor.hears("notifications/resources/updated");
  await surveyor.call("test_roots");
  await surveyor.call("test_tool_with_progress");
  await surveyor.call("test_tool_with_logging");
  await surveyor.hears("notifications/message", 3);
  await surveyor.cancel("test_wait");
  await until(async () => {
    const { content } = await surveyor.client.callTool({ name: "test_cancelled" });
    return JSON.stringify(content).includes("not needed any more");
  }, "the cancellation");
  await surveyor.ask("tools/call", { name: "test_unknown", "x-future": [{ a: null }] });
  // None fits one event. With a progress token the transfer would report its own progress.
  for (
    const [name, args] of [
      ["test_large", { size: 100_000 }],
      ["test_unknown", { large: "é\\".repeat(50_000) }],
    ] as const
  ) await surveyor.ask("tools/call", { name, arguments: args });
}

/**
 * Two servers that are to be the same. Our own stdio transport goes to the direct one: that of the
 * SDK leaves a timer of two seconds behind.
 */
async function compare(
  direct: Transport,
  tunnelled: Transport,
  survey: (surveyor: Surveyor) => Promise<void>,
): Promise<Surveyor> {
  await using one = await Surveyor.open(direct);
  await using other = await Surveyor.open(tunnelled);
  await Promise.all([survey(one), survey(other)]);
  // What is told on a stream of its own may still be on its way.
  const same = () => JSON.stringify(heardBy(one)) === JSON.stringify(heardBy(other));
  await until(same, "the same", 2_000).catch(() => assertEquals(heardBy(other), heardBy(one)));
  assertEquals(other.answers, one.answers);
  return one;
}

function heardBy({ heard }: Surveyor): readonly (readonly [string, unknown])[] {
  return [...heard].sort(([one], [other]) => one < other ? -1 : 1);
}

/**
 * The official transport, which does not come back for streams that have ended: it would for each
 * call that was answered with an error, and when two such waits overlap, it forgets the first one's
 * timer.
 */
function httpTransport(url: string): StreamableHTTPClientTransport {
  const delays = {
    initialReconnectionDelay: 1,
    maxReconnectionDelay: 1,
    reconnectionDelayGrowFactor: 1,
  };
  return new StreamableHTTPClientTransport(new URL(url), {
    reconnectionOptions: { ...delays, maxRetries: 0 },
  });
}

Deno.test("the everything-server answers through cvm proxy --http, a relay and cvm gateway as without", async () => {
  await using tunnel = await openTunnel(["--per-client", "--clean-env", "--", ...EVERYTHING]);
  const [command = "", ...args] = EVERYTHING;
  const environment = { get: Deno.env.get, all: () => Deno.env.toObject() };
  const env = await childEnvironment({
    env: environment,
    clean: true,
    files: [],
    assignments: [],
  });
  const surveyor = await compare(
    new ChildProcessTransport({ command, args, env }),
    httpTransport(tunnel.url),
    surveyEverything,
  );
  assert(surveyor.answers.length > 50, `only ${surveyor.answers.length} answers`);
  assertEquals([...surveyor.heard.keys()].sort(), [
    "elicitation/create",
    "notifications/message",
    "notifications/progress",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/tools/list_changed",
    "roots/list",
    "sampling/createMessage",
  ]);
});

Deno.test("pages, changed lists, updates, cancellation (F20) and unknown fields pass the tunnel untouched", async () => {
  await using tunnel = await openTunnel(["--per-client", "--", ...FIXTURE_COMMAND]);
  const [command = "", ...args] = FIXTURE_COMMAND;
  await compare(
    new ChildProcessTransport({ command, args, env: Deno.env.toObject() }),
    httpTransport(tunnel.url),
    surveyFixture,
  );
});
