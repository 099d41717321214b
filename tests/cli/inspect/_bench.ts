/** A relay, a server with something of everything, and `cvm` run inside the test. */
import { Server } from "@modelcontextprotocol/sdk/server";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { runCli } from "../../../cli/app.ts";
import { type ServedRelay, serveRelay } from "../../../cli/relay/mod.ts";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { type NostrServer, serve, type ServeOptions } from "../../../transport/server.ts";
import type { Session } from "../../../transport/session/session.ts";
import { temporaryFolder, TestIo } from "../helpers.ts";

/** What a terminal would take for a command. */
export const ESCAPE = "\u001b[2J";
/** A picture of one pixel, or nearly. */
export const PICTURE = btoa("not really a picture");

const TOOLS = [
  {
    name: "echo",
    description: `Says it again ${ESCAPE}`,
    inputSchema: {
      type: "object" as const,
      properties: {
        text: { type: "string" },
        count: { type: "integer" },
        mood: { enum: ["good", "bad"] },
        tags: { type: "array", items: { type: "integer" } },
        who: { $ref: "#/$defs/person" },
      },
      $defs: {
        person: {
          type: "object",
          properties: { name: { type: "string" }, age: { type: "integer" } },
        },
      },
      required: ["text"],
    },
    outputSchema: { type: "object" as const, properties: { said: { type: "string" } } },
  },
  { name: "count", inputSchema: { type: "object" as const } },
  { name: "draw", inputSchema: { type: "object" as const } },
  { name: "large", inputSchema: { type: "object" as const } },
  { name: "fail", inputSchema: { type: "object" as const } },
  { name: "refuse", inputSchema: { type: "object" as const } },
  { name: "steps", inputSchema: { type: "object" as const } },
];

const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });

/** An MCP server for one session. */
export function makeServer(session: Session): Server {
  const mcp = new Server({ name: `bench${ESCAPE}`, version: "1.0.0" }, {
    capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} },
  });
  mcp.setRequestHandler(
    ListToolsRequestSchema,
    ({ params }) =>
      params?.cursor === "more"
        ? { tools: TOOLS.slice(3) }
        : { tools: TOOLS.slice(0, 3), nextCursor: "more" },
  );
  mcp.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const { requestId, sendNotification } = extra;
    const { progressToken } = params._meta ?? {};
    switch (params.name) {
      case "steps":
        if (params.arguments?.forever === true) {
          return await new Promise((_, reject) =>
            extra.signal.addEventListener("abort", () => reject(extra.signal.reason))
          );
        }
        // Says how far it is, as long as somebody wants to know, and is done after 1.5 seconds.
        for (
          let progress = 0.1;
          params.arguments?.long === true && progress < 1.5;
          progress += 0.1
        ) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          if (progressToken === undefined) continue;
          const report = { progressToken, progress };
          await sendNotification({ method: "notifications/progress", params: report });
        }
        if (progressToken !== undefined) {
          await sendNotification({
            method: "notifications/progress",
            params: { progressToken, progress: 1, total: 2, message: `half${ESCAPE}` },
          });
        }
        return text("done");
      case "count": {
        const stream = session.openStream(requestId);
        for (const word of ["one ", `two${ESCAPE} `, "three"]) await stream.write(word);
        return text("done");
      }
      case "draw":
        return {
          content: [
            { type: "text", text: "here" },
            { type: "image", data: PICTURE, mimeType: "image/png" },
            { type: "resource", resource: { uri: "../../etc/x", blob: PICTURE } },
          ],
        };
      case "large":
        return text("x".repeat(300_000));
      case "fail":
        return { ...text("this tool always fails"), isError: true };
      case "refuse":
        throw new Error("not today");
    }
    return text(JSON.stringify(params.arguments));
  });
  mcp.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [{ uri: "test://one", name: "one" }],
  }));
  mcp.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => ({
    contents: [{ uri, text: `content${ESCAPE} of it` }, { uri, blob: PICTURE }],
  }));
  mcp.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: [{ name: "greet", arguments: [{ name: "who", required: true }, { name: "how" }] }],
  }));
  mcp.setRequestHandler(GetPromptRequestSchema, ({ params }) => ({
    messages: [{
      role: "user",
      content: { type: "text", text: `Hello ${params.arguments?.who}` },
    }],
  }));
  mcp.setRequestHandler(CompleteRequestSchema, ({ params }) => ({
    completion: { values: [`${params.argument.value}da`, `${params.argument.value}nn`] },
  }));
  return mcp;
}

/** How `cvm` is run. */
export interface RunOptions {
  /** What it reads. */
  readonly stdin?: string;
  /** How it makes HTTP requests. */
  readonly fetch?: typeof fetch;
  /** Whether standard error is a terminal. */
  readonly terminal?: boolean;
  /** Variables beside those of the process. */
  readonly env?: Record<string, string>;
}

/** A relay and a server on it. */
export interface Bench extends AsyncDisposable {
  readonly folder: string;
  readonly relay: ServedRelay;
  readonly server: NostrServer;
  readonly signer: PrivateKeySigner;
  /** Runs `cvm` with the relay. */
  run(
    args: readonly string[],
    options?: RunOptions,
  ): Promise<{ code: number; out: string; err: string }>;
}

/** Sets everything up. */
export async function openBench(options: Partial<ServeOptions> = {}): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const relay = stack.use(await serveRelay());
  const signer = PrivateKeySigner.generate();
  const server = stack.use(await serve(makeServer, { signer, relays: [relay.url], ...options }));
  const owned = stack.move();
  return {
    folder: folder.path,
    relay,
    server,
    signer,
    run: async (args, { terminal = false, env, ...rest } = {}) => {
      const io = new TestIo({
        env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder.path, ...env },
        ...rest,
      });
      io.stderr.isTerminal = terminal;
      const code = await runCli([...args, "--relay", relay.url], io);
      return { code, out: io.out, err: io.err };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** `cvm` on its own, with a configuration folder. */
export async function runAlone(
  args: readonly string[],
  folder: string,
): Promise<{ code: number; out: string; err: string }> {
  const io = new TestIo({ env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder } });
  const code = await runCli(args, io);
  return { code, out: io.out, err: io.err };
}
