/**
 * Stateless mode: the client's MCP library is given an `initialize` result
 * without asking the server.
 *
 * @module
 */
import type { Announcement } from "../discovery/announcement.ts";
import type { JsonRpcRequest, JsonRpcResult } from "../types.ts";

/**
 * The announced result where there is one; else one that rules nothing out, so
 * that the server itself says what it does not have.
 *
 * @param request The `initialize` request of the client.
 * @param announcement The server's announcement, verified.
 * @returns An `initialize` result in the protocol version that the client asked for.
 */
export function statelessInitializeResult(
  request: JsonRpcRequest,
  announcement: Announcement | undefined,
): JsonRpcResult["result"] {
  const announced = announcement?.initializeResult;
  return {
    capabilities: { tools: {}, prompts: {}, resources: {}, completions: {}, logging: {} },
    serverInfo: { name: announcement?.name ?? "unknown", version: "unknown" },
    ...announced,
    protocolVersion: request.params?.protocolVersion,
  };
}
