/**
 * Leaving tools of an MCP server out, on the way to it and back.
 *
 * @module
 */
import type { JsonRpcMessage, RequestId, Transport, TransportSendOptions } from "./types.ts";
import { isObject } from "./wire/json.ts";
import { cancelledRequestOf, errorResponse, isRequest, isResponse } from "./wire/message.ts";

/** What is answered to a call of a tool that is left out: the same as of one that does not exist (MCP). */
const INVALID_PARAMS = -32602;

/** Which tools are offered. */
export interface ToolFilterOptions {
  /**
   * The tools that are offered, by name; `*` stands for any text, `?` for any
   * character. Default: all of them. An empty list offers none.
   */
  readonly allow?: readonly string[];
  /**
   * The tools that are not offered, by name as in `allow`, also when `allow` has them.
   * @default {[]}
   */
  readonly deny?: readonly string[];
}

/**
 * Whether a tool is offered.
 *
 * @param name The tool's name.
 * @param options Which tools are offered.
 *
 * @example
 * ```ts
 * import { isToolOffered } from "@cvm/toolkit/gateway";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { allow: ["read_*"], deny: ["read_secret"] };
 * assertEquals(isToolOffered("read_file", options), true);
 * assertEquals(isToolOffered("read_secret", options), false);
 * assertEquals(isToolOffered("write_file", options), false);
 * ```
 */
export function isToolOffered(name: string, { allow, deny = [] }: ToolFilterOptions): boolean {
  const matches = (pattern: string) => matchesPattern(name, pattern);
  return (allow === undefined || allow.some(matches)) && !deny.some(matches);
}

/**
 * Puts a filter in front of an MCP server: tools that are left out are in no
 * list, on no page, and a call of one is answered as if there were none. In a
 * gateway it goes around the upstream, so that nothing about them is announced.
 *
 * @param inner The connection to the MCP server, not started.
 * @param options Which tools are offered.
 * @returns The connection to use in its place.
 *
 * @example
 * ```ts
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 * import { filterTools } from "@cvm/toolkit/gateway";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, server] = InMemoryTransport.createLinkedPair();
 * const filtered = filterTools(near, { deny: ["delete_*"] });
 * const answer = new Promise<unknown>((resolve) => filtered.onmessage = resolve);
 * await filtered.start();
 * const params = { name: "delete_all" };
 * await filtered.send({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
 * assertEquals(await answer, {
 *   jsonrpc: "2.0",
 *   id: 1,
 *   error: { code: -32602, message: "Unknown tool: delete_all" },
 * });
 * await server.close();
 * ```
 */
export function filterTools(inner: Transport, options: ToolFilterOptions): Transport {
  return new ToolFilter(inner, options);
}

class ToolFilter implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #inner: Transport;
  readonly #options: ToolFilterOptions;
  /** Lists that were asked for and are not answered. */
  readonly #lists = new Set<RequestId>();

  constructor(inner: Transport, options: ToolFilterOptions) {
    this.#inner = inner;
    this.#options = options;
    inner.onmessage = (message: JsonRpcMessage, extra) =>
      this.onmessage?.(this.#filtered(message), extra);
    inner.onerror = (error) => this.onerror?.(error);
    inner.onclose = () => this.onclose?.();
  }

  async start(): Promise<void> {
    await this.#inner.start();
  }

  async send(message: JsonRpcMessage, options?: TransportSendOptions): Promise<void> {
    if (isRequest(message)) {
      const { id, method, params } = message;
      if (method === "tools/list") this.#lists.add(id);
      if (method === "tools/call" && !this.#offers(params?.name)) {
        const refusal = errorResponse(id, INVALID_PARAMS, `Unknown tool: ${params?.name}`);
        queueMicrotask(() => this.onmessage?.(refusal));
        return;
      }
    } else {
      const cancelled = cancelledRequestOf(message);
      if (cancelled !== undefined) this.#lists.delete(cancelled);
    }
    await this.#inner.send(message, options);
  }

  setProtocolVersion(version: string): void {
    this.#inner.setProtocolVersion?.(version);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  #filtered(message: JsonRpcMessage): JsonRpcMessage {
    if (!isResponse(message) || message.id === undefined) return message;
    if (!this.#lists.delete(message.id) || !("result" in message)) return message;
    const { tools } = message.result;
    if (!Array.isArray(tools)) return message;
    const offered = tools.filter((tool) => isObject(tool) && this.#offers(tool.name));
    return { ...message, result: { ...message.result, tools: offered } };
  }

  #offers(name: unknown): boolean {
    return typeof name === "string" && isToolOffered(name, this.#options);
  }
}

/** Compares in time that grows with both lengths and no faster: names come from anybody. */
function matchesPattern(text: string, pattern: string): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    const wanted = pattern[next];
    if (wanted === "*") {
      star = next++;
      resume = at;
    } else if (wanted !== undefined && (wanted === "?" || wanted === text[at])) {
      at++;
      next++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[next] === "*") next++;
  return next === pattern.length;
}
