/**
 * What a gateway answers on its own account.
 *
 * @module
 */
import { UpstreamError } from "../../errors.ts";
import type { JsonRpcError, JsonRpcResult, RequestId } from "../types.ts";
import { isObject } from "../wire/json.ts";
import { errorResponse, INTERNAL_ERROR } from "../wire/message.ts";
import type { Downtime } from "./_supervisor.ts";

/** Lists that may have changed with a restart, by the capability that offers them. */
const LISTS: Readonly<Record<string, string>> = {
  tools: "notifications/tools/list_changed",
  resources: "notifications/resources/list_changed",
  prompts: "notifications/prompts/list_changed",
};

/** MCP versions whose messages a client of one understands from a server of a later one. */
const VERSIONS = ["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/** An empty result. */
export function emptyResult(id: RequestId): JsonRpcResult {
  return { jsonrpc: "2.0", id, result: {} };
}

/** The answer to a request that the MCP server can't answer, because it is down. */
export function downResponse(
  id: RequestId,
  error: UpstreamError,
  retryInMs: number | undefined,
): JsonRpcError {
  const retry = retryInMs === undefined
    ? ""
    : `; it is started again in ${(Math.max(0, retryInMs) / 1000).toFixed(1)} s`;
  return errorResponse(id, INTERNAL_ERROR, `${error.message}${retry}`, {
    code: error.code,
    ...(retryInMs === undefined ? {} : { retryInMs: Math.max(0, Math.round(retryInMs)) }),
  });
}

/** The answer to a request while there is no MCP server. */
export function downtimeResponse(
  id: RequestId,
  down: Downtime | undefined,
  now: number,
): JsonRpcError {
  const error = down?.error ??
    new UpstreamError("UPSTREAM_FAILED", "the MCP server is not running");
  return downResponse(id, error, down?.retryAt && down.retryAt - now);
}

/** What clients are told when a server with this `initialize` result has come or gone. */
export function listChanges({ capabilities }: JsonRpcResult["result"]): readonly string[] {
  if (!isObject(capabilities)) return [];
  return Object.entries(LISTS).flatMap(([name, method]) => name in capabilities ? [method] : []);
}

/**
 * The `initialize` result for one more client of a server that has been
 * initialized: in the version that the client asked for, if it is a known one
 * that is not newer than what the server speaks.
 */
export function initializeResultFor(
  result: JsonRpcResult["result"],
  asked: unknown,
): JsonRpcResult["result"] {
  const spoken = VERSIONS.indexOf(String(result.protocolVersion));
  const wanted = typeof asked === "string" ? VERSIONS.indexOf(asked) : -1;
  return wanted >= 0 && wanted < spoken ? { ...result, protocolVersion: asked } : result;
}
