/**
 * MCP clients on Nostr: an MCP `Transport` to a server that is known by its
 * public key.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { parseServerAddress } from "../crypto/keys.ts";
import { engineBeside, engineNames } from "../crypto/engine_choice.ts";
import { CvmError, SessionError } from "../errors.ts";
import { Acquaintance } from "./client/_acquaintance.ts";
import { Exchange } from "./client/_exchange.ts";
import { meetServer } from "./client/_relays.ts";
import { statelessInitializeResult } from "./client/_stateless.ts";
import { WrapChoice } from "./client/_wrap_choice.ts";
import type { StreamCall, StreamCallOptions } from "./client/_call.ts";
import type { NostrClientTransportOptions } from "./client/options.ts";
import { type Announcement, fetchAnnouncement } from "./discovery/announcement.ts";
import { settleWithin } from "./relay/_timer.ts";
import { RelayPool, type RelayPoolOptions } from "./relay/pool.ts";
import { Inbox } from "./session/inbox.ts";
import { resolveLimits, type SessionLimits } from "./session/limits.ts";
import { checkModes, type Modes } from "./session/modes.ts";
import { Outbox } from "./session/outbox.ts";
import type { JsonRpcMessage, JsonRpcRequest, Transport } from "./types.ts";
import type { ServerInfo } from "./wire/server_info.ts";
import { isRequest } from "./wire/message.ts";
import type { Tags } from "./wire/tags.ts";
import { randomSalt } from "./wire/unique_events.ts";

export type { StreamCall, StreamCallOptions } from "./client/_call.ts";
export type { OpenStream } from "./transfer/open_stream.ts";
export type { NostrClientTransportOptions } from "./client/options.ts";
export type { EncryptionMode, Features, GiftWrapMode } from "./session/modes.ts";
export type { ServerInfo } from "./wire/server_info.ts";
export type { Tags } from "./wire/tags.ts";
export { DEFAULT_DISCOVERY_RELAYS } from "./discovery/relay_list.ts";

const logger = getLogger(["cvm", "transport"]);

/** How long the first message waits for the server's announcement once a relay is there, in milliseconds. */
const ANNOUNCEMENT_WAIT_MS = 500;
/** The same, once the relays that can be reached know none, or one without encryption. */
const OTHER_RELAYS_WAIT_MS = 100;

/**
 * An MCP transport from a client to one server. Give it to a `Client` of the
 * official SDK.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { NostrClientTransport } from "@cvm/toolkit/transport/client";
 * import { assertEquals } from "@std/assert";
 *
 * const signer = PrivateKeySigner.generate();
 * const transport = new NostrClientTransport({
 *   signer,
 *   server: await PrivateKeySigner.generate().getPublicKey(),
 *   relays: ["wss://relay.contextvm.org"],
 * });
 * // await new Client({ name: "mine", version: "1.0.0" }).connect(transport);
 * assertEquals(transport.serverPublicKey.length, 64);
 * await transport.close();
 * ```
 */
export class NostrClientTransport implements Transport {
  /** The server's public key, hex. */
  readonly serverPublicKey: string;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #options: NostrClientTransportOptions;
  readonly #modes: Modes;
  readonly #limits: SessionLimits;
  readonly #now: () => number;
  readonly #hints: readonly string[];
  readonly #stop = new AbortController();
  readonly #wraps: WrapChoice;
  readonly #acquaintance = new Acquaintance();
  readonly #exchange: Exchange;
  readonly #salt = randomSalt();
  #pool: RelayPool | undefined;
  #inbox: Inbox | undefined;
  #outbox: Outbox | undefined;

  /**
   * Prepares it; nothing happens yet.
   *
   * @param options The key, the server, and everything that may differ from the defaults.
   * @throws {InputError} SERVER_INVALID or CONFIG_INVALID when an option can't be used.
   */
  constructor(options: NostrClientTransportOptions) {
    const { pubkey, relays } = parseServerAddress(options.server);
    this.#options = options;
    this.serverPublicKey = pubkey;
    this.#hints = relays;
    this.#modes = checkModes(options.encryption, options.giftWrap);
    this.#limits = resolveLimits(options.limits);
    this.#now = options.now ?? Date.now;
    this.#wraps = new WrapChoice(this.#modes);
    this.#exchange = new Exchange({
      options,
      server: pubkey,
      modes: this.#modes,
      limits: this.#limits,
      salt: this.#salt,
      acquaintance: this.#acquaintance,
      wraps: this.#wraps,
      outbox: () => this.#open,
      relays: () => this.#pool?.snapshot() ?? [],
      deliver: (message) => this.#deliver(message),
      onError: (error) => this.onerror?.(error),
    });
  }

  /** The relays in use. @throws {SessionError} CLOSED before `start()`. */
  get pool(): RelayPool {
    if (this.#pool === undefined) throw this.#notStarted();
    return this.#pool;
  }

  /** What the server said of itself with its first message: all tags but `p` and `e` (CEP-35); empty before that. */
  get serverTags(): Tags {
    return this.#acquaintance.serverTags;
  }

  /** What the server says of itself for people, with its first message or in its announcement. */
  get serverInfo(): ServerInfo {
    return this.#acquaintance.serverInfo;
  }

  /** The server's announcement, where the relays in use have one. */
  get announcement(): Announcement | undefined {
    return this.#acquaintance.announcement;
  }

  /**
   * What does the cryptography: `"pure"`, `"wasm"`, `"native"`, or how another engine calls itself;
   * with another one in the signer, both: `"wasm (signer: pure)"`.
   */
  get engine(): string {
    return engineNames(this.#options);
  }

  /** How messages leave now: `"plain"`, or the kind of their gift wrap. */
  get wrap(): "plain" | 1059 | 21059 {
    return this.#wraps.current ?? "plain";
  }

  /**
   * Finds the server's relays and connects to them.
   *
   * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay works within the connect timeout.
   * @throws {SessionError} CLOSED when the transport was started before.
   */
  async start(): Promise<void> {
    if (this.#pool !== undefined || this.#stop.signal.aborted) {
      throw new SessionError("CLOSED", "a transport can be started once; make a new one");
    }
    const { signer, workers } = this.#options;
    const engine = engineBeside(this.#options);
    try {
      const publicKey = await signer.getPublicKey();
      const pool = this.#pool = await this.#openPool();
      const common = { pool, signer, engine, workers, now: this.#now };
      this.#outbox = new Outbox({ ...common, salt: this.#salt, signal: this.#stop.signal });
      this.#inbox = new Inbox({
        ...common,
        publicKey,
        author: this.serverPublicKey,
        acceptUnaddressed: true,
        acceptOlder: true,
        modes: this.#modes,
        limits: this.#limits,
        onMessage: (inbound) => this.#exchange.receive(inbound),
        onError: (error) => this.onerror?.(error),
      });
      this.#exchange.followRelays(pool.status({ signal: this.#stop.signal }));
      await this.#lookUpAnnouncement(pool, pool.ready({ signal: this.#stop.signal }));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Sends a message to the server. A request that does not fit an event leaves
   * in parts (CEP-22).
   *
   * @throws {SessionError} CLOSED, MESSAGE_TOO_LARGE, TRANSFER_FAILED, or ENCRYPTION_MISMATCH when the server's announcement rules out our modes.
   * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took it.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    if (this.#outbox === undefined || this.#stop.signal.aborted) throw this.#notStarted();
    if (this.#options.stateless && this.#answersItself(message)) return;
    await this.#exchange.send(message);
  }

  /**
   * Calls a method of the server with a stream beside the call (CEP-41). The
   * call is the transport's own: an MCP client above it sees nothing of it.
   *
   * @param method The method, such as `tools/call`.
   * @param params Its parameters.
   * @param options When to give up, and who hears of progress.
   * @returns The stream and the result; both settle in every case.
   * @throws {SessionError} CLOSED when the transport is not open.
   *
   * @example
   * ```ts
   * import { Client } from "@modelcontextprotocol/sdk/client/index.js";
   * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
   * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
   * import { MemoryRelay } from "@cvm/toolkit/testing";
   * import { NostrClientTransport } from "@cvm/toolkit/transport/client";
   * import { serve } from "@cvm/toolkit/transport/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using relay = new MemoryRelay();
   * const network = { relays: [relay.url], pool: { webSocket: relay.webSocket } };
   * await using server = await serve((session) => {
   *   const mcp = new McpServer({ name: "counter", version: "1.0.0" });
   *   mcp.registerTool("count", {}, async (extra: { requestId: string | number }) => {
   *     const stream = session.openStream(extra.requestId);
   *     for (const word of ["one", "two"]) await stream.write(word);
   *     return { content: [{ type: "text", text: "done" }] };
   *   });
   *   return mcp;
   * }, { signer: PrivateKeySigner.generate(), ...network });
   *
   * const transport = new NostrClientTransport({
   *   signer: PrivateKeySigner.generate(),
   *   server: server.publicKey,
   *   ...network,
   * });
   * const client = new Client({ name: "example", version: "1.0.0" });
   * await client.connect(transport);
   * const call = transport.streamCall("tools/call", { name: "count" });
   * const words: string[] = [];
   * for await (const word of call.stream) words.push(word);
   * assertEquals(words, ["one", "two"]);
   * assertEquals((await call.result).content, [{ type: "text", text: "done" }]);
   * await client.close();
   * ```
   */
  streamCall(
    method: string,
    params: JsonRpcRequest["params"] = {},
    options: StreamCallOptions = {},
  ): StreamCall {
    return this.#exchange.call(method, params, options);
  }

  /** Ends the connection. Requests without an answer stay so. Idempotent. */
  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const reason = new SessionError("CLOSED", "the transport was closed");
    this.#stop.abort(reason);
    this.#exchange.close(reason);
    this.#inbox?.close();
    try {
      if (!(this.#options.relays instanceof RelayPool)) await this.#pool?.close();
    } finally {
      this.onclose?.();
    }
  }

  async #openPool(): Promise<RelayPool> {
    const { relays, signer } = this.#options;
    if (relays instanceof RelayPool) return relays;
    const poolOptions: RelayPoolOptions = { signer, ...this.#options.pool };
    if (relays !== undefined) return new RelayPool(relays, poolOptions);
    return await meetServer({
      server: this.serverPublicKey,
      hints: this.#hints,
      discoveryRelays: this.#options.discoveryRelays,
      fallbackRelays: this.#options.fallbackRelays,
      poolOptions,
      engine: engineBeside(this.#options),
      signal: this.#stop.signal,
    });
  }

  /** Learns what the server can do before the first message, if the relays say it soon after they are ready. */
  async #lookUpAnnouncement(pool: RelayPool, ready: Promise<void>): Promise<void> {
    const heard = Promise.withResolvers<Announcement | undefined>();
    const found = fetchAnnouncement(pool, this.serverPublicKey, {
      signal: this.#stop.signal,
      engine: engineBeside(this.#options),
      onHeard: heard.resolve,
    }).then((announcement) => this.#learn(announcement)).catch((error) => {
      if (!(error instanceof CvmError) && !this.#stop.signal.aborted) throw error;
      logger.debug("no announcement could be looked up: {error}", { error });
    });
    const soon = heard.promise.then(async (announcement) => {
      // Another relay may know a newer one: an old one must not be quick to bring encryption down.
      if (!announcement?.supportsEncryption) await settleWithin(found, OTHER_RELAYS_WAIT_MS);
      if (this.announcement === undefined) this.#learn(announcement);
    });
    await ready;
    await settleWithin(Promise.race([found, soon]), ANNOUNCEMENT_WAIT_MS);
  }

  #learn(announcement: Announcement | undefined): void {
    if (announcement === undefined) return;
    this.#acquaintance.learnAnnouncement(announcement);
    if (this.#acquaintance.hasMet) return;
    this.#wraps.learnAnnouncement(announcement);
    this.#exchange.reconsider();
  }

  /** Stateless mode: the handshake does not leave the process. */
  #answersItself(message: JsonRpcMessage): boolean {
    if (!("method" in message)) return false;
    if (message.method === "notifications/initialized") return true;
    if (message.method !== "initialize" || !isRequest(message)) return false;
    const result = statelessInitializeResult(message, this.announcement);
    queueMicrotask(() => this.#deliver({ jsonrpc: "2.0", id: message.id, result }));
    return true;
  }

  /** A fault of who takes a message ends nothing here. */
  #deliver(message: JsonRpcMessage): void {
    try {
      this.onmessage?.(message);
    } catch (error) {
      this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    }
  }

  get #open(): Outbox {
    if (this.#outbox === undefined || this.#stop.signal.aborted) throw this.#notStarted();
    return this.#outbox;
  }

  #notStarted(): SessionError {
    return new SessionError("CLOSED", "the transport is not open: it was not started or is closed");
  }
}
