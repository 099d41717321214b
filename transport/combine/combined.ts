/**
 * Several MCP servers that look like one to whoever uses them.
 *
 * @module
 */
import { InputError } from "../../errors.ts";
import type { Transport } from "../types.ts";
import { CombinedServers } from "./_combined_servers.ts";

/** Bounds of {@linkcode combineServers}. */
export interface CombineOptions {
  /**
   * Items that one server may have in one list, and resources of all servers
   * whose owner is remembered.
   * @default {10_000}
   */
  readonly maxItems?: number;
  /**
   * Questions of all servers that wait for the host's answer; more are refused.
   * @default {256}
   */
  readonly maxQuestions?: number;
  /**
   * How long a server may take for what all are asked before it is left out, in
   * milliseconds: for lists, and for the handshake from when another one has answered. Who
   * did not give a list in time is not asked for it again until it comes.
   * @default {20_000}
   */
  readonly answerTimeoutMs?: number;
  /**
   * How long all of them may take for the handshake, in milliseconds.
   * @default `answerTimeoutMs`
   */
  readonly handshakeTimeoutMs?: number;
}

/**
 * Makes several servers look like one: the name of each tool and prompt begins
 * with the name of its server and `__`; resources keep their URIs, and belong to
 * the first server that lists or knows them. Lists come whole, in one page. A
 * server that can't be reached is left out, and takes none of the others with it.
 * When one has gone, `list_changed` says so; with the last one the connection ends.
 *
 * @param servers A connection to each server, not started, by the name that the host sees.
 * @param options Bounds.
 * @returns The connection to all of them, not started.
 * @throws {InputError} CONFIG_INVALID when there is none, or a name can't begin the name of a tool.
 *
 * @example
 * ```ts
 * import { Client } from "@modelcontextprotocol/sdk/client/index.js";
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
 * import { combineServers } from "@cvm/toolkit/proxy";
 * import { assertEquals } from "@std/assert";
 *
 * async function connection(tool: string) {
 *   const [near, far] = InMemoryTransport.createLinkedPair();
 *   const server = new McpServer({ name: "example", version: "1.0.0" });
 *   server.registerTool(tool, {}, () => ({ content: [{ type: "text", text: tool }] }));
 *   await server.connect(far);
 *   return near;
 * }
 *
 * const client = new Client({ name: "host", version: "1.0.0" });
 * await client.connect(
 *   combineServers({ a: await connection("one"), b: await connection("two") }),
 * );
 * const { tools } = await client.listTools();
 * assertEquals(tools.map(({ name }) => name), ["a__one", "b__two"]);
 * const { content } = await client.callTool({ name: "b__two" });
 * assertEquals(content, [{ type: "text", text: "two" }]);
 * await client.close();
 * ```
 */
export function combineServers(
  servers: Readonly<Record<string, Transport>>,
  options: CombineOptions = {},
): Transport {
  const names = Object.keys(servers);
  if (names.length === 0) throw new InputError("CONFIG_INVALID", "name at least one server");
  for (const name of names) {
    if (!canBeginToolName(name)) {
      throw new InputError(
        "CONFIG_INVALID",
        `the name ${
          JSON.stringify(name)
        } can't begin the name of a tool: up to 32 letters, digits, "-" and single "_" can`,
      );
    }
  }
  return new CombinedServers(servers, options);
}

/** Whether a server can have this name among others that look like one. */
export function canBeginToolName(name: string): boolean {
  return /^[A-Za-z0-9-]+(_[A-Za-z0-9-]+)*$/.test(name) && name.length <= 32;
}
