/**
 * A proxy lets a program that speaks MCP over something else (stdio) use a
 * server on Nostr.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { CvmError, SessionError } from "../errors.ts";
import { NostrClientTransport, type NostrClientTransportOptions } from "./client.ts";
import type { JsonRpcMessage, RequestId, Transport } from "./types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  INTERNAL_ERROR,
  isRequest,
  isResponse,
} from "./wire/message.ts";

export { type CombineOptions, combineServers } from "./combine/combined.ts";
export { filterTools, isToolOffered, type ToolFilterOptions } from "./tool_filter.ts";

const logger = getLogger(["cvm", "proxy"]);

/** Options of an {@linkcode McpProxy}. */
export interface McpProxyOptions {
  /** The connection to the MCP host, such as stdio; not started. */
  readonly host: Transport;
  /** The connection to the server, not started; or the options to make one. */
  readonly client: NostrClientTransportOptions | Transport;
  /**
   * Messages of the host that may wait while the connection is made.
   * @default {256}
   */
  readonly maxWaiting?: number;
}

/**
 * Passes messages between an MCP host and a server on Nostr, both ways. A
 * request of the host that can't be delivered is answered with a JSON-RPC
 * error; nothing that the host asks stays without an answer when the
 * connection ends.
 *
 * @example
 * ```ts
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { McpProxy } from "@cvm/toolkit/proxy";
 *
 * const [host] = InMemoryTransport.createLinkedPair(); // in a program: stdio
 * const proxy = new McpProxy({
 *   host,
 *   client: {
 *     signer: PrivateKeySigner.generate(),
 *     server: PrivateKeySigner.generate().pubkey,
 *     relays: ["wss://relay.contextvm.org"],
 *   },
 * });
 * // await proxy.start();
 * await proxy.close();
 * ```
 */
export class McpProxy implements AsyncDisposable {
  /** Resolves when the proxy has ended, whichever side ended it. */
  readonly closed: Promise<void>;
  readonly #host: Transport;
  readonly #client: Transport;
  readonly #ended = Promise.withResolvers<void>();
  /** Requests of the host without an answer. */
  readonly #inFlight = new Set<RequestId>();
  readonly #waiting: JsonRpcMessage[] = [];
  readonly #maxWaiting: number;
  #connected = false;
  #started = false;
  #closing: Promise<void> | undefined;

  /**
   * Prepares it; nothing happens yet.
   *
   * @param options The two sides.
   * @throws {InputError} SERVER_INVALID or CONFIG_INVALID when an option of the client can't be used.
   */
  constructor({ host, client, maxWaiting = 256 }: McpProxyOptions) {
    this.#host = host;
    this.#maxWaiting = maxWaiting;
    this.#client = isTransport(client) ? client : new NostrClientTransport(client);
    this.closed = this.#ended.promise;
  }

  /** The connection to the server. */
  get client(): Transport {
    return this.#client;
  }

  /**
   * Starts to read from the host, and connects to the server. What the host
   * sends meanwhile waits.
   *
   * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay works within the connect timeout; the host's requests have been answered with the reason.
   */
  async start(): Promise<void> {
    if (this.#started || this.#closing !== undefined) {
      throw new SessionError("CLOSED", "a proxy can be started once; make a new one");
    }
    this.#started = true;
    this.#host.onmessage = (message: JsonRpcMessage) => this.#fromHost(message);
    this.#host.onerror = (error) => logger.debug("the host: {error}", { error });
    this.#host.onclose = () => void this.close();
    this.#client.onmessage = (message: JsonRpcMessage) => this.#fromServer(message);
    this.#client.onerror = (error) => logger.warn("the server: {error}", { error });
    this.#client.onclose = () => {
      // Until it is connected, `start()` fails with the reason, which the host is to be told.
      if (this.#connected) void this.close();
    };
    try {
      await this.#host.start();
      await this.#client.start();
    } catch (error) {
      await this.#answerAll(error);
      await this.close();
      throw error;
    }
    this.#connected = true;
    for (const message of this.#waiting.splice(0)) this.#toServer(message);
  }

  /** Ends both connections; what the host still waits for is answered with an error. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode McpProxy.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#answerAll(new SessionError("CLOSED", "the connection to the server has ended"));
      await Promise.all([this.#client.close(), this.#host.close()]);
    } finally {
      this.#ended.resolve();
    }
  }

  #fromHost(message: JsonRpcMessage): void {
    if (this.#closing !== undefined) return;
    if (isRequest(message)) this.#inFlight.add(message.id);
    const cancelled = cancelledRequestOf(message);
    if (cancelled !== undefined) this.#inFlight.delete(cancelled);
    if (this.#connected) {
      this.#toServer(message);
    } else if (this.#waiting.length < this.#maxWaiting) {
      this.#waiting.push(message);
    } else if (isRequest(message)) {
      const reason = `${this.#maxWaiting} messages already wait for the connection`;
      void this.#answer(message.id, new SessionError("LIMIT_REACHED", reason));
    }
  }

  #toServer(message: JsonRpcMessage): void {
    this.#client.send(message).catch((error) => {
      if (isRequest(message)) return this.#answer(message.id, error);
      logger.warn("a message of the host was lost: {error}", { error });
    });
  }

  #fromServer(message: JsonRpcMessage): void {
    if (isResponse(message) && message.id !== undefined) this.#inFlight.delete(message.id);
    this.#toHost(message);
  }

  async #answerAll(error: unknown): Promise<void> {
    await Promise.all([...this.#inFlight].map((id) => this.#answer(id, error)));
  }

  async #answer(id: RequestId, error: unknown): Promise<void> {
    if (!this.#inFlight.delete(id)) return;
    const text = error instanceof Error ? error.message : String(error);
    const data = error instanceof CvmError ? { code: error.code } : undefined;
    await this.#toHost(errorResponse(id, INTERNAL_ERROR, text, data));
  }

  async #toHost(message: JsonRpcMessage): Promise<void> {
    try {
      await this.#host.send(message);
    } catch (error) {
      // A host that does not listen any more has ended.
      logger.debug("the host did not take a message: {error}", { error });
      void this.close();
    }
  }
}

function isTransport(client: NostrClientTransportOptions | Transport): client is Transport {
  return "start" in client;
}
