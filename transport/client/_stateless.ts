/**
 * Stateless mode: the client's MCP library is given an `initialize` result
 * without asking the server.
 *
 * @module
 */
import type { Announcement } from "../discovery/announcement.ts";
import { isObject } from "../wire/json.ts";
import type { JsonRpcRequest, JsonRpcResult } from "../types.ts";

/** Whether each capability is an object, as MCP has it. */
function areCapabilities(value: unknown): value is Record<string, unknown> {
  return isObject(value) && Object.values(value).every(isObject);
}

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
  const { capabilities, serverInfo, instructions, ...others } = announcement?.initializeResult ??
    {};
  const { name, version } = isObject(serverInfo) ? serverInfo : {};
  return {
    ...others,
    capabilities: areCapabilities(capabilities)
      ? capabilities
      : { tools: {}, prompts: {}, resources: {}, completions: {}, logging: {} },
    // What was announced may be anything, and MCP libraries take nothing but this.
    serverInfo: {
      ...(isObject(serverInfo) ? serverInfo : {}),
      name: typeof name === "string" ? name : announcement?.name ?? "unknown",
      version: typeof version === "string" ? version : "unknown",
    },
    ...(typeof instructions === "string" ? { instructions } : {}),
    protocolVersion: request.params?.protocolVersion,
  };
}
