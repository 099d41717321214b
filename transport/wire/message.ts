/**
 * JSON-RPC messages as they stand in an event's content: reading them from
 * hostile text, and telling them apart.
 *
 * @module
 */
import { EventError } from "../../errors.ts";
import type {
  JsonRpcError,
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  ProgressToken,
  RequestId,
} from "../types.ts";
import { isObject } from "./json.ts";

/** JSON-RPC error: the peer may not do this, or the server will not do it now. */
export const SERVER_ERROR = -32000;
/** JSON-RPC error that MCP uses for a request without an answer in time. */
export const REQUEST_TIMEOUT = -32001;
/** JSON-RPC error: the method does not exist here. */
export const METHOD_NOT_FOUND = -32601;
/** JSON-RPC error: something broke inside. */
export const INTERNAL_ERROR = -32603;

function isRequestId(value: unknown): value is RequestId {
  return typeof value === "string" || (typeof value === "number" && Number.isFinite(value));
}

/** Whether a message is a request. */
export function isRequest(message: JsonRpcMessage): message is JsonRpcRequest {
  return "method" in message && "id" in message && message.id !== undefined;
}

/** Whether a message is a notification. */
export function isNotification(message: JsonRpcMessage): message is JsonRpcNotification {
  return "method" in message && !("id" in message && message.id !== undefined);
}

/** Whether a message is a response, of either outcome. */
export function isResponse(message: JsonRpcMessage): message is JsonRpcResponse {
  return !("method" in message);
}

/**
 * Reads a JSON-RPC message. Only the fields that make it one are checked; what
 * else it carries passes untouched.
 *
 * @param content An event's content.
 * @returns The message.
 * @throws {EventError} EVENT_INVALID when the content is not a JSON-RPC 2.0 message.
 */
export function parseMessage(content: string): JsonRpcMessage {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new EventError("EVENT_INVALID", "the event's content is not JSON", { cause });
  }
  if (!isJsonRpcMessage(value)) {
    throw new EventError("EVENT_INVALID", "the event's content is not a JSON-RPC 2.0 message");
  }
  return value;
}

/** Whether a value has the shape of a JSON-RPC 2.0 message. */
export function isJsonRpcMessage(value: unknown): value is JsonRpcMessage {
  if (!isObject(value) || value.jsonrpc !== "2.0") return false;
  if (typeof value.method === "string") {
    return (value.id === undefined || isRequestId(value.id)) &&
      (value.params === undefined || isObject(value.params)) &&
      (value.params?._meta === undefined || isObject(value.params._meta));
  }
  if (isObject(value.result)) return isRequestId(value.id) && value.error === undefined;
  return isObject(value.error) && typeof value.error.code === "number" &&
    typeof value.error.message === "string" && (value.id === undefined || isRequestId(value.id));
}

/** The progress token that a request asks to be kept informed under, or `undefined`. */
export function progressTokenOf(request: JsonRpcRequest): ProgressToken | undefined {
  const token = request.params?._meta?.progressToken;
  return isRequestId(token) ? token : undefined;
}

/** The token of a client that asks for nothing but to be answered in parts begins so. */
const TRANSFER_TOKEN_PREFIX = "cvm-transfer-";

/**
 * A token under which a request may be sent and answered in parts (CEP-22)
 * although whoever made it wants no progress reports. Servers that announce
 * `support_transfer_token` know it by its beginning and report nothing; others
 * may. It must not go to servers of `@contextvm/sdk` that stream before they have answered another
 * token: version 0.11.14 never answers a request with one beside which nothing streams.
 */
export function transferToken(unique: string): string {
  return `${TRANSFER_TOKEN_PREFIX}${unique}`;
}

/** Whether a token asks for no progress reports: see {@linkcode transferToken}. */
export function isTransferToken(token: ProgressToken): boolean {
  return typeof token === "string" && token.startsWith(TRANSFER_TOKEN_PREFIX);
}

/** A request with a progress token, or without one. */
export function withProgressToken(
  request: JsonRpcRequest,
  progressToken: ProgressToken | undefined,
): JsonRpcRequest {
  const { _meta, ...params } = request.params ?? {};
  const { progressToken: _, ...others } = _meta ?? {};
  const meta = progressToken === undefined ? others : { ...others, progressToken };
  return {
    ...request,
    params: Object.keys(meta).length === 0 ? params : { ...params, _meta: meta },
  };
}

/** A request with another id, and with another progress token where it has one. */
export function withIds(
  request: JsonRpcRequest,
  id: RequestId,
  progressToken: ProgressToken,
): JsonRpcRequest {
  if (progressTokenOf(request) === undefined) return { ...request, id };
  const params = { ...request.params, _meta: { ...request.params?._meta, progressToken } };
  return { ...request, id, params };
}

/** An error response. */
export function errorResponse(
  id: RequestId,
  code: number,
  message: string,
  data?: unknown,
): JsonRpcError {
  return { jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } };
}

/** The token of a `notifications/progress`, or `undefined` for any other message. */
export function progressOf(message: JsonRpcMessage): ProgressToken | undefined {
  if (!isNotification(message) || message.method !== "notifications/progress") return undefined;
  const token = message.params?.progressToken;
  return isRequestId(token) ? token : undefined;
}

/** The request that a `notifications/cancelled` cancels, or `undefined` for any other message. */
export function cancelledRequestOf(message: JsonRpcMessage): RequestId | undefined {
  if (!isNotification(message) || message.method !== "notifications/cancelled") return undefined;
  const id = message.params?.requestId;
  return isRequestId(id) ? id : undefined;
}
