/**
 * The same client and the same server, with `@modelcontextprotocol/sdk` 1.x and with the packages
 * `@modelcontextprotocol/client` and `/server` 2.x.
 *
 * @module
 */
import { Client as ClientV2 } from "@modelcontextprotocol/client";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer as McpServerV1 } from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  CreateMessageRequestSchema,
  type ElicitRequestFormParams,
  ElicitRequestSchema,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { McpServer as McpServerV2 } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { NostrClientTransport } from "../../transport/client.ts";
import type { McpServerLike } from "../../transport/server.ts";

/** What no specification has. */
export const UNKNOWN_METHOD = "x-future/echo";
/** What no specification has, told. */
export const UNKNOWN_NOTIFICATION = "notifications/x-future";

type Json = Record<string, unknown>;

/** A client of either generation. */
export interface GenerationClient {
  connect(transport: NostrClientTransport): Promise<void>;
  close(): Promise<void>;
  call(
    name: string,
    args: Json,
    options?: { signal?: AbortSignal; onprogress?: (step: unknown) => void },
  ): Promise<Json>;
  request(method: string, params: Json): Promise<Json>;
  notify(method: string, params: Json): Promise<void>;
}

/** Told what a client or server hears that it does not know. */
export type OnHeard = (params: unknown) => void;

const INFO = { name: "generation", version: "1.0.0" };
const CAPABILITIES = { capabilities: { sampling: {}, elicitation: {} } };
const SAMPLED = {
  model: "none",
  role: "assistant" as const,
  content: { type: "text" as const, text: "sampled" },
};
const ELICITED = { action: "accept" as const, content: { colour: "red" } };
const QUESTION = {
  messages: [{ role: "user" as const, content: { type: "text" as const, text: "hello?" } }],
  maxTokens: 5,
};
const FORM: ElicitRequestFormParams = {
  message: "Which colour?",
  requestedSchema: { type: "object", properties: { colour: { type: "string" } } },
};
const said = (text: string) => ({ content: [{ type: "text" as const, text }] });
const aborted = (signal: AbortSignal) =>
  new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));

/** Clients, by generation. */
export const CLIENTS: Readonly<Record<"v1" | "v2", (onHeard: OnHeard) => GenerationClient>> = {
  v1: (onHeard) => {
    const client = new ClientV1(INFO, CAPABILITIES);
    client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLED);
    client.setRequestHandler(ElicitRequestSchema, () => ELICITED);
    client.fallbackNotificationHandler = ({ params }) => Promise.resolve(onHeard(params));
    return {
      connect: (transport) => client.connect(transport),
      close: () => client.close(),
      call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
      request: (method, params) => client.request({ method, params }, ResultSchema),
      notify: (method, params) => client.notification({ method, params }),
    };
  },
  v2: (onHeard) => {
    const client = new ClientV2(INFO, CAPABILITIES);
    client.setRequestHandler("sampling/createMessage", () => SAMPLED);
    client.setRequestHandler("elicitation/create", () => ELICITED);
    client.fallbackNotificationHandler = ({ params }) => Promise.resolve(onHeard(params));
    return {
      connect: (transport) => client.connect(transport),
      close: () => client.close(),
      call: (name, args, options) => client.callTool({ name, arguments: args }, options),
      request: (method, params) => client.request({ method, params }, z.looseObject({})),
      notify: (method, params) => client.notification({ method, params }),
    };
  },
};

/** Options of a server of either generation. */
export interface GenerationServerOptions {
  /** Told what a client says that the server does not know. */
  readonly onHeard: OnHeard;
  /** Told that the tool `wait` was cancelled. */
  readonly onCancelled: () => void;
}

/** Servers, by generation. They tell their client what they hear. */
export const SERVERS: Readonly<
  Record<"v1" | "v2", (options: GenerationServerOptions) => McpServerLike>
> = {
  v1: ({ onHeard, onCancelled }) => {
    const mcp = new McpServerV1(INFO);
    mcp.registerTool(
      "greet",
      { inputSchema: { name: z.string() } },
      ({ name }) => said(`hello ${name}`),
    );
    mcp.registerTool("count", {}, async ({ _meta, sendNotification }) => {
      const progressToken = _meta?.progressToken ?? "none";
      for (const progress of [1, 2]) {
        await sendNotification({
          method: "notifications/progress",
          params: { progressToken, progress, total: 3 },
        });
      }
      await mcp.server.ping(); // both SDKs drop progress that comes just before the answer
      return said("counted");
    });
    mcp.registerTool("ask", {}, async () => {
      const sampled = await mcp.server.createMessage(QUESTION);
      const elicited = await mcp.server.elicitInput(FORM);
      return said(JSON.stringify([sampled.content, elicited]));
    });
    mcp.registerTool("wait", {}, async ({ signal }) => {
      await aborted(signal);
      onCancelled();
      return said("never heard");
    });
    mcp.server.fallbackRequestHandler = ({ params }) =>
      Promise.resolve({ echoed: params, "x-new": [null, { deep: true }] });
    mcp.server.fallbackNotificationHandler = async ({ params }) => {
      onHeard(params);
      await mcp.server.notification({ method: UNKNOWN_NOTIFICATION, params });
    };
    return mcp;
  },
  v2: ({ onHeard, onCancelled }) => {
    const mcp = new McpServerV2(INFO);
    const inputSchema = z.object({ name: z.string() });
    mcp.registerTool("greet", { inputSchema }, ({ name }) => said(`hello ${name}`));
    mcp.registerTool("count", {}, async ({ mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken ?? "none";
      for (const progress of [1, 2]) {
        await mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress, total: 3 },
        });
      }
      await mcp.server.ping(); // both SDKs drop progress that comes just before the answer
      return said("counted");
    });
    mcp.registerTool("ask", {}, async ({ mcpReq }) => {
      const sampled = await mcpReq.requestSampling(QUESTION);
      const elicited = await mcpReq.elicitInput(FORM);
      return said(JSON.stringify([sampled.content, elicited]));
    });
    mcp.registerTool("wait", {}, async ({ mcpReq }) => {
      await aborted(mcpReq.signal);
      onCancelled();
      return said("never heard");
    });
    mcp.server.fallbackRequestHandler = ({ params }) =>
      Promise.resolve({ echoed: params, "x-new": [null, { deep: true }] });
    mcp.server.fallbackNotificationHandler = async ({ params }) => {
      onHeard(params);
      await mcp.server.notification({ method: UNKNOWN_NOTIFICATION, params });
    };
    return mcp;
  },
};
