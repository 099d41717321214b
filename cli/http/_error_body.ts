/**
 * What an HTTP error says.
 *
 * @module
 */
import { SERVER_ERROR } from "../../transport/wire/message.ts";

/** The body of an HTTP error: a JSON-RPC error that answers no request. */
export function errorBody(message: string, code: number = SERVER_ERROR): Record<string, unknown> {
  return { jsonrpc: "2.0", id: null, error: { code, message } };
}
