/**
 * The few MCP requests that announcing needs, over a bare transport.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { JsonRpcMessage, JsonRpcResult, Transport } from "../types.ts";
import { isRequest, isResponse, METHOD_NOT_FOUND } from "../wire/message.ts";
import { errorResponse } from "../wire/message.ts";
import type { AnnouncedList } from "./announcement.ts";

/** The MCP version that is offered; a server may answer with another one. */
const PROTOCOL_VERSION = "2025-11-25";
/** Pages of one list that are read; more are nobody's announcement. */
const MAX_PAGES = 1000;

/** A result as an object of unknown fields. */
export type Result = JsonRpcResult["result"];

/** Asks an MCP server what it is and what it has. */
export class McpReader {
  readonly #source: Transport;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<string, (answer: JsonRpcMessage | Error) => void>();
  #asked = 0;

  /**
   * @param source A connection to the server; nobody else may use it.
   * @param options `timeoutMs` bounds each request; `onNotification` is told the method of each notification.
   */
  constructor(
    source: Transport,
    options: { timeoutMs: number; onNotification: (method: string) => void },
  ) {
    this.#source = source;
    this.#timeoutMs = options.timeoutMs;
    source.onmessage = (message: JsonRpcMessage) => {
      if (isResponse(message)) {
        this.#waiting.get(String(message.id))?.(message);
      } else if (isRequest(message)) {
        const answer = message.method === "ping"
          ? { jsonrpc: "2.0" as const, id: message.id, result: {} }
          : errorResponse(message.id, METHOD_NOT_FOUND, `${message.method} is not supported here`);
        source.send(answer).catch((error) => source.onerror?.(error));
      } else {
        options.onNotification(message.method);
      }
    };
    source.onclose = () => this.#fail("the MCP server's connection was closed");
  }

  /** Does the MCP handshake; resolves to the server's `initialize` result. */
  async initialize(): Promise<Result> {
    await this.#source.start();
    const result = await this.#request("initialize", {
      protocolVersion: PROTOCOL_VERSION,
      capabilities: {},
      clientInfo: { name: "cvm-announcer", version: "1" },
    });
    await this.#source.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return result;
  }

  /** Reads every page of a list; `undefined` when the server does not have it. */
  async list({ method, field }: AnnouncedList): Promise<Result | undefined> {
    const items: unknown[] = [];
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page++) {
      const params = cursor === undefined ? {} : { cursor };
      const result = await this.#requestIfKnown(method, params);
      if (result === undefined) return undefined;
      const { [field]: found, nextCursor } = result;
      if (!Array.isArray(found)) return undefined;
      items.push(...found);
      if (typeof nextCursor !== "string" || nextCursor === cursor) return { [field]: items };
      cursor = nextCursor;
    }
    throw new SessionError("LIMIT_REACHED", `${method} has more than ${MAX_PAGES} pages`);
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    await this.#source.close();
    this.#fail("the reader was closed");
  }

  async #requestIfKnown(method: string, params: Result): Promise<Result | undefined> {
    const answer = await this.#ask(method, params);
    if ("result" in answer) return answer.result;
    if (answer.error.code === METHOD_NOT_FOUND) return undefined;
    throw refused(method, answer.error.message);
  }

  async #request(method: string, params: Result): Promise<Result> {
    const answer = await this.#ask(method, params);
    if ("result" in answer) return answer.result;
    throw refused(method, answer.error.message);
  }

  async #ask(method: string, params: Result) {
    const id = `announce-${++this.#asked}`;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const answered = new Promise<JsonRpcMessage | Error>((resolve) => {
        this.#waiting.set(id, resolve);
        const late = `no answer to ${method} within ${this.#timeoutMs} ms`;
        timer = setTimeout(
          () => resolve(new SessionError("SERVER_NOT_ANSWERING", late)),
          this.#timeoutMs,
        );
      });
      await this.#source.send({ jsonrpc: "2.0", id, method, params });
      const answer = await answered;
      if (answer instanceof Error) throw answer;
      if (!isResponse(answer)) throw refused(method, "the answer is not a response");
      return answer;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  #fail(reason: string): void {
    for (const settle of this.#waiting.values()) settle(new SessionError("CLOSED", reason));
  }
}

function refused(method: string, reason: string): SessionError {
  return new SessionError("SERVER_NOT_ANSWERING", `the MCP server refused ${method}: ${reason}`);
}
