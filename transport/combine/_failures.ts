/**
 * What is answered where servers that look like one can't answer.
 *
 * @module
 */
import { CallError, CvmError } from "../../errors.ts";
import type { JsonRpcError, RequestId } from "../types.ts";
import { errorResponse, INTERNAL_ERROR } from "../wire/message.ts";

/** A request that is answered with a JSON-RPC error of our own. */
export class RpcRefusal extends Error {
  /** The JSON-RPC error code. */
  readonly rpcCode: number;

  constructor(rpcCode: number, message: string) {
    super(message);
    this.rpcCode = rpcCode;
  }
}

/** The answer to a request that failed. */
export function failureResponse(id: RequestId, error: unknown): JsonRpcError {
  if (error instanceof CallError) {
    return errorResponse(id, error.rpcCode, error.message, error.data);
  }
  if (error instanceof RpcRefusal) return errorResponse(id, error.rpcCode, error.message);
  const message = error instanceof Error ? error.message : String(error);
  const data = error instanceof CvmError ? { code: error.code } : undefined;
  return errorResponse(id, INTERNAL_ERROR, message, data);
}

/** Whether a server has said no, and not that it can't work now. */
export function isRefusal(error: unknown): boolean {
  return error instanceof CallError && error.rpcCode !== INTERNAL_ERROR;
}
