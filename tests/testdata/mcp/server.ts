// An MCP server over stdio for tests of the gateway, without a dependency: it starts in a few milliseconds.
// Tools: echo (text), env (names), cwd, pid, die (code, after an optional answer), spawn (a grandchild that ignores SIGTERM),
// slow (never answers until cancelled), progress (steps), fail (isError), ask (sends a server-to-client request), chatter.
import { spawn } from "node:child_process";
import process from "node:process";

type Json = Record<string, unknown>;
const text = (value: unknown, isError = false): Json => ({
  content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }],
  ...(isError ? { isError } : {}),
});
const string = { type: "string" };
const TOOLS = [
  {
    name: "echo",
    description: "Says it again",
    inputSchema: {
      type: "object",
      properties: {
        text: string,
        count: { type: "integer" },
        loud: { type: "boolean" },
        tags: { type: "array", items: string },
      },
      required: ["text"],
    },
  },
  ...["env", "cwd", "pid", "die", "spawn", "slow", "progress", "fail", "ask", "cancelled"].map((
    name,
  ) => ({ name, inputSchema: { type: "object" } })),
];
const write = (message: Json) =>
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
const cancelled: unknown[] = [];
const asked = new Map<unknown, unknown>();
let initialized: Json = {};

function call(id: unknown, name: string, args: Json, meta: Json): Json | undefined {
  switch (name) {
    case "echo":
      return text(args);
    case "env":
      return text(
        Object.fromEntries((args.names as string[]).map((key) => [key, process.env[key]])),
      );
    case "cwd":
      return text(process.cwd());
    case "pid":
      return text(String(process.pid));
    case "die":
      process.exit(Number(args.code ?? 1));
      return undefined;
    case "spawn": {
      const child = spawn("sh", ["-c", "trap '' TERM; while :; do sleep 1; done"], {
        stdio: "ignore",
      });
      return text(String(child.pid));
    }
    case "slow":
      return undefined;
    case "cancelled":
      return text(cancelled);
    case "progress": {
      for (const progress of [1, 2, 3]) {
        write({
          method: "notifications/progress",
          params: { progressToken: meta.progressToken, progress, total: 3 },
        });
      }
      return text("done");
    }
    case "fail":
      return text("this tool always fails", true);
    case "ask": {
      const question = `question-${asked.size}`;
      asked.set(question, id);
      write({
        id: question,
        method: args.method ?? "sampling/createMessage",
        params: { messages: [], maxTokens: 1 },
      });
      return undefined;
    }
  }
  return text(`unknown tool ${name}`, true);
}

function handle(message: Json): void {
  const { id, method } = message;
  const params = (message.params ?? {}) as Json;
  if (method === undefined) {
    const waiting = asked.get(id);
    if (waiting !== undefined) {
      write({ id: waiting, result: text(message.error ?? message.result) });
    }
    return;
  }
  switch (method) {
    case "initialize":
      initialized = params;
      return void write({
        id,
        result: {
          protocolVersion: "2025-11-25",
          capabilities: {
            tools: { listChanged: true },
            resources: { subscribe: true },
            prompts: {},
            logging: {},
          },
          serverInfo: { name: "test-server", version: "1.2.3" },
          instructions: JSON.stringify(initialized.clientInfo),
        },
      });
    case "notifications/cancelled":
      return void cancelled.push(params.requestId);
    case "notifications/initialized":
      return;
    case "tools/list": {
      const half = 6;
      const result = params.cursor === "2"
        ? { tools: TOOLS.slice(half) }
        : { tools: TOOLS.slice(0, half), nextCursor: "2" };
      return void write({ id, result });
    }
    case "tools/call": {
      const result = call(
        id,
        String(params.name),
        (params.arguments ?? {}) as Json,
        (params._meta ?? {}) as Json,
      );
      if (result !== undefined) write({ id, result });
      return;
    }
    case "resources/list":
      return void write({
        id,
        result: { resources: [{ uri: "test://one", name: "one", mimeType: "text/plain" }] },
      });
    case "resources/templates/list":
      return void write({
        id,
        result: { resourceTemplates: [{ uriTemplate: "test://{id}", name: "any" }] },
      });
    case "resources/read":
      return void write({
        id,
        result: { contents: [{ uri: params.uri, text: "content\x1b[31m of it" }] },
      });
    case "resources/subscribe":
    case "resources/unsubscribe":
    case "ping":
      return void write({ id, result: {} });
    case "prompts/list":
      return void write({
        id,
        result: { prompts: [{ name: "greet", arguments: [{ name: "who", required: true }] }] },
      });
    case "prompts/get":
      return void write({
        id,
        result: {
          messages: [{
            role: "user",
            content: { type: "text", text: `Hello ${(params.arguments as Json)?.who}` },
          }],
        },
      });
  }
  if (id !== undefined) write({ id, error: { code: -32601, message: `no method ${method}` } });
}

console.error("test server is ready");
let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) if (line !== "") handle(JSON.parse(line));
});
process.stdin.on("end", () => process.exit(0));
