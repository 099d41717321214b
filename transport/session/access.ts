/**
 * Who may do what: an allowlist, a callback, and capabilities that are open to
 * everyone.
 *
 * @module
 */
import { parsePublicKey } from "../../crypto/keys.ts";
import type { JsonRpcMessage } from "../types.ts";
import { MAX_TIMER_MS } from "../transfer/limits.ts";
import { frameOf } from "../wire/frames.ts";

/** A capability: every call of a method, or only those that name one tool, prompt or resource. */
export interface Capability {
  /** The MCP method, such as `tools/call`. */
  readonly method: string;
  /** The name of the tool or prompt, or the URI of the resource. Absent: whatever it names. */
  readonly name?: string;
}

/** What a client wants to do. */
export interface AccessRequest {
  /** The client's public key, hex. */
  readonly peer: string;
  /** The method of the message; absent for a response, and for a message in parts that begins. */
  readonly method?: string;
  /** The name of the tool or prompt, or the URI of the resource, that it is about. */
  readonly name?: string;
}

/** Keys that may change while a server runs. */
export interface KeySet {
  /** Whether a public key, in lower-case hex, is one of them now. */
  has(publicKey: string): boolean;
}

/** Who may use a server. Without `allow` and `authorize`, everyone. */
export interface AccessOptions {
  /**
   * Public keys (hex in any case, npub, nprofile) that are let in. An empty list
   * admits nobody. A {@linkcode KeySet} is asked for each message, so that it may change.
   */
  readonly allow?: readonly string[] | KeySet;
  /** Asked for each message of a client that `allow`, if given, lets in. Throwing, rejecting and taking too long refuse. */
  readonly authorize?: (request: AccessRequest) => boolean | Promise<boolean>;
  /** Open to everyone. Where there are any, `initialize` is open too. */
  readonly exclude?: readonly Capability[];
  /**
   * How long `authorize` may take, in milliseconds.
   * @default {10000}
   */
  readonly authorizeTimeoutMs?: number;
  /**
   * Whether a refused request is answered with `-32000 Unauthorized`. Silence keeps a private server hidden.
   * @default {true for announced servers, else false}
   */
  readonly answerRefused?: boolean;
}

const HANDSHAKE = new Set(["initialize", "notifications/initialized"]);

/** Decides who may do what. */
export class AccessPolicy {
  /** Whether a refused request is answered. */
  readonly answerRefused: boolean;
  readonly #allowed: KeySet | undefined;
  readonly #options: AccessOptions;

  /**
   * @param options Who may use the server.
   * @throws {InputError} KEY_INVALID when an entry of `allow` is not a public key.
   */
  constructor(options: AccessOptions = {}) {
    this.#options = options;
    const { allow } = options;
    this.#allowed = allow && ("has" in allow ? allow : new Set(allow.map(parsePublicKey)));
    this.answerRefused = options.answerRefused ?? false;
  }

  /**
   * Whether a client may send a message. Synchronous unless `authorize` is asked.
   * A message in parts (CEP-22) is asked for when it begins, without a method,
   * and as what it is when it is whole (faults F02).
   */
  allows(peer: string, message: JsonRpcMessage): boolean | Promise<boolean> {
    const { authorize } = this.#options;
    if (this.#allowed === undefined && authorize === undefined) return true;
    const frame = frameOf(message);
    if (frame !== undefined && !this.#isAllowed(peer)) {
      return (this.#options.exclude ?? []).length > 0; // it may become a call that is open to everyone
    }
    if (frame !== undefined && frame.frameType !== "start") return true;
    const request = frame === undefined ? describe(peer, message) : { peer };
    if (this.#isOpenToAll(request)) return true;
    if (!this.#isAllowed(peer)) return false;
    return authorize === undefined ? true : this.#ask(authorize, request);
  }

  #isAllowed(peer: string): boolean {
    return this.#allowed?.has(peer) ?? true;
  }

  #isOpenToAll({ method, name }: AccessRequest): boolean {
    const { exclude = [] } = this.#options;
    if (method === undefined || exclude.length === 0) return false;
    if (HANDSHAKE.has(method)) return true;
    return exclude.some((open) =>
      open.method === method && (open.name === undefined || open.name === name)
    );
  }

  async #ask(
    authorize: (request: AccessRequest) => boolean | Promise<boolean>,
    request: AccessRequest,
  ): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => {
      const { authorizeTimeoutMs = 10_000 } = this.#options;
      timer = setTimeout(() => resolve(false), Math.min(authorizeTimeoutMs, MAX_TIMER_MS));
    });
    try {
      return await Promise.race([authorize(request), late]) === true;
    } finally {
      clearTimeout(timer);
    }
  }
}

function describe(peer: string, message: JsonRpcMessage): AccessRequest {
  if (!("method" in message)) return { peer };
  const { method, params } = message;
  const name = params?.name ?? params?.uri;
  return { peer, method, ...(typeof name === "string" ? { name } : {}) };
}
