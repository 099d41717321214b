/**
 * How a command ends: one table from errors to exit codes.
 *
 * @module
 */
import { CvmError, type ErrorCode } from "../errors.ts";
import { Interrupt } from "./io.ts";

/** The exit codes of `cvm`. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** Something that should not happen. */
  unexpected: 1,
  /** The command line, a key, a URL or a configuration file is wrong. */
  usage: 2,
  /** Not allowed, or not without payment. */
  denied: 3,
  /** No relay, no server, or no answer in time. */
  unreachable: 4,
  /** The tool or the peer said no. */
  refused: 5,
  /** What arrived is not what it claims to be. */
  integrity: 6,
  /** Interrupted by the user. */
  interrupted: 130,
} as const;

/** One of the exit codes of `cvm`. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_CODE: Readonly<Record<ErrorCode, ExitCode>> = {
  KEY_INVALID: EXIT.usage,
  SERVER_INVALID: EXIT.usage,
  RELAY_URL_INVALID: EXIT.usage,
  CONFIG_INVALID: EXIT.usage,
  EVENT_INVALID: EXIT.integrity,
  SIGNATURE_INVALID: EXIT.integrity,
  DECRYPT_FAILED: EXIT.integrity,
  WRAP_INVALID: EXIT.integrity,
  SCHEMA_INVALID: EXIT.integrity,
  RELAY_UNREACHABLE: EXIT.unreachable,
  PUBLISH_REFUSED: EXIT.denied,
  PUBLISH_TIMEOUT: EXIT.unreachable,
  SUBSCRIPTION_REFUSED: EXIT.denied,
  SERVER_NOT_ANSWERING: EXIT.unreachable,
  ENCRYPTION_MISMATCH: EXIT.refused,
  MESSAGE_TOO_LARGE: EXIT.refused,
  TRANSFER_FAILED: EXIT.integrity,
  CALL_FAILED: EXIT.refused,
  STREAM_UNAVAILABLE: EXIT.refused,
  NOT_FOUND: EXIT.refused,
  UPSTREAM_FAILED: EXIT.unreachable,
  LIMIT_REACHED: EXIT.refused,
  CLOSED: EXIT.unexpected,
  ENGINE_UNAVAILABLE: EXIT.usage,
};

/** JSON-RPC errors that say "not without permission or payment" (CEP-8), and MCP's local timeout. */
const BY_RPC_CODE: ReadonlyMap<number, ExitCode> = new Map([
  [-32042, EXIT.denied],
  [-32043, EXIT.denied],
  [-32001, EXIT.unreachable],
]);

/** A wrong command line, found after parsing. */
export class UsageError extends Error {
  /** The name of the class. */
  override name = "UsageError";
}

/** The tool ran and reported a failure (`isError`); its output has been printed. */
export class ToolFailedError extends Error {
  /** The name of the class. */
  override name = "ToolFailedError";
}

/** An error in the shape of the MCP SDK's `McpError`, recognized without loading the SDK. */
export interface RpcErrorLike extends Error {
  /** The JSON-RPC error code. */
  readonly code: number;
  /** The JSON-RPC error's data. */
  readonly data?: unknown;
}

/** Whether an error is a JSON-RPC error of the MCP SDK. */
export function isRpcError(error: unknown): error is RpcErrorLike {
  return error instanceof Error && "code" in error && typeof error.code === "number";
}

/** The exit code that tells what happened. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof ToolFailedError) return EXIT.refused;
  if (error instanceof Interrupt) return EXIT.interrupted;
  if (error instanceof CvmError) return BY_CODE[error.code];
  if (isRpcError(error)) {
    const known = BY_RPC_CODE.get(error.code);
    if (known !== undefined) return known;
    // -32000 is "Unauthorized" on the wire, and "Connection closed" inside the MCP SDK.
    if (error.code === -32000 && /unauthorized/i.test(error.message)) return EXIT.denied;
    if (error.code === -32000 && /connection closed/i.test(error.message)) return EXIT.unreachable;
    return EXIT.refused;
  }
  return EXIT.unexpected;
}
