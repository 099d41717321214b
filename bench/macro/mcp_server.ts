/**
 * The MCP server of the benchmark, the same behind every implementation.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import process from "node:process";
import * as z from "zod";
import type { Usage } from "./task.ts";

/** What a tool streams to. */
export interface StreamSink {
  write(data: string): Promise<unknown>;
  close(): Promise<unknown>;
}

/** What a tool's handler is told of its call. */
export interface CallContext {
  readonly requestId: string | number;
  readonly _meta?: { readonly [field: string]: unknown };
}

/** Opens the stream beside a call (CEP-41), as the implementation has it. */
export type OpenStream = (context: CallContext) => StreamSink;

/** 1 KB of text that is not all the same. */
export function kilobytes(count: number): string {
  const line = "The quick brown fox jumps over the lazy dog, and back again. ";
  return line.repeat(Math.ceil(1_000 * count / line.length)).slice(0, 1_000 * count);
}

/** Makes a server with the tools `echo`, `answer`, `stream` and `usage`. */
export function makeServer(openStream: OpenStream): McpServer {
  const server = new McpServer({ name: "bench", version: "1.0.0" });
  const say = (text: string) => ({ content: [{ type: "text" as const, text }] });
  const count = { count: z.number() };
  server.registerTool("echo", { inputSchema: { text: z.string() } }, ({ text }) => say(text));
  server.registerTool("answer", { inputSchema: count }, ({ count }) => say(kilobytes(count)));
  server.registerTool("stream", { inputSchema: count }, async ({ count }, extra) => {
    const stream = openStream(extra);
    const chunk = kilobytes(1);
    for (let i = 0; i < count; i++) await stream.write(chunk);
    await stream.close();
    return say("done");
  });
  server.registerTool("usage", { inputSchema: { collect: z.boolean() } }, ({ collect }) => {
    if (collect) collectGarbage();
    return say(JSON.stringify(usage()));
  });
  return server;
}

/** The CPU time of this process so far, in milliseconds. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function usage(): Usage {
  const { heapUsed, external, rss } = process.memoryUsage();
  return { cpuMs: cpuMs(), heapBytes: heapUsed + external, rssBytes: rss };
}

/** Twice, since the first one may only finish what finalizers hold. */
function collectGarbage(): void {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect !== "function") throw new Error("start this with --expose-gc");
  collect();
  collect();
}
