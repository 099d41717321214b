/**
 * A gateway puts an MCP server that speaks something else (stdio, Streamable
 * HTTP, anything with a `Transport`) on Nostr.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { engineNames } from "../crypto/engine_choice.ts";
import { SessionError } from "../errors.ts";
import type { AnnouncementReceipt } from "./discovery/announcer.ts";
import { ClientLink } from "./gateway/_client_link.ts";
import { SharedUpstream } from "./gateway/_shared.ts";
import { type GatewayStatus, StatusFeed } from "./gateway/_status.ts";
import type { OpenUpstream, RestartOptions } from "./gateway/_upstream.ts";
import { RelayPool } from "./relay/pool.ts";
import { resolveLimits, type SessionLimits } from "./session/limits.ts";
import type { Session } from "./session/session.ts";
import { type DrainOptions, type NostrServer, runServer, type ServeOptions } from "./server.ts";

export type { GatewayStatus } from "./gateway/_status.ts";
export { filterTools, isToolOffered, type ToolFilterOptions } from "./tool_filter.ts";
export type { CrashLoopOptions } from "./gateway/_crash_loop.ts";
export type { OpenUpstream, RestartOptions } from "./gateway/_upstream.ts";
export {
  combineUpstreams,
  type CombineUpstreamsOptions,
  type MemberStatus,
} from "./gateway/combined_upstreams.ts";

const logger = getLogger(["cvm", "gateway"]);

/** Each client costs an MCP server: strangers must not start a thousand of them. */
const PER_CLIENT_LIMITS: Partial<SessionLimits> = { maxSessions: 32, idleTimeoutMs: 600_000 };

/** Options of an {@linkcode McpGateway}. */
export interface McpGatewayOptions extends ServeOptions {
  /**
   * Opens a connection to the MCP server behind the gateway, not started yet.
   * Called again after the server has died, and for each client with
   * {@linkcode McpGatewayOptions.perClient}. A connection that ends by itself
   * says why by calling `onerror` with an `UpstreamError` before `onclose`.
   */
  readonly upstream: OpenUpstream;
  /**
   * Whether each client gets an MCP server of its own. Then everything works:
   * server-to-client requests, log messages, state. With one server for all
   * clients, requests of the server are refused (it can't say whom it asks),
   * and its log messages go out only while there is a single client.
   *
   * The bounds of sessions are lower then: 32 clients, idle for 10 minutes.
   * @default {false}
   */
  readonly perClient?: boolean;
  /** The waits before an MCP server that has died is started again, and when it is given up. */
  readonly restart?: RestartOptions;
  /**
   * How long an MCP server may take from its start to the end of the handshake, in milliseconds.
   * @default {60_000}
   */
  readonly startTimeoutMs?: number;
}

/**
 * Puts an MCP server on Nostr, and keeps it running: when it dies, each caller
 * that waits gets a JSON-RPC error at once, and it is started again.
 *
 * @example
 * ```ts
 * import { Client } from "@modelcontextprotocol/sdk/client/index.js";
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { McpGateway } from "@cvm/toolkit/gateway";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { NostrClientTransport } from "@cvm/toolkit/transport/client";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * const network = { relays: [relay.url], pool: { webSocket: relay.webSocket, fetchRelayInfo: undefined } };
 *
 * // Stands for a process or an HTTP connection.
 * async function upstream() {
 *   const [near, far] = InMemoryTransport.createLinkedPair();
 *   const server = new McpServer({ name: "greeter", version: "1.0.0" });
 *   server.registerTool("greet", {}, () => ({ content: [{ type: "text", text: "hello" }] }));
 *   await server.connect(far);
 *   return near;
 * }
 *
 * await using gateway = new McpGateway({
 *   signer: PrivateKeySigner.generate(),
 *   upstream,
 *   ...network,
 * });
 * await gateway.start();
 *
 * const client = new Client({ name: "example", version: "1.0.0" });
 * await client.connect(
 *   new NostrClientTransport({
 *     signer: PrivateKeySigner.generate(),
 *     server: gateway.publicKey,
 *     ...network,
 *   }),
 * );
 * assertEquals((await client.listTools()).tools[0].name, "greet");
 * await client.close();
 * ```
 */
export class McpGateway implements AsyncDisposable {
  readonly #options: McpGatewayOptions;
  readonly #now: () => number;
  readonly #shared: SharedUpstream;
  readonly #links = new Set<ClientLink>();
  readonly #feed: StatusFeed<GatewayStatus>;
  readonly #onAbort = () => void this.close();
  #server: NostrServer | undefined;
  /** The pool that is not the caller's. */
  #ownPool: RelayPool | undefined;
  #started = false;
  #closing: Promise<void> | undefined;

  /** Prepares it; nothing happens yet. @param options The key, the relays, the MCP server, and everything that may differ from the defaults. */
  constructor(options: McpGatewayOptions) {
    const { startTimeoutMs = 60_000 } = options;
    if (!(startTimeoutMs > 0)) {
      throw new RangeError(`startTimeoutMs must be a positive number, got ${startTimeoutMs}`);
    }
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#feed = new StatusFeed<GatewayStatus>({
      state: "starting",
      since: this.#now(),
      restarts: 0,
      sessions: 0,
      engine: engineNames(options),
    });
    this.#shared = new SharedUpstream({
      open: options.upstream,
      restart: options.restart,
      startTimeoutMs,
      maxSubscriptions: resolveLimits(options.limits).maxSubscriptions,
      now: this.#now,
      onUp: () => this.#setState("up", { restarts: this.#feed.value.restarts + 1 }),
      onDown: ({ message }, retryAt) => this.#setState("down", { reason: message, retryAt }),
      onFailed: ({ message }) => this.#setState("failed", { reason: message }),
      onSessions: () => this.#countSessions(),
    });
  }

  /** The gateway's public key, hex. @throws {SessionError} CLOSED before `start()`. */
  get publicKey(): string {
    return this.#running.publicKey;
  }

  /** The relays it listens on. @throws {SessionError} CLOSED before `start()`. */
  get pool(): RelayPool {
    return this.#running.pool;
  }

  /** What became of the announcement; `undefined` for a gateway that is not announced. */
  get announcement(): AnnouncementReceipt | undefined {
    return this.#server?.announcement;
  }

  /**
   * Starts the MCP server, listens, and announces the server where asked for.
   * With a server for each client one is started all the same, to see that it
   * can be; it is kept only when the gateway is announced.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when the MCP server can't be started.
   * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay works within the connect timeout.
   */
  async start(): Promise<void> {
    if (this.#started || this.#closing !== undefined) {
      throw new SessionError("CLOSED", "a gateway can be started once; make a new one");
    }
    this.#started = true;
    const { signal, perClient = false, announce = false } = this.#options;
    signal?.throwIfAborted();
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    try {
      const relays = this.#openPool();
      // A relay that can't be reached is reported at once, however long the MCP server takes.
      await Promise.all([relays.ready({ signal }), this.#shared.start()]);
      if (perClient && announce === false) await this.#shared.close();
      const limits = perClient ? { ...PER_CLIENT_LIMITS, ...this.#options.limits } : undefined;
      this.#server = await runServer(
        { ...this.#options, relays, ...(limits === undefined ? {} : { limits }) },
        (session) => perClient ? this.#link(session) : this.#shared.add(session),
        (session) => this.#shared.hub.observe(session),
      );
      this.#setState("up", {});
    } catch (error) {
      await this.close();
      throw error;
    }
    if (this.#closing !== undefined) {
      await this.#server.close();
      throw new SessionError("CLOSED", "the gateway was closed while it was starting");
    }
  }

  /**
   * How the gateway is doing, now and whenever it changes. A slow reader gets
   * the latest state, not each one.
   *
   * @param options `signal` ends the stream; it also ends when the gateway is closed.
   */
  status(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<GatewayStatus> {
    return this.#feed.watch(options.signal);
  }

  /**
   * Takes the announcement back from all relays.
   *
   * @param reason Why, for people.
   * @returns What was published; `undefined` for a gateway that is not announced.
   */
  async withdraw(reason?: string): Promise<AnnouncementReceipt | undefined> {
    return await this.#running.withdraw(reason);
  }

  /**
   * Takes no new requests, waits for those in flight, and closes. Who asks
   * meanwhile, and whose request is not through in time, gets an error that says
   * why. The announcement stays where it is.
   *
   * @param options When to stop waiting.
   * @returns Whether everything came to its end.
   */
  async drain(options?: DrainOptions): Promise<boolean> {
    if (this.#closing === undefined && this.#server !== undefined) {
      this.#setState("draining", {});
    }
    try {
      return await this.#server?.drain(options) ?? true;
    } finally {
      await this.close();
    }
  }

  /** Stops listening, ends all sessions and all MCP servers. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode McpGateway.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #openPool(): RelayPool {
    const { relays, signer, pool } = this.#options;
    if (relays instanceof RelayPool) return relays;
    return this.#ownPool = new RelayPool(relays, { signer, ...pool });
  }

  get #running(): NostrServer {
    if (this.#server !== undefined) return this.#server;
    throw new SessionError("CLOSED", "the gateway has not been started");
  }

  async #close(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    try {
      await this.#server?.close();
    } finally {
      await Promise.all([...this.#links].map((link) => link.close()));
      await this.#shared.close();
      await this.#ownPool?.close();
      const { restarts, engine } = this.#feed.value;
      this.#feed.end({ state: "closed", since: this.#now(), restarts, sessions: 0, engine });
    }
  }

  async #link(session: Session): Promise<void> {
    const { upstream, restart, startTimeoutMs = 60_000 } = this.#options;
    const link = new ClientLink(session, {
      open: upstream,
      restart,
      startTimeoutMs,
      maxQueued: resolveLimits(this.#options.limits).maxQueued,
      now: this.#now,
    });
    this.#links.add(link);
    session.signal.addEventListener("abort", () => {
      link.close()
        .catch((error) => logger.error("an MCP server did not end: {error}", { error }))
        .finally(() => {
          this.#links.delete(link);
          this.#countSessions();
        });
    }, { once: true });
    await link.start();
    this.#countSessions();
  }

  #setState(state: GatewayStatus["state"], more: Partial<GatewayStatus>): void {
    if (this.#feed.value.state === "draining") return; // what happens now changes nothing
    const { restarts, sessions, engine } = this.#feed.value;
    this.#feed.set({ restarts, sessions, engine, ...more, state, since: this.#now() });
  }

  #countSessions(): void {
    const sessions = this.#options.perClient ? this.#links.size : this.#shared.hub.sessions.length;
    this.#feed.set({ ...this.#feed.value, sessions });
  }
}
