/**
 * MCP servers on Nostr.
 *
 * {@linkcode serve} gives each client an MCP server of its own;
 * {@linkcode listen} hands out the sessions for whatever else is to be done
 * with them; {@linkcode NostrServerTransport} is one MCP transport for all
 * clients together.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { engineBeside } from "../crypto/engine_choice.ts";
import { SessionError } from "../errors.ts";
import {
  type AnnouncementReceipt,
  type AnnounceOptions,
  Announcer,
} from "./discovery/announcer.ts";
import { type CommonSchemaOptions, commonSchemas } from "./discovery/schema_decorator.ts";
import type { RelayPool } from "./relay/pool.ts";
import { SessionHub } from "./session/hub.ts";
import { resolveLimits } from "./session/limits.ts";
import {
  type DrainOptions,
  listen,
  type Listener,
  type ListenOptions,
} from "./session/listener.ts";
import { chainDecorators } from "./session/result_decorator.ts";
import { localConnection } from "./session/local_session.ts";
import type { Session } from "./session/session.ts";
import type { JsonRpcMessage, RequestId, Transport, TransportSendOptions } from "./types.ts";

export {
  type DrainOptions,
  listen,
  type Listener,
  type ListenOptions,
} from "./session/listener.ts";
export type { ServerInfo } from "./wire/server_info.ts";
export type { AccessOptions, AccessRequest, Capability, KeySet } from "./session/access.ts";
export type { AnnouncementReceipt, AnnounceOptions } from "./discovery/announcer.ts";
export type { CommonSchemaOptions } from "./discovery/schema_decorator.ts";
export type { SessionLimits } from "./session/limits.ts";
export type { KeptEvents, ReplayMemory } from "./session/replay_guard.ts";
export type { DecoratedResult, ResultDecorator } from "./session/result_decorator.ts";
export type { EncryptionMode, Features, GiftWrapMode } from "./session/modes.ts";
export type { Tags } from "./wire/tags.ts";
export type {
  ObservedRequest,
  RequestObserver,
  RequestOutcome,
  SettledRequest,
} from "./session/observer.ts";
export type { RequestContext, Session } from "./session/session.ts";
export type { OpenStream } from "./transfer/open_stream.ts";

const logger = getLogger(["cvm", "transport"]);

/** Options of {@linkcode serve} and of {@linkcode NostrServerTransport}. */
export interface ServeOptions extends ListenOptions {
  /**
   * Whether, and how, to announce the server on its relays (CEP-6). A server
   * that is not announced publishes nothing about itself.
   * @default {false}
   */
  readonly announce?: boolean | AnnounceOptions;
  /**
   * Which tools implement a common schema, and what they are good for (CEP-15).
   * Without it, those do whose `_meta` says so.
   */
  readonly commonSchemas?: CommonSchemaOptions;
}

/** What `serve` needs of an MCP server: `McpServer` and `Server` of the official SDK have it. */
export interface McpServerLike {
  /** Connects the server to a client. */
  connect(transport: Transport): Promise<void>;
  /** Ends the server. */
  close(): Promise<void>;
}

/** A server that runs. */
export interface NostrServer extends AsyncDisposable {
  /** The server's public key, hex. */
  readonly publicKey: string;
  /** The relays it listens on. */
  readonly pool: RelayPool;
  /**
   * What does the cryptography: `"pure"`, `"wasm"`, `"native"`, or how another engine calls itself;
   * with another one in the signer, both: `"wasm (signer: pure)"`.
   */
  readonly engine: string;
  /** What became of the announcement; `undefined` for a server that is not announced. */
  readonly announcement: AnnouncementReceipt | undefined;
  /** Takes the announcement back from all relays. */
  withdraw(reason?: string): Promise<AnnouncementReceipt | undefined>;
  /**
   * Takes no new requests and waits for those in flight; see {@linkcode Listener.drain}.
   *
   * @param options When to stop waiting.
   * @returns Whether everything came to its end.
   */
  drain(options?: DrainOptions): Promise<boolean>;
  /** Ends all sessions and stops listening. Idempotent. */
  close(): Promise<void>;
}

/**
 * Serves MCP on Nostr, with an MCP server of its own for each client.
 *
 * @param factory Makes the MCP server for a client's session.
 * @param options The key, the relays, and everything that may differ from the defaults.
 * @returns The running server, as soon as it can be reached on one relay and, where asked for, is announced.
 * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay works within the connect timeout.
 *
 * @example
 * ```ts
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
 * import { Client } from "@modelcontextprotocol/sdk/client/index.js";
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { NostrClientTransport } from "@cvm/toolkit/transport/client";
 * import { serve } from "@cvm/toolkit/transport/server";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay({ url: "wss://relay.test" });
 * const network = { relays: ["wss://relay.test"], pool: { webSocket: relay.webSocket } };
 *
 * await using server = await serve(() => {
 *   const mcp = new McpServer({ name: "greeter", version: "1.0.0" });
 *   mcp.registerTool("greet", {}, () => ({ content: [{ type: "text", text: "hello" }] }));
 *   return mcp;
 * }, { signer: PrivateKeySigner.generate(), ...network });
 *
 * const client = new Client({ name: "example", version: "1.0.0" });
 * await client.connect(
 *   new NostrClientTransport({
 *     signer: PrivateKeySigner.generate(),
 *     server: server.publicKey,
 *     ...network,
 *   }),
 * );
 * const { content } = await client.callTool({ name: "greet" });
 * assertEquals(content, [{ type: "text", text: "hello" }]);
 * await client.close();
 * ```
 */
export async function serve(
  factory: (session: Session) => McpServerLike | Promise<McpServerLike>,
  options: ServeOptions,
): Promise<NostrServer> {
  return await runServer(options, async (session) => {
    const server = await factory(session);
    session.signal.addEventListener("abort", () => {
      server.close().catch((error) => logger.error("a server did not close: {error}", { error }));
    }, { once: true });
    await server.connect(session);
  });
}

/**
 * Listens, hands each session to `connect`, and announces the server where
 * asked for; `connectAnnouncer`, if given, takes the announcer's own session.
 *
 * @param options The key, the relays, and everything that may differ from the defaults.
 * @param connect Connects a session to an MCP server.
 * @param connectAnnouncer Connects the session of the announcer. Default: `connect`.
 * @returns The running server.
 * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay works within the connect timeout.
 */
export async function runServer(
  options: ServeOptions,
  connect: (session: Session) => Promise<void>,
  connectAnnouncer: (session: Session) => Promise<void> = connect,
): Promise<NostrServer> {
  const { announce = false } = options;
  const decorateResult = chainDecorators([
    ...(options.decorateResult === undefined ? [] : [options.decorateResult]),
    commonSchemas(options.commonSchemas),
  ]);
  const listener = await listen({
    ...options,
    decorateResult,
    access: { answerRefused: announce !== false, ...options.access },
  });
  const accepting = acceptSessions(listener, connect);
  if (announce === false) return new RunningServer(listener, accepting);
  const { session, client } = localConnection(listener.publicKey, "announcer");
  const announcer = new Announcer({
    ...(announce === true ? {} : announce),
    source: client,
    signer: options.signer,
    pool: listener.pool,
    poolOptions: options.pool,
    serverTags: listener.serverTags,
    decorateResult,
    engine: engineBeside(options),
    now: options.now,
  });
  try {
    await connectAnnouncer(session);
    return new RunningServer(listener, accepting, announcer, await announcer.start());
  } catch (error) {
    await announcer.close();
    await listener.close();
    await accepting;
    throw error;
  }
}

async function acceptSessions(
  listener: Listener,
  connect: (session: Session) => Promise<void>,
): Promise<void> {
  for await (const session of listener) {
    // A client whose server takes long to start, or fails to, keeps nobody else waiting.
    connect(session).catch((error) => {
      logger.error("no MCP server for a client: {error}", { error });
      return session.close();
    });
  }
}

class RunningServer implements NostrServer {
  readonly publicKey: string;
  readonly pool: RelayPool;
  readonly engine: string;
  readonly announcement: AnnouncementReceipt | undefined;
  readonly #listener: Listener;
  readonly #accepting: Promise<void>;
  readonly #announcer: Announcer | undefined;

  constructor(
    listener: Listener,
    accepting: Promise<void>,
    announcer?: Announcer,
    announcement?: AnnouncementReceipt,
  ) {
    this.publicKey = listener.publicKey;
    this.pool = listener.pool;
    this.engine = listener.engine;
    this.announcement = announcement;
    this.#listener = listener;
    this.#accepting = accepting;
    this.#announcer = announcer;
  }

  async withdraw(reason?: string): Promise<AnnouncementReceipt | undefined> {
    return await this.#announcer?.withdraw(reason);
  }

  async drain(options?: DrainOptions): Promise<boolean> {
    return await this.#listener.drain(options);
  }

  async close(): Promise<void> {
    await this.#announcer?.close();
    await this.#listener.close();
    await this.#accepting;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * One MCP `Transport` for all clients, for an MCP server that can be connected
 * only once. Answers, progress and resource updates go to the client that they
 * concern; a notification that does not say whom it concerns goes out only
 * while there is a single client. Prefer {@linkcode serve}: there each client
 * has a server of its own, and everything reaches it.
 */
export class NostrServerTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #options: ServeOptions;
  readonly #hub: SessionHub;
  #server: NostrServer | undefined;
  #closed = false;

  /** Prepares it; nothing happens yet. @param options The key, the relays, and everything that may differ from the defaults. */
  constructor(options: ServeOptions) {
    this.#options = options;
    this.#hub = new SessionHub({
      maxSubscriptions: resolveLimits(options.limits).maxSubscriptions,
      onMessage: (message) => this.onmessage?.(message),
      onError: (error) => this.onerror?.(error),
    });
  }

  /** The sessions that are open. */
  get sessions(): readonly Session[] {
    return this.#hub.sessions;
  }

  /**
   * The session that a request came in, while the server works on it: who asked
   * (CEP-16), and the stream beside the call (CEP-41).
   *
   * @param requestId The request's id, as its handler sees it (`extra.requestId` in the official SDK).
   */
  sessionOf(requestId: RequestId): Session | undefined {
    return this.#hub.sessionOf(requestId);
  }

  /** The running server behind the transport; `undefined` before `start()`. */
  get server(): NostrServer | undefined {
    return this.#server;
  }

  /**
   * Starts to listen and, where asked for, announces the server.
   *
   * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay works within the connect timeout.
   */
  async start(): Promise<void> {
    if (this.#server !== undefined || this.#closed) {
      throw new SessionError("CLOSED", "a transport can be started once; make a new one");
    }
    const server = this.#server = await runServer(
      this.#options,
      (session) => this.#hub.add(session),
      (session) => this.#hub.observe(session),
    );
    if (!this.#closed) return;
    await server.close();
    throw new SessionError("CLOSED", "the transport was closed while it was starting");
  }

  /** Sends a message of the server to the client that it concerns. */
  async send(message: JsonRpcMessage, options?: TransportSendOptions): Promise<void> {
    await this.#hub.send(message, options);
  }

  /** Ends all sessions and stops listening. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#server?.close();
    } finally {
      this.onclose?.();
    }
  }
}
