/**
 * Who asked, in a request's `_meta` (CEP-16): put there by the server's side,
 * never by the client.
 *
 * @module
 */
import type { JsonRpcNotification, JsonRpcRequest } from "../types.ts";
import { isObject } from "../wire/json.ts";
import type { RequestContext } from "./session.ts";

/**
 * A request or notification without what its client claims to be. Some read
 * the claim beside `params`, where an example of CEP-16 has it, so it leaves
 * that place, too.
 */
export function withoutClaims<T extends JsonRpcRequest | JsonRpcNotification>(message: T): T {
  const outer = "_meta" in message ? message._meta : undefined;
  const inner = message.params?._meta;
  if (!makesClaims(inner) && !makesClaims(outer)) return message;
  return {
    ...message,
    ...(isObject(outer) ? { _meta: unclaimed(outer) } : {}),
    ...(inner === undefined ? {} : { params: { ...message.params, _meta: unclaimed(inner) } }),
  };
}

/** A request that says who asked, in `params._meta`, as the other implementations have it. */
export function withIdentity(
  request: JsonRpcRequest,
  { clientPubkey, requestEventId }: RequestContext,
): JsonRpcRequest {
  const _meta = { ...request.params?._meta, clientPubkey, requestEventId };
  return { ...request, params: { ...request.params, _meta } };
}

function makesClaims(meta: unknown): boolean {
  return isObject(meta) && ("clientPubkey" in meta || "requestEventId" in meta);
}

function unclaimed(meta: Record<string, unknown>): Record<string, unknown> {
  const { clientPubkey: _, requestEventId: __, ...rest } = meta;
  return rest;
}
