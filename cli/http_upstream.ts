/**
 * An MCP server behind Streamable HTTP, for the gateway: the official client
 * transport, made to say when the server is gone.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { UpstreamError } from "../errors.ts";
import type { JsonRpcMessage, Transport } from "../transport/types.ts";

/** How long taking leave of the server may take, in milliseconds. */
const LEAVE_MS = 1_000;

/** Options of an {@linkcode HttpUpstream}. */
export interface HttpUpstreamOptions {
  /** The server's endpoint. */
  readonly url: URL;
  /** A token for the `Authorization` header. */
  readonly bearer?: string;
  /** Headers of each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes the requests. Default: the platform's. */
  readonly fetch?: typeof fetch;
}

/**
 * A connection to an MCP server over Streamable HTTP. When the server can't be
 * reached, breaks off an answer, or has forgotten the session, the connection
 * ends: whoever waits is told, and a new one can be made.
 */
export class HttpUpstream implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #url: URL;
  readonly #fetch: typeof fetch;
  readonly #inner: StreamableHTTPClientTransport;
  /** The SDK's own waits; none once we leave, as a timer of a stream that ends then would stay. */
  readonly #reconnection = {
    initialReconnectionDelay: 1_000,
    maxReconnectionDelay: 30_000,
    reconnectionDelayGrowFactor: 1.5,
    maxRetries: 2,
  };
  #closed = false;

  /** @param options Where the server is. */
  constructor({ url, bearer, headers, fetch: request = fetch }: HttpUpstreamOptions) {
    this.#url = url;
    this.#fetch = request;
    this.#inner = new StreamableHTTPClientTransport(url, {
      // The SDK's type may come from Node's declarations; the request is the same.
      fetch: (input, init) => this.#request(input, init as RequestInit | undefined),
      reconnectionOptions: this.#reconnection,
      requestInit: {
        headers: { ...headers, ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}) },
      },
    });
    this.#inner.onmessage = (message) => this.onmessage?.(message);
    this.#inner.onerror = (error) => {
      if (!this.#closed) this.onerror?.(error);
    };
  }

  /** Starts to deliver messages; the server is met with the first message. */
  async start(): Promise<void> {
    await this.#inner.start();
  }

  /**
   * Sends a message.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when the server did not take it.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    try {
      // The SDK's type asks for exact fields, and others pass here untouched.
      await this.#inner.send(message as Parameters<StreamableHTTPClientTransport["send"]>[0]);
    } catch (cause) {
      if (cause instanceof UpstreamError) throw cause;
      const status = cause instanceof Error && "code" in cause ? Number(cause.code) : undefined;
      const reason = status === 401 || status === 403
        ? `it does not let us in (HTTP status ${status}); give it a token: CVM_UPSTREAM_BEARER, --bearer-file or a header`
        : cause instanceof Error
        ? cause.message
        : String(cause);
      const error = this.#error(reason, cause);
      // 404: the server has forgotten the session, as after a restart.
      if (status === 404 && this.#inner.sessionId !== undefined) this.#fail(error);
      throw error;
    }
  }

  /** Told the MCP version that was agreed on. */
  setProtocolVersion(version: string): void {
    this.#inner.setProtocolVersion(version);
  }

  /** Takes leave of the server and ends the connection. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reconnection.maxRetries = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, LEAVE_MS));
    try {
      await Promise.race([this.#inner.terminateSession(), late]);
    } catch (error) {
      // It is gone, or keeps no sessions: we leave all the same.
      this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    } finally {
      clearTimeout(timer);
      await this.#inner.close();
      this.onclose?.();
    }
  }

  /** Every request passes here, so that a server that is gone is noticed at once, not at a time-out. */
  async #request(input: string | URL, init?: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(input, init);
    } catch (cause) {
      if (init?.signal?.aborted) throw cause;
      const error = this.#error(`it can't be reached: ${textOf(cause)}`, cause);
      this.#fail(error);
      throw error;
    }
    if (init?.method !== "POST" || response.body === null) return response;
    return new Response(this.#watched(response.body, init), response);
  }

  /** A body that ends the connection when it breaks off: the answer in it will never come. */
  #watched(body: ReadableStream<Uint8Array>, init: RequestInit): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    let cancelled = false;
    return new ReadableStream({
      pull: async (controller) => {
        try {
          const { value, done } = await reader.read();
          if (cancelled) return; // the SDK does not want the rest, and the controller is closed
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (cause) {
          controller.error(cause);
          if (!init.signal?.aborted) {
            this.#fail(this.#error(`it broke off: ${textOf(cause)}`, cause));
          }
        }
      },
      cancel: async (reason) => {
        cancelled = true;
        await reader.cancel(reason);
      },
    });
  }

  #fail(error: UpstreamError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onerror?.(error);
    this.#inner.close()
      .catch((cause) => this.onerror?.(cause instanceof Error ? cause : new Error(String(cause))))
      .finally(() => this.onclose?.());
  }

  #error(reason: string, cause: unknown): UpstreamError {
    const message = `the MCP server at ${this.#url.origin}: ${reason}`;
    return new UpstreamError("UPSTREAM_FAILED", message, { cause });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
