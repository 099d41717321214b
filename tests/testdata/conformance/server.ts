// The server that the MCP conformance suite asks for, with the official SDK: over stdio, or with `--http` over
// Streamable HTTP on a free port, which is printed. Beside what the suite names it has what the suite does not look at:
// `test_roots`, `test_large`, `test_add_tool` (list_changed), `test_wait` (never answers; `test_cancelled` says which calls were
// cancelled), `test_update_resource`, pages of two resources, and `test_unknown` with fields that no specification names.
import { setTimeout as sleep } from "node:timers/promises";
// @ts-types="@modelcontextprotocol/sdk/server"
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
// @ts-types="@modelcontextprotocol/sdk/server/stdio"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  CallToolRequestSchema,
  type CallToolResult,
  CompleteRequestSchema,
  CreateMessageResultSchema,
  type ElicitRequestFormParams,
  ElicitResultSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListRootsResultSchema,
  ListToolsRequestSchema,
  type PromptMessage,
  ReadResourceRequestSchema,
  type ReadResourceResult,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  type TextContent,
  type Tool,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { EventMemory } from "../../../cli/http/event_memory.ts";

type Content = CallToolResult["content"][number];
type Fields = ElicitRequestFormParams["requestedSchema"]["properties"];
type InputSchema = Tool["inputSchema"];

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
const image: Content = { type: "image", data: PNG, mimeType: "image/png" };
const text = (value: unknown): TextContent => ({
  type: "text",
  text: typeof value === "string" ? value : JSON.stringify(value),
});
const embedded = (uri: string, content: string, mimeType = "text/plain"): Content => ({
  type: "resource",
  resource: { uri, mimeType, text: content },
});
const choice = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name}${index + 1}`);
const titled = (title: string) =>
  ["First", "Second", "Third"].map((word, index) => ({
    const: `value${index + 1}`,
    title: `${word} ${title}`,
  }));

const DEFAULTS: Fields = {
  name: { type: "string", default: "John Doe" },
  age: { type: "integer", default: 30 },
  score: { type: "number", default: 95.5 },
  status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean", default: true },
};
const ENUMS: Fields = {
  untitledSingle: { type: "string", enum: choice("option", 3) },
  titledSingle: { type: "string", oneOf: titled("Option") },
  legacyEnum: {
    type: "string",
    enum: choice("opt", 3),
    enumNames: ["Option One", "Option Two", "Option Three"],
  },
  untitledMulti: { type: "array", items: { type: "string", enum: choice("option", 3) } },
  titledMulti: { type: "array", items: { anyOf: titled("Choice") } },
};
const USER: Fields = { username: { type: "string" }, email: { type: "string" } };

const object = (properties: Record<string, object> = {}): InputSchema => ({
  type: "object",
  properties,
  required: Object.keys(properties),
});
const string = { type: "string" };
const SCHEMAS: Record<string, InputSchema> = {
  test_simple_text: object(),
  test_image_content: object(),
  test_audio_content: object(),
  test_embedded_resource: object(),
  test_multiple_content_types: object(),
  test_tool_with_logging: object(),
  test_error_handling: object(),
  test_tool_with_progress: object(),
  test_sampling: object({ prompt: string }),
  test_elicitation: object({ message: string }),
  test_elicitation_sep1034_defaults: object(),
  test_elicitation_sep1330_enums: object(),
  test_reconnection: object(),
  json_schema_2020_12_tool: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    $defs: { address: object({ street: string, city: string }) },
    properties: { name: string, address: { $ref: "#/$defs/address" } },
    additionalProperties: false,
  },
  test_roots: object(),
  test_add_tool: object(),
  test_wait: object(),
  test_cancelled: object(),
  test_update_resource: object({ uri: string }),
  test_large: object({ size: { type: "integer" } }),
  test_unknown: object(),
};

const RESOURCES = [
  { uri: "test://static-text", name: "static text", mimeType: "text/plain" },
  { uri: "test://static-binary", name: "static binary", mimeType: "image/png" },
  { uri: "test://watched-resource", name: "watched", mimeType: "text/plain" },
].map((resource) => ({ ...resource, description: `The resource ${resource.name}` }));

const PROMPTS = [
  { name: "test_simple_prompt" },
  { name: "test_prompt_with_arguments", arguments: ["arg1", "arg2"] },
  { name: "test_prompt_with_embedded_resource", arguments: ["resourceUri"] },
  { name: "test_prompt_with_image" },
].map(({ name, arguments: names = [] }) => ({
  name,
  description: `The prompt ${name}`,
  arguments: names.map((argument) => ({ name: argument, required: true })),
}));

const WORDS = ["paris", "park", "party", "test", "testing"];

function readResource(uri: string): ReadResourceResult["contents"][number] {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id !== undefined) {
    const data = { id, templateTest: true, data: `Data for ID: ${id}` };
    return { uri, mimeType: "application/json", text: JSON.stringify(data) };
  }
  if (uri === "test://static-binary") return { uri, mimeType: "image/png", blob: PNG };
  return { uri, mimeType: "text/plain", text: "This is the content of the static text resource." };
}

function promptMessages(name: string, args: Record<string, string>): PromptMessage[] {
  const said = (content: Content): PromptMessage => ({ role: "user", content });
  switch (name) {
    case "test_simple_prompt":
      return [said(text("This is a simple prompt for testing."))];
    case "test_prompt_with_arguments":
      return [said(text(`Prompt with arguments: arg1='${args.arg1}', arg2='${args.arg2}'`))];
    case "test_prompt_with_embedded_resource":
      return [
        said(embedded(args.resourceUri ?? "", "Embedded resource content for testing.")),
        said(text("Please process the embedded resource above.")),
      ];
    default:
      return [said(image), said(text("Please analyze the image above."))];
  }
}

function makeServer(): Server {
  const tools = Object.keys(SCHEMAS);
  const cancelled: unknown[] = [];
  const server = new Server({ name: "conformance-fixture", version: "1.0.0" }, {
    capabilities: {
      completions: {},
      logging: {},
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      tools: { listChanged: true },
    },
    instructions: "For tests",
  });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: tools.map((name) => ({
      name,
      description: `The tool ${name}`,
      inputSchema: SCHEMAS[name] ?? object(),
    })),
  }));
  server.setRequestHandler(
    ListResourcesRequestSchema,
    ({ params }) =>
      params?.cursor === "2"
        ? { resources: RESOURCES.slice(2) }
        : { resources: RESOURCES.slice(0, 2), nextCursor: "2" },
  );
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "by id" }],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => ({
    contents: [readResource(params.uri)],
  }));
  server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
  server.setRequestHandler(SetLevelRequestSchema, () => ({}));
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: PROMPTS }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => ({
    messages: promptMessages(params.name, params.arguments ?? {}),
  }));
  server.setRequestHandler(CompleteRequestSchema, ({ params }) => {
    const values = WORDS.filter((word) => word.startsWith(params.argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
  });

  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const args = params.arguments ?? {};
    const elicit = async (message: string, properties: Fields, required: string[] = []) => {
      const requestedSchema = { type: "object" as const, properties, required };
      const answer = await extra.sendRequest(
        { method: "elicitation/create", params: { message, requestedSchema } },
        ElicitResultSchema,
      );
      return `action=${answer.action}, content=${JSON.stringify(answer.content)}`;
    };
    const run = async (): Promise<Content[]> => {
      switch (params.name) {
        case "test_simple_text":
          return [text("This is a simple text response for testing.")];
        case "test_image_content":
          return [image];
        case "test_audio_content":
          return [{ type: "audio", data: WAV, mimeType: "audio/wav" }];
        case "test_embedded_resource":
          return [embedded("test://embedded-resource", "This is an embedded resource content.")];
        case "test_multiple_content_types": {
          const data = JSON.stringify({ test: "data", value: 123 });
          const uri = "test://mixed-content-resource";
          return [
            text("Multiple content types test:"),
            image,
            embedded(uri, data, "application/json"),
          ];
        }
        case "test_tool_with_logging":
          for (const data of ["execution started", "processing data", "execution completed"]) {
            await extra.sendNotification({
              method: "notifications/message",
              params: { level: "info", data: `Tool ${data}` },
            });
            await sleep(50);
          }
          return [text("logged")];
        case "test_tool_with_progress": {
          const progressToken = extra._meta?.progressToken;
          for (const progress of [0, 50, 100]) {
            if (progressToken !== undefined) {
              await extra.sendNotification({
                method: "notifications/progress",
                params: { progressToken, progress, total: 100 },
              });
            }
            await sleep(50);
          }
          return [text("done")];
        }
        case "test_sampling": {
          const content = text(args.prompt);
          const answer = await extra.sendRequest({
            method: "sampling/createMessage",
            params: { messages: [{ role: "user", content }], maxTokens: 100 },
          }, CreateMessageResultSchema);
          return [text(`LLM response: ${JSON.stringify(answer.content)}`)];
        }
        case "test_elicitation":
          return [
            text(
              `User response: ${await elicit(String(args.message), USER, Object.keys(USER))}`,
            ),
          ];
        case "test_elicitation_sep1034_defaults":
          return [text(`Elicitation completed: ${await elicit("Please check", DEFAULTS)}`)];
        case "test_elicitation_sep1330_enums":
          return [text(`Elicitation completed: ${await elicit("Please choose", ENUMS)}`)];
        case "test_reconnection":
          // SEP-1699: the stream ends before the answer is there; the client takes it up again.
          extra.closeSSEStream?.();
          await sleep(100);
          return [text("the answer after the break")];
        case "test_roots": {
          const { roots } = await extra.sendRequest(
            { method: "roots/list" },
            ListRootsResultSchema,
          );
          return [text(roots)];
        }
        case "test_add_tool":
          tools.push(`added_${tools.length}`);
          await server.sendToolListChanged();
          return [text(tools.length)];
        case "test_wait":
          await new Promise((resolve) => extra.signal.addEventListener("abort", resolve));
          cancelled.push(extra.signal.reason);
          return [];
        case "test_cancelled":
          return [text(cancelled)];
        case "test_large":
          return [text("é\\".repeat(Number(args.size)))];
        case "test_update_resource":
          await server.sendResourceUpdated({ uri: String(args.uri) });
          return [text("updated")];
        default:
          throw new Error("This tool intentionally returns an error for testing");
      }
    };
    if (params.name === "test_unknown") {
      return {
        content: [],
        "x-future": { deep: [1, { _: null }], args },
        _meta: { "x/y": params._meta },
      };
    }
    try {
      return { content: await run() };
    } catch (error) {
      return {
        content: [text(error instanceof Error ? error.message : error)],
        isError: true,
      };
    }
  });
  return server;
}

function serveHttp(): void {
  const transports = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const onListen = ({ port }: { port: number }) => console.log(`http://127.0.0.1:${port}/mcp`);
  Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, async (request, { completed }) => {
    completed.catch(() => undefined); // the client has gone
    const id = request.headers.get("mcp-session-id");
    const known = id === null ? undefined : transports.get(id);
    if (known !== undefined) return await known.handleRequest(request);
    const { port } = new URL(request.url);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (session) => void transports.set(session, transport),
      onsessionclosed: (session) => void transports.delete(session),
      eventStore: new EventMemory(),
      retryInterval: 1_000,
      enableDnsRebindingProtection: true,
      allowedHosts: [`127.0.0.1:${port}`],
    });
    await makeServer().connect(transport);
    return await transport.handleRequest(request);
  });
}

if (Deno.args.includes("--http")) serveHttp();
else await makeServer().connect(new StdioServerTransport());
