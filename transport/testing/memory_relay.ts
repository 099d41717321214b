/**
 * A whole relay in memory, for tests: no socket, no timer, everything recorded.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { WebSocketFactory, WebSocketLike } from "../relay/websocket.ts";
import type { RelaySubscription } from "./endpoint.ts";
import { RelayFaults } from "./faults.ts";
import {
  type MemoryServerHandlers,
  type MemoryServerSocket,
  MemoryWebSocket,
} from "./memory_socket.ts";
import { RelayEngine, type RelayEngineOptions } from "./relay_engine.ts";

/** How often {@linkcode MemoryRelay.until} asks, milliseconds. */
const POLL_INTERVAL_MS = 5;

/** Settings of a {@linkcode MemoryRelay}. */
export interface MemoryRelayOptions extends Omit<RelayEngineOptions, "urls"> {
  /**
   * The URL that the relay is reached under.
   * @default {"wss://relay.test"}
   */
  readonly url?: string;
  /**
   * Whether frames and events are recorded. They take memory: turn it off in benchmarks.
   * @default {true}
   */
  readonly record?: boolean;
}

/** A frame that a relay got from a client. */
export interface RecordedFrame {
  /** The connection, counted from 1. */
  readonly connection: number;
  /** The frame. */
  readonly frame: string;
  /** The frame parsed; `undefined` when it is not JSON. */
  readonly message: unknown;
}

/** How long {@linkcode MemoryRelay.until} waits. */
export interface UntilOptions {
  /**
   * How long to wait, milliseconds.
   * @default {5_000}
   */
  readonly timeoutMs?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/**
 * A whole relay in memory. Pass its {@linkcode MemoryRelay.webSocket} where a
 * `WebSocketFactory` is wanted. Frames move in microtasks, in order.
 *
 * @example
 * ```ts
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay({ url: "wss://relay.test" });
 * const socket = relay.webSocket("wss://relay.test");
 * socket.onopen = () => socket.send('["REQ","s",{"kinds":[1]}]');
 * await relay.until(() => relay.subscriptions.length === 1);
 * assertEquals(relay.received[0].message, ["REQ", "s", { kinds: [1] }]);
 * ```
 */
export class MemoryRelay {
  /** The URL that the relay is reached under. */
  readonly url: string;
  /** The protocol engine behind it. */
  readonly engine: RelayEngine;
  /** What it does wrong on purpose. */
  readonly faults: RelayFaults;
  /** Opens connections to this relay; any other URL fails to connect. */
  readonly webSocket: WebSocketFactory;
  /** Answers requests for the NIP-11 document of this relay, like `globalThis.fetch`; others reject. */
  readonly fetch: typeof globalThis.fetch;

  readonly #record: boolean;
  readonly #received: RecordedFrame[] = [];
  readonly #events: NostrEvent[] = [];
  readonly #waiters = new Set<() => void>();
  readonly #closeSockets = new Set<() => void>();
  #connectionCount = 0;
  #closed = false;

  /**
   * Starts a relay.
   * @param options Settings.
   */
  constructor(options: MemoryRelayOptions = {}) {
    const { url = "wss://relay.test", record = true, onAccept, ...engineOptions } = options;
    this.url = url;
    this.#record = record;
    this.engine = new RelayEngine({
      ...engineOptions,
      urls: [url],
      onAccept: (event) => {
        if (record) this.#events.push(event);
        onAccept?.(event);
      },
    });
    this.faults = new RelayFaults(this.engine);
    this.webSocket = createWebSocketFactory([this]);
    this.fetch = createFetch([this]);
  }

  /** Every frame from every client, in order. */
  get received(): readonly RecordedFrame[] {
    return this.#received;
  }

  /** Every event that was accepted, ephemeral ones too, in order. */
  get events(): readonly NostrEvent[] {
    return this.#events;
  }

  /** The open subscriptions of all connections. */
  get subscriptions(): readonly RelaySubscription[] {
    return this.engine.subscriptions;
  }

  /** How many connections were ever asked for. */
  get connectionCount(): number {
    return this.#connectionCount;
  }

  /** How many connections are open. */
  get openConnectionCount(): number {
    return this.engine.connectionCount;
  }

  /**
   * Delivers an event to subscribers as if somebody had published it, neither
   * verified nor stored.
   * @param event The event.
   */
  deliver(event: NostrEvent): void {
    this.engine.deliver(event);
  }

  /**
   * Waits until something is so; asked again after everything that happens here, and every few
   * milliseconds for what happens elsewhere.
   * @param condition What is waited for.
   * @param options How long.
   * @throws {DOMException} `TimeoutError` when time is up, or the signal's reason.
   */
  async until(condition: () => boolean, options: UntilOptions = {}): Promise<void> {
    const { timeoutMs = 5_000, signal } = options;
    if (condition()) return;
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = () => {
      try {
        if (condition()) resolve();
      } catch (error) {
        reject(error);
      }
    };
    const timer = setTimeout(() => {
      const text = `The condition did not come true on ${this.url} within ${timeoutMs} ms`;
      reject(new DOMException(text, "TimeoutError"));
    }, timeoutMs);
    const interval = setInterval(check, POLL_INTERVAL_MS);
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#waiters.add(check);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      clearInterval(interval);
      signal?.removeEventListener("abort", onAbort);
      this.#waiters.delete(check);
    }
  }

  /**
   * Opens a connection, whatever the URL.
   * @param url The URL that the client named.
   * @returns The client's end.
   */
  accept(url: string = this.url): WebSocketLike {
    return new MemoryWebSocket(url, (server) => this.#accept(server));
  }

  /** Ends all connections with 1001 and lets go of the events. Idempotent. */
  close(): Promise<void> {
    this.#closed = true;
    for (const closeSocket of [...this.#closeSockets]) closeSocket();
    this.engine.close();
    return Promise.resolve();
  }

  /** The same as {@linkcode MemoryRelay.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(server: MemoryServerSocket): MemoryServerHandlers {
    const number = ++this.#connectionCount;
    const { refuseConnections, neverOpen } = this.faults.settings;
    if (this.#closed || refuseConnections || neverOpen) {
      if (this.#closed || !neverOpen) server.fail("connection refused");
      this.#notify();
      return { onmessage: () => {}, onclose: () => true };
    }
    server.open();
    const connection = this.faults.connect((frame) => {
      server.send(frame);
      this.#notify();
    }, {
      terminate: (code, reason) => {
        this.#closeSockets.delete(closeSocket);
        server.close(code, reason);
        this.#notify();
      },
    });
    const closeSocket = () => {
      this.#closeSockets.delete(closeSocket);
      connection.close();
      server.close(1001, "the relay is closing");
    };
    this.#closeSockets.add(closeSocket);
    this.#notify();
    return {
      onmessage: (frame) => {
        if (this.#record) this.#received.push(recordFrame(number, frame));
        connection.receive(frame);
        this.#notify();
      },
      onclose: () => {
        const answered = !(this.faults.settings.halfOpen ?? false);
        if (answered) this.#closeSockets.delete(closeSocket);
        connection.close();
        this.#notify();
        return answered;
      },
    };
  }

  /** Asks the waiters again, once what happens now is done. */
  #notify(): void {
    if (this.#waiters.size === 0) return;
    queueMicrotask(() => {
      for (const check of [...this.#waiters]) check();
    });
  }
}

/**
 * Opens connections to several relays in memory, each under its URL. Any
 * other URL fails to connect.
 *
 * @param relays The relays.
 * @returns The factory.
 */
export function createWebSocketFactory(relays: Iterable<MemoryRelay>): WebSocketFactory {
  const byUrl = indexByUrl(relays);
  return (url) => {
    const relay = byUrl.get(normalizeUrl(url));
    if (relay !== undefined) return relay.accept(url);
    return new MemoryWebSocket(url, (server) => {
      server.fail(`no relay is registered as ${url}`);
      return { onmessage: () => {}, onclose: () => true };
    });
  };
}

/**
 * Answers requests for the NIP-11 documents of several relays in memory, like
 * `globalThis.fetch`. A request to any other URL rejects with a `TypeError`, as one to
 * an unreachable host does.
 *
 * @param relays The relays.
 * @returns The function.
 */
export function createFetch(relays: Iterable<MemoryRelay>): typeof globalThis.fetch {
  const byUrl = indexByUrl(relays);
  return (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (init?.signal?.aborted) return Promise.reject(init.signal.reason);
    const relay = byUrl.get(normalizeUrl(url.replace(/^http/, "ws")));
    if (relay === undefined || relay.faults.settings.refuseConnections) {
      return Promise.reject(new TypeError(`no relay can be reached at ${url}`));
    }
    const headers = { "content-type": "application/nostr+json" };
    return Promise.resolve(new Response(JSON.stringify(relay.engine.information()), { headers }));
  };
}

/** Several relays in memory, under one factory. */
export class MemoryNetwork {
  /** The relays, in the order in which they were given. */
  readonly relays: readonly MemoryRelay[];
  /** Their URLs. */
  readonly urls: readonly string[];
  /** Opens connections to them; any other URL fails to connect. */
  readonly webSocket: WebSocketFactory;
  /** Answers requests for their NIP-11 documents; others reject. */
  readonly fetch: typeof globalThis.fetch;

  /**
   * Puts relays under one factory.
   * @param relays The relays; the network closes them.
   */
  constructor(relays: readonly MemoryRelay[]) {
    this.relays = relays;
    this.urls = relays.map(({ url }) => url);
    this.webSocket = createWebSocketFactory(relays);
    this.fetch = createFetch(relays);
  }

  /** Closes all relays. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.relays.map((relay) => relay.close()));
  }

  /** The same as {@linkcode MemoryNetwork.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function indexByUrl(relays: Iterable<MemoryRelay>): Map<string, MemoryRelay> {
  const byUrl = new Map<string, MemoryRelay>();
  for (const relay of relays) byUrl.set(normalizeUrl(relay.url), relay);
  return byUrl;
}

function normalizeUrl(url: string): string {
  return new URL(url).href.replace(/\/+$/, "");
}

function recordFrame(connection: number, frame: string): RecordedFrame {
  let parsed: { readonly value: unknown } | undefined;
  return {
    connection,
    frame,
    get message() {
      parsed ??= { value: parseFrame(frame) };
      return parsed.value;
    },
  };
}

function parseFrame(frame: string): unknown {
  try {
    return JSON.parse(frame);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
