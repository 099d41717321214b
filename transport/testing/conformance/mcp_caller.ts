/**
 * The MCP client that the suite puts above the client under test, written
 * without any MCP library.
 *
 * @module
 */
import type { JsonRpcMessage, RequestId, Transport } from "../../types.ts";
import { errorResponse, isRequest, isResponse, METHOD_NOT_FOUND } from "../../wire/message.ts";
import { check, type WaitBounds, within } from "./failure.ts";

/** What the suite's client says of itself. */
export const CLIENT_INFO = { name: "conformance", version: "1.0.0" } as const;

/** What the suite's client can be told. */
export interface McpCallerOptions {
  /** What it answers to `sampling/createMessage`; without it, it has no such capability. */
  readonly sampling?: string;
}

/** What becomes of a request. */
export interface Outcome {
  /** The text of a tool's result, or the JSON of another result. */
  readonly text: string;
  /** Whether the tool said that it failed. */
  readonly isError: boolean;
  /** The code of a JSON-RPC error. */
  readonly errorCode?: number;
}

/** A request that is under way. */
export interface Call {
  /** Its JSON-RPC id. */
  readonly id: RequestId;
  /** What becomes of it; rejects when it could not be sent. */
  readonly outcome: Promise<Outcome>;
}

/** An MCP client on a transport under test. */
export class McpCaller {
  /** Every message that the transport has delivered. */
  readonly received: JsonRpcMessage[] = [];
  /** What went wrong while answering the server. */
  readonly errors: unknown[] = [];
  readonly #transport: Transport;
  readonly #bounds: WaitBounds;
  readonly #options: McpCallerOptions;
  readonly #waiting = new Map<RequestId, (message: JsonRpcMessage) => void>();
  #ids = 0;

  /** @param transport The transport. @param bounds How long answers may take. @param options What it can do. */
  constructor(transport: Transport, bounds: WaitBounds, options: McpCallerOptions = {}) {
    this.#transport = transport;
    this.#bounds = bounds;
    this.#options = options;
    transport.onmessage = (message: JsonRpcMessage) => {
      this.received.push(message);
      if (isRequest(message)) {
        this.#answer(message.id, message.method).catch((error) => this.errors.push(error));
      } else if (isResponse(message) && message.id !== undefined) {
        this.#waiting.get(message.id)?.(message);
      }
    };
  }

  /** Starts the transport, and does the MCP handshake. */
  async open(): Promise<void> {
    await within("the client's start", this.#transport.start(), this.#bounds);
    const outcome = await this.request("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: this.#options.sampling === undefined ? {} : { sampling: {} },
      clientInfo: CLIENT_INFO,
    });
    check(outcome.errorCode === undefined, "initialize succeeds", outcome);
    await this.notify("notifications/initialized");
  }

  /** Sends a request, and waits for what becomes of it. */
  async request(
    method: string,
    params: Record<string, unknown>,
    bounds: Partial<WaitBounds> = {},
  ): Promise<Outcome> {
    const { outcome } = this.begin(method, params);
    return await within(`the answer to ${method}`, outcome, { ...this.#bounds, ...bounds });
  }

  /** Calls a tool, and waits for what becomes of it. */
  call(
    name: string,
    input: Record<string, unknown> = {},
    bounds: Partial<WaitBounds> = {},
  ): Promise<Outcome> {
    return this.request("tools/call", { name, arguments: input }, bounds);
  }

  /** Sends a request. */
  begin(method: string, params: Record<string, unknown>): Call {
    const id = ++this.#ids;
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    promise.catch(() => {}); // who waits sees it; nobody has to
    this.#waiting.set(id, (message) => resolve(outcomeOf(message)));
    this.#transport.send({ jsonrpc: "2.0", id, method, params }).catch(reject);
    return { id, outcome: promise };
  }

  /** Sends a notification. */
  async notify(method: string, params?: Record<string, unknown>): Promise<void> {
    const message = { jsonrpc: "2.0", method, ...(params && { params }) } as const;
    await within(`sending ${method}`, this.#transport.send(message), this.#bounds);
  }

  /** The notifications of one method that have come. */
  notifications(method: string): JsonRpcMessage[] {
    return this.received.filter((message) => "method" in message && message.method === method);
  }

  /** Ends the transport. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #answer(id: RequestId, method: string): Promise<void> {
    const { sampling } = this.#options;
    const content = { type: "text", text: sampling };
    await this.#transport.send(
      method !== "sampling/createMessage" || sampling === undefined
        ? errorResponse(id, METHOD_NOT_FOUND, `no method ${method}`)
        : { jsonrpc: "2.0", id, result: { role: "assistant", model: "none", content } },
    );
  }
}

function outcomeOf(message: JsonRpcMessage): Outcome {
  if ("error" in message) {
    return { text: message.error.message, isError: true, errorCode: message.error.code };
  }
  const result = "result" in message ? message.result : {};
  const { content, isError } = result;
  const first: unknown = Array.isArray(content) ? content[0] : undefined;
  const text = typeof first === "object" && first !== null && "text" in first
    ? String(first.text)
    : JSON.stringify(result);
  return { text, isError: isError === true };
}
