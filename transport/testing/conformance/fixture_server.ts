/**
 * The MCP server that the suite lets the server under test offer, written
 * without any MCP library.
 *
 * @module
 */
import type { McpServerLike } from "../../server.ts";
import type { JsonRpcMessage, JsonRpcRequest, Transport } from "../../types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  isRequest,
  isResponse,
  METHOD_NOT_FOUND,
} from "../../wire/message.ts";

/** JSON-RPC: the parameters are wrong. */
const INVALID_PARAMS = -32602;

/** The tools that a {@linkcode FixtureServer} offers. */
export const FIXTURE_TOOLS: readonly string[] = [
  "echo",
  "fail",
  "count",
  "hold",
  "wait",
  "shout",
  "ask",
];

/** What fixture servers were asked to do, and when they let go. */
export class FixtureLog {
  /** The `text` of each call, in the order of arrival. */
  readonly calls: string[] = [];
  /** The `text` of each call of `wait` that was cancelled. */
  readonly cancelled: string[] = [];
  /** What went wrong while sending. */
  readonly errors: unknown[] = [];
  readonly #released = Promise.withResolvers<void>();

  /** What the tool `hold` waits for. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Lets the calls of `hold` come to their end. */
  release(): void {
    this.#released.resolve();
  }
}

type Arguments = Readonly<Record<string, unknown>>;

/**
 * An MCP server with a tool for everything that a tool can do to a client:
 * `echo`, `fail`, `count` (progress), `hold` (until released), `wait` (until
 * cancelled), `shout` (equal notifications) and `ask` (sampling).
 */
export class FixtureServer implements McpServerLike {
  readonly #log: FixtureLog;
  readonly #running = new Map<string | number, AbortController>();
  readonly #questions = new Map<string | number, (answer: JsonRpcMessage) => void>();
  #transport: Transport | undefined;
  #asked = 0;

  /** @param log Where it writes down what it was asked to do. */
  constructor(log: FixtureLog) {
    this.#log = log;
  }

  /** Serves a transport. */
  async connect(transport: Transport): Promise<void> {
    this.#transport = transport;
    transport.onmessage = (message: JsonRpcMessage) => this.#receive(message);
    await transport.start();
  }

  /** Ends it. */
  async close(): Promise<void> {
    await this.#transport?.close();
  }

  #receive(message: JsonRpcMessage): void {
    const cancelled = cancelledRequestOf(message);
    if (cancelled !== undefined) this.#running.get(cancelled)?.abort();
    else if (isRequest(message)) void this.#answer(message);
    else if (isResponse(message) && message.id !== undefined) {
      this.#questions.get(message.id)?.(message);
    }
  }

  async #answer(request: JsonRpcRequest): Promise<void> {
    const { id, method, params = {} } = request;
    const stop = new AbortController();
    this.#running.set(id, stop);
    switch (method) {
      case "initialize":
        await this.#send({
          jsonrpc: "2.0",
          id,
          result: {
            protocolVersion: params.protocolVersion ?? "2025-06-18",
            capabilities: { tools: {}, logging: {} },
            serverInfo: { name: "conformance", version: "1.0.0" },
          },
        });
        break;
      case "ping":
        await this.#send({ jsonrpc: "2.0", id, result: {} });
        break;
      case "tools/list": {
        const tools = FIXTURE_TOOLS.map((name) => ({ name, inputSchema: { type: "object" } }));
        await this.#send({ jsonrpc: "2.0", id, result: { tools } });
        break;
      }
      case "tools/call":
        await this.#call(request, stop.signal);
        break;
      default:
        await this.#send(errorResponse(id, METHOD_NOT_FOUND, `no method ${method}`));
    }
    this.#running.delete(id);
  }

  async #call(request: JsonRpcRequest, signal: AbortSignal): Promise<void> {
    const { id, params = {} } = request;
    const name = String(params.name);
    const input: Arguments = isRecord(params.arguments) ? params.arguments : {};
    const text = String(input.text ?? name);
    this.#log.calls.push(text);
    const answer = (text: string, isError = false) =>
      this.#send({
        jsonrpc: "2.0",
        id,
        result: { content: [{ type: "text", text }], ...(isError && { isError }) },
      });
    switch (name) {
      case "echo":
        return await answer(text);
      case "fail":
        return await answer("it did not work", true);
      case "count":
        await this.#count(request, Number(input.to));
        return await answer(`counted to ${input.to}`);
      case "hold":
        await this.#log.released;
        return await answer(text);
      case "wait":
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        this.#log.cancelled.push(text);
        return;
      case "shout": {
        const params = { level: "info", data: text };
        for (let time = 0; time < Number(input.times); time++) {
          await this.#send({ jsonrpc: "2.0", method: "notifications/message", params }, id);
        }
        return await answer("shouted");
      }
      case "ask": {
        const said = await this.#ask(id);
        return await answer(JSON.stringify(said), "error" in said);
      }
      default:
        await this.#send(errorResponse(id, INVALID_PARAMS, `no tool ${name}`));
    }
  }

  async #count({ id, params }: JsonRpcRequest, total: number): Promise<void> {
    const progressToken = params?._meta?.progressToken;
    for (let progress = 1; progressToken !== undefined && progress <= total; progress++) {
      const params = { progressToken, progress, total };
      await this.#send({ jsonrpc: "2.0", method: "notifications/progress", params }, id);
    }
  }

  /** Asks the client to sample; resolves to its answer, or to the error. */
  async #ask(relatedRequestId: string | number): Promise<JsonRpcMessage> {
    const id = `question ${++this.#asked}`;
    const { promise, resolve } = Promise.withResolvers<JsonRpcMessage>();
    this.#questions.set(id, resolve);
    const content = { type: "text", text: "say something" };
    const params = { messages: [{ role: "user", content }], maxTokens: 10 };
    await this.#send(
      { jsonrpc: "2.0", id, method: "sampling/createMessage", params },
      relatedRequestId,
    );
    return await promise;
  }

  async #send(message: JsonRpcMessage, relatedRequestId?: string | number): Promise<void> {
    try {
      await this.#transport?.send(
        message,
        relatedRequestId === undefined ? undefined : { relatedRequestId },
      );
    } catch (error) {
      this.#log.errors.push(error);
    }
  }
}

function isRecord(value: unknown): value is Arguments {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
