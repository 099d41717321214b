/**
 * An MCP server that dies and comes back, behind a connection that stays.
 *
 * @module
 */
import type { UpstreamError } from "../../errors.ts";
import type {
  JsonRpcMessage,
  JsonRpcRequest,
  JsonRpcResult,
  RequestId,
  Transport,
} from "../types.ts";
import {
  cancelledRequestOf,
  errorResponse,
  INTERNAL_ERROR,
  isRequest,
  isResponse,
} from "../wire/message.ts";
import { downResponse, downtimeResponse, initializeResultFor, listChanges } from "./_answers.ts";
import { Supervisor } from "./_supervisor.ts";
import type { OpenUpstream, RestartOptions } from "./_upstream.ts";

/** The prefix of the ids of our own requests. */
const OWN_ID_PREFIX = "cvm-supervised-";

/** How one of several servers is doing. */
export interface MemberStatus {
  /**
   * `starting` until it has worked or failed for the first time, `up` while it
   * works, `down` until it is started again, `failed` when it is given up,
   * `closed` at the end.
   */
  readonly state: "starting" | "up" | "down" | "failed" | "closed";
  /** Why it does not work. */
  readonly reason?: string;
  /** When it is started again, in milliseconds since the epoch. */
  readonly retryAt?: number;
}

/** Options of a {@linkcode SupervisedServer}. */
export interface SupervisedServerOptions {
  /** Opens a connection to the MCP server. */
  readonly open: OpenUpstream;
  /** The waits between restarts, and when there are no more. */
  readonly restart?: RestartOptions;
  /** How long a start may take, handshake included, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Subscriptions that are made again after a restart. */
  readonly maxSubscriptions: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Told of each change. */
  readonly onStatus?: (status: MemberStatus) => void;
}

/**
 * A connection that outlives its server: while there is none, requests are
 * answered with an error; a new one is told all that the old one had been told.
 * It ends when the server is given up.
 */
export class SupervisedServer implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #options: SupervisedServerOptions;
  readonly #supervisor: Supervisor;
  /** Requests that the server works on. */
  readonly #inFlight = new Set<RequestId>();
  /** Questions of the server without an answer. */
  readonly #asked = new Set<RequestId>();
  readonly #subscriptions = new Set<string>();
  #initialize: JsonRpcRequest | undefined;
  /** Whether the `initialize` of the other side waits for its answer. */
  #isAwaited = false;
  #isInitialized = false;
  #result: JsonRpcResult["result"] = {};
  #logLevel: JsonRpcRequest["params"];
  #sent = 0;
  #closed = false;

  /** @param options How to open the server, and who is told of its state. */
  constructor(options: SupervisedServerOptions) {
    this.#options = options;
    const { open, restart, now } = options;
    this.#supervisor = new Supervisor({
      open,
      restart,
      now,
      handshake: async (upstream) => {
        const params = this.#initialize?.params ?? {};
        const { startTimeoutMs: timeoutMs } = options;
        this.#result = await (this.#isInitialized
          ? upstream.handshake(params, { timeoutMs })
          : upstream.initialize(params, { timeoutMs }));
      },
      onMessage: (message) =>
        this.#fromServer(message),
      onUp: () => this.#cameUp(),
      onDown: (error, retryAt) => this.#wentDown(error, retryAt),
      onFailed: (error) => {
        this.#wentDown(error, undefined);
        queueMicrotask(() => this.#end(error)); // after what was just answered
      },
    });
    options.onStatus?.({ state: "starting" });
  }

  /** Nothing yet: the server starts with `initialize`, whose words it is told. */
  start(): Promise<void> {
    return Promise.resolve();
  }

  async send(message: JsonRpcMessage): Promise<void> {
    if (isRequest(message)) return this.#request(message);
    if (isResponse(message)) {
      // The answer to a question of a server that has died since is nobody's.
      if (message.id === undefined || !this.#asked.delete(message.id)) return;
    } else {
      if (message.method === "notifications/initialized") this.#isInitialized = true;
      const cancelled = cancelledRequestOf(message);
      if (cancelled !== undefined && !this.#inFlight.delete(cancelled)) return;
    }
    await this.#supervisor.upstream?.send(message);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#supervisor.close();
    } finally {
      this.#options.onStatus?.({ state: "closed" });
      this.onclose?.();
    }
  }

  #end(error: UpstreamError): void {
    if (this.#closed) return;
    this.onerror?.(error);
    this.onclose?.();
  }

  #request(request: JsonRpcRequest): void {
    const { id, method, params } = request;
    if (method === "initialize") return this.#begin(request);
    const { upstream, down } = this.#supervisor;
    if (method === "logging/setLevel") this.#logLevel = params;
    if (typeof params?.uri === "string") this.#noteSubscription(method, params.uri);
    if (upstream === undefined) {
      return this.#answer(downtimeResponse(id, down, this.#options.now()));
    }
    this.#inFlight.add(id);
    upstream.send(request).catch((error) => {
      if (this.#inFlight.delete(id)) {
        this.#answer(errorResponse(id, INTERNAL_ERROR, textOf(error)));
      }
    });
  }

  #begin(request: JsonRpcRequest): void {
    const { upstream, down } = this.#supervisor;
    const isFirst = this.#initialize === undefined;
    this.#initialize = request;
    if (isFirst) {
      this.#isAwaited = true;
      void this.#supervisor.keepTrying();
    } else if (upstream === undefined) {
      this.#answer(downtimeResponse(request.id, down, this.#options.now()));
    } else {
      this.#answerInitialize(request);
    }
  }

  #answerInitialize({ id, params }: JsonRpcRequest): void {
    const result = initializeResultFor(this.#result, params?.protocolVersion);
    this.#answer({ jsonrpc: "2.0", id, result });
  }

  #noteSubscription(method: string, uri: string): void {
    if (method === "resources/unsubscribe") this.#subscriptions.delete(uri);
    if (method !== "resources/subscribe") return;
    if (this.#subscriptions.size < this.#options.maxSubscriptions) this.#subscriptions.add(uri);
  }

  #cameUp(): void {
    this.#options.onStatus?.({ state: "up" });
    if (this.#isAwaited && this.#initialize !== undefined) {
      this.#isAwaited = false;
      this.#answerInitialize(this.#initialize);
    }
    // The new process knows nothing of what the old one was told, and may offer something else.
    if (this.#logLevel !== undefined) this.#tell("logging/setLevel", this.#logLevel);
    for (const uri of this.#subscriptions) this.#tell("resources/subscribe", { uri });
    this.#tellChanges();
  }

  #wentDown(error: UpstreamError, retryAt: number | undefined): void {
    const { message: reason } = error;
    const waitMs = retryAt === undefined ? undefined : retryAt - this.#options.now();
    this.#options.onStatus?.({ state: waitMs === undefined ? "failed" : "down", reason, retryAt });
    if (this.#isAwaited && this.#initialize !== undefined) {
      this.#isAwaited = false;
      // Whether it comes back in time is not known: who asks hears why it is not there.
      this.#answer(downResponse(this.#initialize.id, error, undefined));
    }
    for (const id of this.#inFlight) this.#answer(downResponse(id, error, waitMs));
    this.#inFlight.clear();
    for (const requestId of this.#asked) {
      const params = { requestId, reason: "The MCP server that asked has ended" };
      this.#answer({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    }
    this.#asked.clear();
    this.#tellChanges();
    this.#result = {}; // what has vanished once does not vanish with each failed start
  }

  #tellChanges(): void {
    for (const method of listChanges(this.#result)) this.#answer({ jsonrpc: "2.0", method });
  }

  /** Tells a new server what the old one knew; nobody waits for the answer. */
  #tell(method: string, params: JsonRpcRequest["params"]): void {
    const id = `${OWN_ID_PREFIX}${++this.#sent}`;
    this.#supervisor.upstream?.send({ jsonrpc: "2.0", id, method, params })
      .catch((error) => this.onerror?.(error));
  }

  #fromServer(message: JsonRpcMessage): void {
    if (isRequest(message)) {
      this.#asked.add(message.id);
    } else if (isResponse(message)) {
      if (message.id === undefined || !this.#inFlight.delete(message.id)) return;
    } else {
      const withdrawn = cancelledRequestOf(message);
      if (withdrawn !== undefined && !this.#asked.delete(withdrawn)) return;
    }
    this.onmessage?.(message);
  }

  /** Never before `send()` has returned: whoever sends may not be ready for the answer. */
  #answer(message: JsonRpcMessage): void {
    queueMicrotask(() => {
      if (!this.#closed) this.onmessage?.(message);
    });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
