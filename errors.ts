/**
 * Every error that this package throws on its own account: one base class with
 * a `code` from one union, and a class for each thing that a caller catches.
 *
 * Mistakes of the programmer (a wrong type, a number out of range, a string
 * that can't be parsed) are `TypeError`, `RangeError` and `SyntaxError`.
 *
 * @module
 */

/**
 * What went wrong, for programs. Match on this, not on the message.
 *
 * - `KEY_INVALID`, `SERVER_INVALID`, `RELAY_URL_INVALID`: an input that names a key, a server or a relay can't be used.
 * - `EVENT_INVALID`, `SIGNATURE_INVALID`, `DECRYPT_FAILED`, `WRAP_INVALID`: a Nostr event is not what it claims to be.
 * - `SCHEMA_INVALID`: a tool's schema can't be hashed.
 * - `RELAY_UNREACHABLE`: no relay could be connected to in time.
 * - `PUBLISH_REFUSED`, `PUBLISH_TIMEOUT`: no relay took an event.
 * - `SUBSCRIPTION_REFUSED`: no relay granted a subscription.
 * - `SERVER_NOT_ANSWERING`: relays work, the server does not answer.
 * - `ENCRYPTION_MISMATCH`: both sides can't agree on how to encrypt.
 * - `MESSAGE_TOO_LARGE`: a message does not fit an event, and can't be sent in parts either.
 * - `TRANSFER_FAILED`: a message in parts, or a stream, did not arrive whole.
 * - `CALL_FAILED`: the server answered a call with an error.
 * - `STREAM_UNAVAILABLE`: a call has no open stream: its caller has not asked for one, or takes none.
 * - `NOT_FOUND`: something that was looked up does not exist.
 * - `UPSTREAM_FAILED`: the MCP server behind a gateway could not be started or died.
 * - `LIMIT_REACHED`: a configured bound was hit.
 * - `CLOSED`: used after `close()`.
 * - `CONFIG_INVALID`: an option or a file that configures something is wrong.
 * - `ENGINE_UNAVAILABLE`: a faster crypto engine can't be loaded here.
 */
export type ErrorCode =
  | "KEY_INVALID"
  | "SERVER_INVALID"
  | "RELAY_URL_INVALID"
  | "EVENT_INVALID"
  | "SIGNATURE_INVALID"
  | "DECRYPT_FAILED"
  | "WRAP_INVALID"
  | "SCHEMA_INVALID"
  | "RELAY_UNREACHABLE"
  | "PUBLISH_REFUSED"
  | "PUBLISH_TIMEOUT"
  | "SUBSCRIPTION_REFUSED"
  | "SERVER_NOT_ANSWERING"
  | "ENCRYPTION_MISMATCH"
  | "MESSAGE_TOO_LARGE"
  | "TRANSFER_FAILED"
  | "CALL_FAILED"
  | "STREAM_UNAVAILABLE"
  | "NOT_FOUND"
  | "UPSTREAM_FAILED"
  | "LIMIT_REACHED"
  | "CLOSED"
  | "CONFIG_INVALID"
  | "ENGINE_UNAVAILABLE";

/** The base of all errors of this package. */
export class CvmError extends Error {
  /** The name of the class. */
  override name = "CvmError";
  /** What went wrong, for programs. */
  readonly code: ErrorCode;

  /**
   * Makes the error.
   *
   * @param code What went wrong, for programs.
   * @param message What went wrong, where, and what to do, for people.
   * @param options `cause`: the error underneath.
   */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What somebody gave can't be used: a key, a server name, a relay URL, a setting, a tool's schema, a text that is too long. */
export class InputError extends CvmError {
  /** The name of the class. */
  override name = "InputError";
}

/** A Nostr event that is not what it claims to be; never a reason to trust its content. */
export class EventError extends CvmError {
  /** The name of the class. */
  override name = "EventError";
}

/** Why one relay did not do what it was asked. */
export interface RelayFailure {
  /** The relay's normalized URL. */
  readonly url: string;
  /** What happened there: the relay's own words where it said any. */
  readonly reason: string;
}

/** No relay did what was asked of it; `failures` says why, relay by relay. */
export class RelayError extends CvmError {
  /** The name of the class. */
  override name = "RelayError";
  /** One entry per relay that was tried. */
  readonly failures: readonly RelayFailure[];

  /**
   * Makes the error.
   *
   * @param code What went wrong, for programs.
   * @param message What was tried; the failures are appended to it.
   * @param failures One entry per relay that was tried.
   * @param options `cause`: the error underneath.
   */
  constructor(
    code: ErrorCode,
    message: string,
    failures: readonly RelayFailure[],
    options?: ErrorOptions,
  ) {
    const details = failures.map(({ url, reason }) => `${url}: ${reason}`).join("; ");
    super(code, details === "" ? message : `${message} (${details})`, options);
    this.failures = failures;
  }
}

/** Relays work, but the two MCP sides can't talk: no answer, no common encryption, a message too large. */
export class SessionError extends CvmError {
  /** The name of the class. */
  override name = "SessionError";
}

/** A server answered a call with a JSON-RPC error. */
export class CallError extends CvmError {
  /** The name of the class. */
  override name = "CallError";
  /** The JSON-RPC error code. */
  readonly rpcCode: number;
  /** What the server added to the error. */
  readonly data: unknown;

  /**
   * Makes the error.
   *
   * @param method The method that was called.
   * @param error The error of the answer.
   */
  constructor(method: string, error: { code: number; message: string; data?: unknown }) {
    super("CALL_FAILED", `${method}: ${error.message}`);
    this.rpcCode = error.code;
    this.data = error.data;
  }
}

/** The MCP server behind a gateway could not be started, or died. */
export class UpstreamError extends CvmError {
  /** The name of the class. */
  override name = "UpstreamError";
}
