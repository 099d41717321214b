/**
 * One of several servers that look like one.
 *
 * @module
 */
import { CallError, SessionError, UpstreamError } from "../../errors.ts";
import type {
  JsonRpcMessage,
  JsonRpcRequest,
  JsonRpcResponse,
  JsonRpcResult,
  ProgressToken,
  RequestId,
  Transport,
} from "../types.ts";
import { isResponse } from "../wire/message.ts";

/** Pages of one list that are read; more are nobody's list. */
const MAX_PAGES = 1000;

/** The prefix of the ids of our own requests; a host that uses it has itself to blame. */
const OWN_ID_PREFIX = "cvm-combined-";

/** Who is told what comes from a {@linkcode Member}. */
export interface MemberHandlers {
  /** Takes each message but the answers to our own requests. */
  readonly onMessage: (message: JsonRpcMessage) => void;
  /** Told once that the connection has ended. */
  readonly onClosed: () => void;
  /** How long it may take to answer our own requests, in milliseconds. */
  readonly answerTimeoutMs: number;
  /** Told that a list comes at last that was asked for in vain. */
  readonly onLate: (method: string) => void;
  /** Told of faults that end nothing. */
  readonly onError: (error: Error) => void;
}

/** One server, asked for others and for ourselves. */
export class Member {
  /** What the host calls it. */
  readonly name: string;
  /** Requests of the host that it works on, with their progress tokens. */
  readonly inFlight: Map<RequestId, ProgressToken | undefined> = new Map();
  /** Why it did not take part in the handshake; until it is heard of, it is not waited for. */
  absent: Error | undefined;
  readonly #transport: Transport;
  readonly #answerTimeoutMs: number;
  readonly #onError: (error: Error) => void;
  readonly #waiting = new Map<RequestId, (answer: JsonRpcResponse | Error) => void>();
  /** Lists that it was asked for in vain, with the ids of our requests: they are not waited for again. */
  readonly #owed = new Map<string, RequestId>();
  #asked = 0;
  #started = false;
  #down: Error | undefined;

  /**
   * @param name What the host calls it.
   * @param transport The connection, not started.
   * @param handlers Who is told what comes from it, and how long it may take to answer us.
   */
  constructor(name: string, transport: Transport, handlers: MemberHandlers) {
    this.name = name;
    this.#transport = transport;
    this.#answerTimeoutMs = handlers.answerTimeoutMs;
    this.#onError = handlers.onError;
    transport.onmessage = (message: JsonRpcMessage) => {
      const settle = isResponse(message) && message.id !== undefined
        ? this.#waiting.get(message.id)
        : undefined;
      if (settle !== undefined && isResponse(message)) return settle(message);
      this.absent = undefined;
      for (const [method, id] of this.#owed) {
        if (!isResponse(message) || message.id !== id) continue;
        this.#owed.delete(method);
        return handlers.onLate(method);
      }
      handlers.onMessage(message);
    };
    let lastWords: UpstreamError | undefined;
    transport.onerror = (error) => {
      if (error instanceof UpstreamError) lastWords = error;
      handlers.onError(error);
    };
    transport.onclose = () => {
      const reason = lastWords ??
        new SessionError("CLOSED", `the connection to "${name}" has ended`);
      // Until it is connected, `start()` fails with the reason.
      if (this.#started && this.#fail(reason)) handlers.onClosed();
    };
  }

  /** Why it can't be used; `undefined` while it can. */
  get down(): Error | undefined {
    return this.#down;
  }

  /** Whether it still owes a list that it was asked for in vain. */
  owes(method: string): boolean {
    return this.#owed.has(method);
  }

  /** Connects; a server that can't be reached is down, and that is all. */
  async start(): Promise<void> {
    try {
      await this.#transport.start();
      this.#started = true;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * Hands a message over.
   *
   * @throws {Error} Why it is down, or why the message could not be sent.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    if (this.#down !== undefined) throw this.#down;
    await this.#transport.send(message);
  }

  /** Tells the transport which MCP version was agreed on. */
  agree(version: unknown): void {
    if (typeof version === "string") this.#transport.setProtocolVersion?.(version);
  }

  /**
   * Asks on our own account.
   *
   * @param options How long it may take to answer, where that is not the usual time.
   * @throws {CallError} CALL_FAILED when it answers with an error.
   * @throws {SessionError} SERVER_NOT_ANSWERING when it stays silent.
   * @throws {Error} When it can't be asked.
   */
  async ask(
    method: string,
    params: JsonRpcRequest["params"],
    { timeoutMs = this.#answerTimeoutMs }: { readonly timeoutMs?: number } = {},
  ): Promise<JsonRpcResult["result"]> {
    const id = `${OWN_ID_PREFIX}${++this.#asked}`;
    const answered = new Promise<JsonRpcResponse | Error>((resolve) => {
      this.#waiting.set(id, resolve);
    });
    const silence = `"${this.name}" did not answer ${method} within ${timeoutMs} ms`;
    const timer = setTimeout(() => {
      this.#waiting.get(id)?.(new SessionError("SERVER_NOT_ANSWERING", silence));
      if (method.endsWith("/list") && !this.owes(method)) this.#owed.set(method, id);
      else if (method !== "initialize") this.#withdraw(id); // which must not be withdrawn
    }, timeoutMs);
    try {
      await this.send({ jsonrpc: "2.0", id, method, params });
      const answer = await answered;
      if (answer instanceof Error) throw answer;
      if ("error" in answer) throw new CallError(method, answer.error);
      return answer.result;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /**
   * Reads every page of a list.
   *
   * @throws {SessionError} LIMIT_REACHED when it is longer than `maxItems`.
   */
  async list(
    method: string,
    { field, maxItems }: { readonly field: string; readonly maxItems: number },
  ): Promise<readonly unknown[]> {
    const items: unknown[] = [];
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { [field]: found, nextCursor } = await this.ask(
        method,
        cursor === undefined ? {} : { cursor },
      );
      if (Array.isArray(found)) items.push(...found.slice(0, maxItems + 1));
      if (items.length > maxItems) break;
      if (typeof nextCursor !== "string" || nextCursor === cursor) return items;
      cursor = nextCursor;
    }
    throw new SessionError("LIMIT_REACHED", `${method} of "${this.name}" is too long`);
  }

  /** Ends the connection. Idempotent. */
  async close(): Promise<void> {
    this.#fail(new SessionError("CLOSED", "the connection was closed"));
    await this.#transport.close();
  }

  /** Tells it that nobody waits for an answer any more. */
  #withdraw(requestId: RequestId): void {
    const params = { requestId, reason: "it took too long" };
    this.send({ jsonrpc: "2.0", method: "notifications/cancelled", params })
      .catch((error) => this.#onError(error));
  }

  #fail(reason: Error): boolean {
    if (this.#down !== undefined) return false;
    this.#down = reason;
    for (const settle of [...this.#waiting.values()]) settle(reason);
    return true;
  }
}
