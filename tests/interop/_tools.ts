/**
 * The MCP server and the MCP calls of the interop tests: the same on both
 * sides, whichever implementation carries them.
 *
 * @module
 */
import type { Client } from "@modelcontextprotocol/sdk/client";
import { Server } from "@modelcontextprotocol/sdk/server";
// The types of `types.js` stand under another name.
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  CallToolRequestSchema,
  type CallToolResult,
  CreateMessageResultSchema,
  ElicitResultSchema,
  ErrorCode,
  ListRootsResultSchema,
  ListToolsRequestSchema,
  McpError,
  type ServerNotification,
  type ServerRequest,
  type Tool,
} from "@modelcontextprotocol/sdk/types.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol";

/** What a test wants to know of a server, or to have otherwise. */
export interface ToolServerOptions {
  /** The tools that are listed. @default {TOOL_NAMES} */
  readonly tools?: readonly string[];
  /** Tools on one page of the list. */
  readonly pageSize?: number;
  /** Told of each call when it arrives. */
  readonly onCall?: (name: string) => void;
  /** Told when the tool `wait` has been cancelled. */
  readonly onCancelled?: () => void;
  /** What the tool `hold` waits for. */
  readonly held?: Promise<void>;
  /** Opens the stream beside a call (CEP-41), for the tool `spell`. */
  readonly openStream?: (extra: Extra) => StreamSink;
  /** Withdraws the question of the tool `ask`. */
  readonly withdraw?: AbortSignal;
}

/** The tools of {@linkcode makeToolServer}, as it lists them. */
export const TOOL_NAMES: readonly string[] = [
  "echo",
  "fail",
  "throw",
  "count",
  "wait",
  "hold",
  "ask",
];

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** What a tool writes a stream to, in either implementation. */
export interface StreamSink {
  write(data: string): Promise<unknown>;
  close(): Promise<unknown>;
}

/** What the tool `spell` streams, piece by piece, and what it answers. */
export const SPELLED: readonly string[] = ["a", '"b"', "ü"];

/** An MCP server with a tool for everything that a tool can do to a client. */
export function makeToolServer(options: ToolServerOptions = {}): Server {
  const { pageSize = Infinity } = options;
  const server = new Server({ name: "interop", version: "1.0.0" }, {
    capabilities: { tools: { listChanged: true } },
  });
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
    const names = options.tools ?? TOOL_NAMES;
    const from = Number(params?.cursor ?? 0);
    const tools = names.slice(from, from + pageSize).map((name): Tool => ({
      name,
      inputSchema: { type: "object" },
    }));
    const next = from + pageSize;
    return next < names.length ? { tools, nextCursor: String(next) } : { tools };
  });
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
    options.onCall?.(params.name);
    return callTool(params.name, params.arguments ?? {}, extra, options);
  });
  return server;
}

async function callTool(
  name: string,
  input: Record<string, unknown>,
  extra: Extra,
  options: ToolServerOptions,
): Promise<CallToolResult> {
  switch (name) {
    case "echo":
      return text(String(input.text));
    case "fail":
      return { ...text("it did not work"), isError: true };
    case "throw":
      throw new Error("the tool broke");
    case "count":
      return await count(Number(input.to), extra);
    case "wait":
      return await waitForCancel(extra, options);
    case "hold":
      await options.held;
      return text("held");
    case "spell":
      return await spell(extra, options);
    case "ask":
      return await ask(String(input.method), extra, options);
    default:
      throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${name}`);
  }
}

function text(text: string): CallToolResult {
  return { content: [{ type: "text", text }] };
}

/** Tells of each step. */
async function count(to: number, { _meta, sendNotification }: Extra): Promise<CallToolResult> {
  const progressToken = _meta?.progressToken;
  for (let progress = 1; progressToken !== undefined && progress <= to; progress++) {
    const params = { progressToken, progress, total: to };
    await sendNotification({ method: "notifications/progress", params });
  }
  return text(`counted to ${to}`);
}

/** Never ends by itself. */
async function waitForCancel({ signal }: Extra, options: ToolServerOptions) {
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  options.onCancelled?.();
  return text("cancelled");
}

/** Streams beside its result. */
async function spell(extra: Extra, { openStream }: ToolServerOptions): Promise<CallToolResult> {
  const stream = openStream?.(extra);
  for (const piece of SPELLED) await stream?.write(piece);
  await stream?.close();
  return text(SPELLED.join(""));
}

/** Fails when a call of `spell` did not give the stream and the result. */
export function checkSpelled(
  pieces: readonly string[],
  result: { [field: string]: unknown },
): void {
  const seen = JSON.stringify([pieces, textOf(result)]);
  if (seen !== JSON.stringify([SPELLED, SPELLED.join("")])) throw new Error(`streamed: ${seen}`);
}

/** Asks the client, and gives back what it said, word for word. */
async function ask(method: string, { sendRequest }: Extra, { withdraw }: ToolServerOptions) {
  try {
    return text(JSON.stringify(await question(method, sendRequest, withdraw)));
  } catch (error) {
    const { code, message } = errorOf(error);
    return { ...text(`${code} ${message}`), isError: true };
  }
}

function question(
  method: string,
  sendRequest: Extra["sendRequest"],
  signal?: AbortSignal,
): Promise<Record<string, unknown>> {
  switch (method) {
    case "sampling/createMessage": {
      const content = { type: "text", text: "say something" } as const;
      const params = { messages: [{ role: "user", content } as const], maxTokens: 10 };
      return sendRequest({ method, params }, CreateMessageResultSchema, { signal });
    }
    case "elicitation/create": {
      const requestedSchema = {
        type: "object",
        properties: { name: { type: "string" } },
      } as const;
      const params = { message: "who are you?", requestedSchema };
      return sendRequest({ method, params }, ElicitResultSchema, { signal });
    }
    case "roots/list":
      return sendRequest({ method }, ListRootsResultSchema, { signal });
    default:
      throw new TypeError(`no question is called ${method}`);
  }
}

/** What became of the calls of {@linkcode exercise}. */
export interface Transcript {
  readonly tools: readonly string[];
  readonly echo: string;
  /** What is left out of a short exercise. */
  readonly rest?: {
    readonly unicode: string;
    readonly failed: boolean;
    readonly thrown: JsonRpcFailure;
    readonly unknown: JsonRpcFailure;
    readonly progress: readonly number[];
    readonly counted: string;
  };
}

/** A JSON-RPC error as a client sees it. */
export interface JsonRpcFailure {
  readonly code: unknown;
  readonly message: string;
}

/** What {@linkcode exercise} comes to when everything works. */
export const EXPECTED: Transcript = {
  tools: TOOL_NAMES,
  echo: "hello",
  rest: {
    unicode: 'ünïcödé 🦕 "quoted" \\ \u2028',
    failed: true,
    thrown: { code: -32603, message: "MCP error -32603: the tool broke" },
    unknown: { code: -32602, message: "MCP error -32602: MCP error -32602: Unknown tool: nothing" },
    progress: [1, 2, 3],
    counted: "counted to 3",
  },
};

/** What a short {@linkcode exercise} comes to when everything works. */
export const EXPECTED_SHORT: Transcript = { tools: TOOL_NAMES, echo: "hello" };

/** Lists and calls, and writes down what came of it. Each request has this long, milliseconds. */
export async function exercise(
  client: Client,
  { short, timeoutMs }: { short: boolean; timeoutMs: number },
): Promise<Transcript> {
  const options = { timeout: timeoutMs };
  const call = async (name: string, args: Record<string, unknown> = {}, more = {}) =>
    await client.callTool({ name, arguments: args }, undefined, { ...options, ...more });
  const { tools } = await client.listTools({}, options);
  const result = {
    tools: tools.map(({ name }) => name),
    echo: textOf(await call("echo", { text: "hello" })),
  };
  if (short) return result;
  const progress: number[] = [];
  const onprogress = (step: { progress: number }) => void progress.push(step.progress);
  return {
    ...result,
    rest: {
      unicode: textOf(await call("echo", { text: EXPECTED.rest?.unicode })),
      failed: (await call("fail")).isError === true,
      thrown: await failureOf(call("throw")),
      unknown: await failureOf(call("nothing")),
      counted: textOf(await call("count", { to: 3 }, { onprogress })),
      progress,
    },
  };
}

/** What {@linkcode echoLarge} sends and gets back: more than fits an event, and of many bytes a character. */
const LARGE_TEXT = "ünïcödé 🦕 ".repeat(4_000);

/** Calls with more than fits an event, each way (CEP-22); fails when it does not come back whole. */
export async function echoLarge(
  client: Client,
  { timeoutMs }: { timeoutMs: number },
): Promise<void> {
  const call = { name: "echo", arguments: { text: LARGE_TEXT } };
  // Without a progress token the SDK sends everything whole.
  const options = { timeout: timeoutMs, onprogress: () => {} };
  if (textOf(await client.callTool(call, undefined, options)) !== LARGE_TEXT) {
    throw new Error("the large text came back changed");
  }
}

/** The text of a tool's result. */
export function textOf(result: { [field: string]: unknown }): string {
  const { content } = result;
  const first: unknown = Array.isArray(content) ? content[0] : undefined;
  if (typeof first !== "object" || first === null || !("text" in first)) {
    throw new Error(`no text in ${JSON.stringify(result)}`);
  }
  return String(first.text);
}

/** What a request failed with. */
export async function failureOf(request: Promise<unknown>): Promise<JsonRpcFailure> {
  try {
    return { code: 0, message: `no error but ${JSON.stringify(await request)}` };
  } catch (error) {
    return errorOf(error);
  }
}

/** An error's code and message. */
export function errorOf(error: unknown): JsonRpcFailure {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) };
  return { code: "code" in error ? error.code : undefined, message: error.message };
}
