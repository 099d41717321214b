/**
 * The embedded relay: the engine of `@cvm/toolkit/testing` over real sockets.
 *
 * @module
 */
import { CvmError } from "../../errors.ts";
import { RelayEngine, type RelayEngineOptions } from "../../transport/testing/relay_engine.ts";
import type { RelayClientConnection, RelayEndpoint } from "../../transport/testing/endpoint.ts";
import { MemoryEventStore } from "../../transport/testing/memory_store.ts";
import { SqliteEventStore } from "./sqlite_store.ts";

/** How long clients have to answer the closing handshake, milliseconds. */
const CLOSE_TIMEOUT_MS = 1_000;

/** Settings of {@linkcode serveRelay}. */
export interface ServeRelayOptions extends
  Pick<
    RelayEngineOptions,
    "limits" | "requireAuth" | "offerAuth" | "policy" | "verify" | "description" | "now"
  > {
  /**
   * The TCP port; 0 lets the system choose.
   * @default {0}
   */
  readonly port?: number;
  /**
   * The address to listen on.
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string;
  /** The SQLite file that keeps events. Without it they are kept in memory. */
  readonly db?: string;
  /**
   * How many events are kept; the oldest go first.
   * @default {1_000_000} in a file, 100,000 in memory
   */
  readonly maxEvents?: number;
  /**
   * The URL that clients know the relay by, where a proxy stands in front. What they authenticate
   * for (NIP-42) must name it.
   */
  readonly publicUrl?: string;
  /**
   * Connections at once; more are answered with HTTP 503.
   * @default {1_000}
   */
  readonly maxConnections?: number;
  /**
   * Bytes that may wait for one client; a slower one is disconnected with 1008.
   * @default {8_388_608}
   */
  readonly maxBufferedBytes?: number;
  /**
   * After this long without a word from a client it is pinged, and disconnected when it stays
   * silent, seconds. 0 never does.
   * @default {120}
   */
  readonly idleTimeoutSeconds?: number;
  /** Puts something in front of the engine, such as `RelayFaults` in tests. */
  readonly wrap?: (engine: RelayEngine) => RelayEndpoint;
}

/** A relay that listens. */
export interface ServedRelay {
  /** Where it can be reached. */
  readonly url: string;
  /** The port that it listens on. */
  readonly port: number;
  /** The protocol engine behind it. */
  readonly engine: RelayEngine;
  /** Stops listening, ends all connections with 1001 and closes the store. Idempotent. */
  close(): Promise<void>;
  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a relay. It needs `--allow-net` for its address, and `--allow-read`
 * and `--allow-write` for `db`.
 *
 * @param options Settings.
 * @returns The relay, once it listens.
 * @throws {CvmError} CONFIG_INVALID when it can't listen there or can't open `db`.
 * @throws {TypeError} When it listens on every address, wants or offers authentication and has no `publicUrl`.
 */
export async function serveRelay(options: ServeRelayOptions = {}): Promise<ServedRelay> {
  const { hostname = "127.0.0.1", publicUrl, maxEvents } = options;
  const { requireAuth = false, offerAuth = false } = options;
  const isAuthUsed = requireAuth !== false || offerAuth;
  if (isAuthUsed && publicUrl === undefined && isUnspecified(hostname)) {
    throw new TypeError(
      `A relay on ${hostname} does not know the URL that clients authenticate for; set publicUrl`,
    );
  }
  const store = options.db === undefined
    ? new MemoryEventStore({ maxEvents })
    : await SqliteEventStore.open(options.db, { maxEvents });
  const urls: string[] = [];
  const engine = new RelayEngine({ ...options, urls, store });
  const sockets = new RelaySockets(options.wrap?.(engine) ?? engine, options);
  const server = listen(hostname, options.port ?? 0, engine, (request) => sockets.handle(request));
  const { port } = server.addr;
  const localUrl = `ws://${connectableHost(hostname)}:${port}`;
  urls.push(localUrl);
  if (publicUrl !== undefined) urls.push(publicUrl);

  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      try {
        const shutdown = server.shutdown();
        await sockets.close();
        await shutdown;
      } finally {
        engine.close();
      }
    })();
    return closing;
  };
  return { url: publicUrl ?? localUrl, port, engine, close, [Symbol.asyncDispose]: close };
}

function listen(
  hostname: string,
  port: number,
  engine: RelayEngine,
  handler: (request: Request) => Response,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, handler);
  } catch (error) {
    engine.close();
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new CvmError(
      "CONFIG_INVALID",
      `The relay can't listen on ${hostname}:${port}: ${text}. Choose another address or port`,
      { cause: error },
    );
  }
}

/** The relay's open sockets. */
class RelaySockets {
  readonly #endpoint: RelayEndpoint;
  readonly #maxConnections: number;
  readonly #maxBufferedBytes: number;
  readonly #idleTimeoutSeconds: number;
  readonly #open = new Map<WebSocket, PromiseWithResolvers<void>>();
  #closed = false;

  constructor(endpoint: RelayEndpoint, options: ServeRelayOptions) {
    this.#endpoint = endpoint;
    this.#maxConnections = options.maxConnections ?? 1_000;
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 8_388_608;
    this.#idleTimeoutSeconds = options.idleTimeoutSeconds ?? 120;
  }

  /** Answers an HTTP request: WebSocket, NIP-11 document, or a word to whoever came with a browser. */
  handle(request: Request): Response {
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
      return this.#upgrade(request);
    }
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: CORS });
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("Only GET and WebSocket are answered here.\n", {
        status: 405,
        headers: { ...CORS, allow: "GET, HEAD, OPTIONS" },
      });
    }
    if (request.headers.get("accept")?.includes("application/nostr+json")) {
      return new Response(JSON.stringify(this.#endpoint.information()), {
        headers: { ...CORS, "content-type": "application/nostr+json" },
      });
    }
    return new Response("A Nostr relay. Connect with a WebSocket.\n", { headers: CORS });
  }

  /** Ends all connections with 1001, and waits for clients that answer in time. */
  async close(): Promise<void> {
    this.#closed = true;
    const ends = [...this.#open.values()].map(({ promise }) => promise);
    for (const socket of this.#open.keys()) closeSocket(socket, 1001, "the relay is closing");
    if (ends.length === 0) return;
    const deadline = Promise.withResolvers<void>();
    const timer = setTimeout(deadline.resolve, CLOSE_TIMEOUT_MS);
    await Promise.race([Promise.all(ends), deadline.promise]);
    clearTimeout(timer);
  }

  #upgrade(request: Request): Response {
    if (this.#closed || this.#open.size >= this.#maxConnections) {
      return new Response("Too many connections; come back later.\n", {
        status: 503,
        headers: { "retry-after": "10" },
      });
    }
    let upgrade: Deno.WebSocketUpgrade;
    try {
      upgrade = Deno.upgradeWebSocket(request, { idleTimeout: this.#idleTimeoutSeconds });
    } catch (error) {
      // The headers of the handshake are the client's mistake, not ours.
      const text = error instanceof Error ? error.message : String(error);
      return new Response(`Not a WebSocket handshake: ${text}\n`, { status: 400 });
    }
    this.#serve(upgrade.socket);
    return upgrade.response;
  }

  #serve(socket: WebSocket): void {
    const end = Promise.withResolvers<void>();
    this.#open.set(socket, end);
    let connection: RelayClientConnection | undefined;
    socket.onopen = () => {
      if (this.#closed) return closeSocket(socket, 1001, "the relay is closing");
      connection = this.#endpoint.connect((frame) => this.#send(socket, frame), {
        terminate: (code, reason) => closeSocket(socket, code, reason),
      });
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") connection?.receive(data);
      else this.#send(socket, '["NOTICE","invalid: frames are text, not binary"]');
    };
    // `onclose` follows and does what there is to do.
    socket.onerror = (event) => event.preventDefault();
    socket.onclose = () => {
      this.#open.delete(socket);
      end.resolve();
      connection?.close();
    };
  }

  #send(socket: WebSocket, frame: string): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > this.#maxBufferedBytes) {
      return closeSocket(socket, 1008, "the client reads too slowly");
    }
    socket.send(frame);
  }
}

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "*",
  "access-control-allow-methods": "GET, HEAD, OPTIONS",
};

/** Starts the closing handshake; 1006 can't be sent, so 1011 stands for it. */
function closeSocket(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === WebSocket.OPEN) socket.close(code === 1006 ? 1011 : code, reason);
}

/** Whether a relay listens on every address, and so does not know the one that clients use. */
export function isUnspecified(hostname: string): boolean {
  return /^[0.:]+$/.test(hostname); // 0 and ::0, too
}

/** The host to put into a URL. */
function connectableHost(hostname: string): string {
  if (isUnspecified(hostname)) return hostname.includes(":") ? "[::1]" : "127.0.0.1";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
