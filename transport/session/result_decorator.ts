/**
 * What a server adds to its results on their way out.
 *
 * @module
 */
import type { JsonRpcResponse, JsonRpcResult } from "../types.ts";
import type { Tags } from "../wire/tags.ts";

/** A result with what was added to it. */
export interface DecoratedResult {
  /** The result to send. */
  readonly result: JsonRpcResult["result"];
  /** Tags for the event that carries it. */
  readonly tags: Tags;
}

/**
 * Adds to a result before it is sent or announced. Called with each result;
 * it gives back those that it has nothing to add to.
 *
 * @param method The method of the request that is answered.
 * @param result The server's result; not to be changed.
 */
export type ResultDecorator = (
  method: string,
  result: JsonRpcResult["result"],
) => DecoratedResult;

/** Makes one decorator of several; each sees what those before it made. */
export function chainDecorators(decorators: readonly ResultDecorator[]): ResultDecorator {
  return (method, result) => {
    let decorated: DecoratedResult = { result, tags: [] };
    for (const decorate of decorators) {
      const next = decorate(method, decorated.result);
      decorated = { result: next.result, tags: [...decorated.tags, ...next.tags] };
    }
    return decorated;
  };
}

/** Decorates the result of a response to a request; an error stays as it is. */
export function decorateResponse(
  response: JsonRpcResponse,
  method: string,
  decorate: ResultDecorator | undefined,
): { readonly response: JsonRpcResponse; readonly tags: Tags } {
  if (decorate === undefined || !("result" in response)) return { response, tags: [] };
  const { result, tags } = decorate(method, response.result);
  return { response: { ...response, result }, tags };
}
