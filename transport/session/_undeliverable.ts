/**
 * What a caller is told when the answer to its request can't be delivered.
 *
 * @module
 */
import { CvmError, type ErrorCode } from "../../errors.ts";
import type { JsonRpcError, RequestId } from "../types.ts";
import { errorResponse, INTERNAL_ERROR } from "../wire/message.ts";

/** Why an answer can't be delivered although a smaller one may. */
const NOT_DELIVERABLE: ReadonlySet<ErrorCode> = new Set([
  "MESSAGE_TOO_LARGE",
  "TRANSFER_FAILED",
  "PUBLISH_REFUSED",
  "PUBLISH_TIMEOUT",
]);

/**
 * @param id The id that the caller gave its request.
 * @param error Why the answer was not delivered.
 * @param options `inParts`: whether it could have gone in parts.
 * @returns A small answer in its place; `undefined` when there is no use in one.
 */
export function undeliverable(
  id: RequestId,
  error: unknown,
  { inParts }: { readonly inParts: boolean },
): JsonRpcError | undefined {
  if (!(error instanceof CvmError) || !NOT_DELIVERABLE.has(error.code)) return undefined;
  const hint = !inParts && error.code === "MESSAGE_TOO_LARGE"
    ? "; in parts (CEP-22) it can go only to a client that says it takes them and sends a progress token, a short one"
    : "";
  const message = `The answer could not be delivered: ${error.message}${hint}`;
  return errorResponse(id, INTERNAL_ERROR, message);
}
