/**
 * Several MCP servers behind one gateway, under one key.
 *
 * @module
 */
import { type CombineOptions, combineServers } from "../combine/combined.ts";
import { type MemberStatus, SupervisedServer } from "./_supervised_server.ts";
import type { OpenUpstream, RestartOptions } from "./_upstream.ts";

export type { MemberStatus };

/** Options of {@linkcode combineUpstreams}. */
export interface CombineUpstreamsOptions extends Pick<CombineOptions, "maxItems" | "maxQuestions"> {
  /** The waits before a server that has died is started again, and when it is given up. */
  readonly restart?: RestartOptions;
  /**
   * How long a server may take from its start to the end of the handshake, in milliseconds.
   * @default {60_000}
   */
  readonly startTimeoutMs?: number;
  /**
   * How long the others may take at the start from when the first one is there,
   * in milliseconds, and any of them for a list; who comes later is told of by `list_changed`.
   * @default {20_000}
   */
  readonly graceMs?: number;
  /**
   * Resources of one server that are subscribed to again after a restart.
   * @default {10_000}
   */
  readonly maxSubscriptions?: number;
  /**
   * The clock, in milliseconds.
   * @default {Date.now}
   */
  readonly now?: () => number;
  /**
   * Told how each server is doing, by its name. With an MCP server for each
   * client all of them are told of under one name; `before` is the state that
   * the same one was in.
   */
  readonly onStatus?: (
    name: string,
    status: MemberStatus & { readonly before: MemberStatus["state"] | undefined },
  ) => void;
}

/**
 * Puts several MCP servers behind one gateway, as one with tools and prompts
 * called `NAME__TOOL`. Each is started again by itself when it dies: its tools
 * vanish meanwhile, clients are told by `list_changed`, and the others go on.
 * The connection ends when the last one has been given up; a gateway with
 * `restart: { maxDeaths: 1 }` then fails for good.
 *
 * @param servers How each server is opened, by the name that its tools begin with.
 * @param options When servers are started again, and who is told of them.
 * @returns What a gateway takes as its `upstream`.
 * @throws {InputError} CONFIG_INVALID when there is none, or a name can't begin the name of a tool; thrown by the function that is returned.
 *
 * @example
 * ```ts
 * import { Client } from "@modelcontextprotocol/sdk/client/index.js";
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
 * import { combineUpstreams } from "@cvm/toolkit/gateway";
 * import { assertEquals } from "@std/assert";
 *
 * // Stands for a process or an HTTP connection.
 * const upstream = (tool: string) => async () => {
 *   const [near, far] = InMemoryTransport.createLinkedPair();
 *   const server = new McpServer({ name: "example", version: "1.0.0" });
 *   server.registerTool(tool, {}, () => ({ content: [] }));
 *   await server.connect(far);
 *   return near;
 * };
 *
 * const open = combineUpstreams({ a: upstream("one"), b: upstream("two") });
 * // A gateway would do this: new McpGateway({ upstream: open, … }).
 * const client = new Client({ name: "example", version: "1.0.0" });
 * await client.connect(await open());
 * const { tools } = await client.listTools();
 * assertEquals(tools.map(({ name }) => name), ["a__one", "b__two"]);
 * await client.close();
 * ```
 */
export function combineUpstreams(
  servers: Readonly<Record<string, OpenUpstream>>,
  options: CombineUpstreamsOptions = {},
): OpenUpstream {
  const { startTimeoutMs = 60_000, graceMs = 20_000, maxSubscriptions = 10_000 } = options;
  const { restart, now = Date.now, onStatus, maxItems, maxQuestions } = options;
  const supervise = (name: string, open: OpenUpstream) => {
    let before: MemberStatus["state"] | undefined;
    return new SupervisedServer({
      open,
      restart,
      startTimeoutMs,
      maxSubscriptions,
      now,
      onStatus: (status) => {
        onStatus?.(name, { ...status, before });
        before = status.state;
      },
    });
  };
  return () =>
    combineServers(
      Object.fromEntries(
        Object.entries(servers).map(([name, open]) => [name, supervise(name, open)]),
      ),
      {
        maxItems,
        maxQuestions,
        // What is there in time has to be told before the gateway's own patience ends.
        handshakeTimeoutMs: startTimeoutMs * 0.9,
        answerTimeoutMs: graceMs,
      },
    );
}
