/**
 * One client of the HTTP endpoint, as an MCP `Transport`: the official
 * SDK's Streamable HTTP transport, with bounds, and with each message in the
 * stream that it belongs to.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { SessionError } from "../../errors.ts";
import type { JsonRpcMessage, Transport } from "../../transport/types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  isRequest,
  isResponse,
  SERVER_ERROR,
} from "../../transport/wire/message.ts";
import { EventMemory } from "./event_memory.ts";
import { RelatedRequests } from "./_related_requests.ts";
import { watchBody } from "./_watched_body.ts";

const logger = getLogger(["cvm", "http"]);

/** A message in the type of the official SDK. */
type SdkMessage = Parameters<WebStandardStreamableHTTPServerTransport["send"]>[0];

/** The name that the SDK gives to the stream of messages that belong to no request. */
const LISTENING_STREAM = "_GET_stream";
/** How soon a client whose stream broke off may take it up again, in milliseconds. */
const RETRY_MS = 1_000;

/** Bounds of an HTTP session. */
export interface HttpSessionLimits {
  /**
   * The largest request, in bytes.
   * @default {16_777_216}
   */
  readonly maxRequestBytes?: number;
  /**
   * How much waits for a client that does not read, in bytes and for each stream; then the stream
   * ends early.
   * @default {16_777_216}
   */
  readonly maxBufferedBytes?: number;
  /**
   * Requests that may wait for an answer at the same time; more are refused.
   * @default {128}
   */
  readonly maxInFlight?: number;
}

/** Options of an {@linkcode HttpSession}. */
export interface HttpSessionOptions extends HttpSessionLimits {
  /** Called when the client has initialized; the session has its id then. */
  readonly onInitialized: (session: HttpSession) => void;
  /** Called once, when the session has ended. */
  readonly onEnded: (session: HttpSession) => void;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** One client of the HTTP endpoint. */
export class HttpSession implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #options: HttpSessionOptions;
  readonly #inner: WebStandardStreamableHTTPServerTransport;
  readonly #events = new EventMemory();
  /** What belongs to no request, while the client does not listen. */
  readonly #held = new EventMemory();
  readonly #related = new RelatedRequests();
  #exchanges = 0;
  #listening = 0;
  #hasListened = false;
  #usedAt: number;
  #closed = false;

  /** @param options The bounds, and who is told of what. */
  constructor(options: HttpSessionOptions) {
    this.#options = options;
    this.#usedAt = options.now();
    this.#inner = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: () => options.onInitialized(this),
      eventStore: this.#events,
      retryInterval: RETRY_MS,
      maxRequestBodySize: options.maxRequestBytes ?? 16_777_216,
    });
    this.#inner.onmessage = (message) => this.#fromClient(message);
    this.#inner.onerror = (error) => this.onerror?.(error);
    this.#inner.onclose = () => this.#end();
  }

  /** The id that the client names; `undefined` before it has initialized. */
  get sessionId(): string | undefined {
    return this.#inner.sessionId;
  }

  /** When the client was last heard of, in milliseconds. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /** Whether an HTTP exchange is open. */
  get isOpen(): boolean {
    return this.#exchanges > 0;
  }

  /** Whether the client had a stream open to listen, and is connected no more. */
  get hasHungUp(): boolean {
    return this.#hasListened && !this.isOpen;
  }

  /** Answers an HTTP request of the client. */
  async handle(request: Request): Promise<Response> {
    const { maxBufferedBytes = 16_777_216, now } = this.#options;
    const listens = this.#listens(request);
    this.#usedAt = now();
    this.#exchanges++;
    const end = () => {
      this.#exchanges--;
      this.#usedAt = now();
    };
    let response: Response;
    try {
      response = await this.#inner.handleRequest(request);
    } catch (error) {
      end();
      throw error;
    }
    if (response.body === null) {
      end();
      return response;
    }
    if (!listens || !response.ok) {
      return new Response(watchBody(response.body, { maxBufferedBytes, onEnd: end }), response);
    }
    this.#listening++;
    this.#hasListened = true;
    const onEnd = () => {
      this.#listening--;
      end();
    };
    const body = watchBody(response.body, { maxBufferedBytes, onEnd });
    for (const message of this.#held.takeAll()) await this.#inner.send(message);
    return new Response(body, response);
  }

  /** Starts to deliver messages. */
  async start(): Promise<void> {
    await this.#inner.start();
  }

  /**
   * Sends a message to the client, in the stream of the request that it belongs to.
   *
   * @throws {SessionError} CLOSED after the end.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    if (this.#closed) throw new SessionError("CLOSED", "the HTTP session has ended");
    // The SDK's type asks for exact fields, and others pass here untouched.
    const sdkMessage = message as SdkMessage;
    let relatedRequestId;
    if (isResponse(message)) {
      if (message.id === undefined || !this.#related.has(message.id)) return;
      this.#related.answered(message.id);
    } else {
      const listening = this.#listening > 0;
      relatedRequestId = this.#related.of(message, { listening });
      if (relatedRequestId === undefined && !listening) {
        await this.#held.storeEvent(LISTENING_STREAM, sdkMessage);
        return;
      }
    }
    try {
      await this.#inner.send(sdkMessage, { relatedRequestId });
    } catch (error) {
      // The client hung up on the request, and can't take its stream up again.
      logger.debug("an HTTP client did not take a message: {error}", { error });
    }
  }

  /** Ends the session: its streams end, and its id is not known any more. Idempotent. */
  async close(): Promise<void> {
    await this.#inner.close();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#options.onEnded(this);
    } finally {
      this.onclose?.();
    }
  }

  #fromClient(message: JsonRpcMessage): void {
    const { maxInFlight = 128 } = this.#options;
    const tooMany = isRequest(message) && this.#related.size >= maxInFlight;
    this.#related.fromClient(message);
    if (tooMany) {
      const reason = `Refused: more than ${maxInFlight} requests at the same time`;
      void this.send(errorResponse(message.id, SERVER_ERROR, reason));
      return;
    }
    this.onmessage?.(message);
    const cancelled = cancelledRequestOf(message);
    if (cancelled === undefined || !this.#related.has(cancelled)) return;
    // Who cancels gets no answer from an MCP server, but this HTTP response has to end somehow.
    void this.send(errorResponse(cancelled, SERVER_ERROR, "Request cancelled"));
  }

  /** Whether a request opens, or takes up again, the stream of what belongs to no request. */
  #listens({ method, headers }: Request): boolean {
    if (method !== "GET") return false;
    const last = headers.get("last-event-id");
    return last === null || this.#events.streamOf(last) === LISTENING_STREAM;
  }
}
