/**
 * Our own client and server for the interop tests.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Client, type ClientOptions } from "@modelcontextprotocol/sdk/client";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { NostrClientTransport, type NostrClientTransportOptions } from "../../transport/client.ts";
import { type NostrServer, serve, type ServeOptions } from "../../transport/server.ts";
import type { PeerModes, Verdict } from "./_modes.ts";
import {
  checkSpelled,
  echoLarge,
  errorOf,
  exercise,
  EXPECTED,
  EXPECTED_SHORT,
  makeToolServer,
  type ToolServerOptions,
} from "./_tools.ts";

/** How long anything may take, milliseconds. */
export const DEADLINE_MS = 10_000;

/** A server of ours with the tools of {@linkcode makeToolServer}. */
export function serveTools(
  relays: readonly string[],
  options: Partial<ServeOptions> = {},
  tools: ToolServerOptions = {},
): Promise<NostrServer> {
  const signer = PrivateKeySigner.generate();
  return serve(() => makeToolServer(tools), { signer, relays, ...options });
}

/** A client of ours that is connected to a server. */
export class ConnectedClient implements AsyncDisposable {
  readonly mcp: Client;
  readonly transport: NostrClientTransport;

  private constructor(mcp: Client, transport: NostrClientTransport) {
    this.mcp = mcp;
    this.transport = transport;
  }

  /**
   * Connects; leaves nothing behind when that fails. Whoever wants to answer
   * the server's questions sets handlers in `prepare`.
   */
  static async open(
    relays: readonly string[],
    server: string,
    options: Partial<NostrClientTransportOptions> = {},
    mcpOptions: ClientOptions = {},
    prepare: (client: Client) => void = () => {},
  ): Promise<ConnectedClient> {
    const signer = PrivateKeySigner.generate();
    const transport = new NostrClientTransport({ signer, server, relays, ...options });
    const mcp = new Client({ name: "ours", version: "1.0.0" }, mcpOptions);
    prepare(mcp);
    try {
      const { handshakeTimeoutMs = 0 } = options;
      await mcp.connect(transport, { timeout: Math.max(DEADLINE_MS, handshakeTimeoutMs) });
    } catch (error) {
      await mcp.close();
      throw error;
    }
    return new ConnectedClient(mcp, transport);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mcp.close();
  }
}

/** How much longer than its handshake may last a client may take to say what is wrong. */
const PATIENCE = 10;
/** The error of an MCP client that got no answer. */
const REQUEST_TIMEOUT = -32001;

/** What a client of ours is to do with a server. */
export interface ReachOptions {
  readonly modes: PeerModes;
  readonly exercise: "short" | "full" | "large" | "stream";
  /** @default {false} */
  readonly stateless?: boolean;
  /** How long the handshake and each answer may take, milliseconds. @default {DEADLINE_MS} */
  readonly timeoutMs?: number;
}

/** What becomes of a client of ours: a verdict, or what went wrong on the way to one. */
export async function reachServer(
  relay: string,
  server: string,
  options: ReachOptions,
): Promise<Verdict | string> {
  const { modes, exercise: what, stateless = false, timeoutMs = DEADLINE_MS } = options;
  const started = performance.now();
  let connected = false;
  try {
    await using client = await ConnectedClient.open([relay], server, {
      ...modes,
      stateless,
      handshakeTimeoutMs: timeoutMs,
    });
    connected = true;
    if (what === "large") {
      await echoLarge(client.mcp, { timeoutMs });
    } else if (what === "stream") {
      const call = client.transport.streamCall("tools/call", { name: "spell" }, { timeoutMs });
      const pieces = await Array.fromAsync(call.stream);
      checkSpelled(pieces, await call.result);
    } else {
      const transcript = await exercise(client.mcp, { short: what === "short", timeoutMs });
      assertEquals(transcript, what === "short" ? EXPECTED_SHORT : EXPECTED);
    }
    return "works";
  } catch (error) {
    if (connected && errorOf(error).code === REQUEST_TIMEOUT) return "silence";
    return failure(error, (performance.now() - started) / timeoutMs);
  }
}

/** An error that says what is wrong, in time, as a verdict; any other one as it is. */
function failure(error: unknown, patience: number): Verdict | string {
  const { code, message } = errorOf(error);
  const saysWhy = /\(?(encryption: (optional|required|disabled)|giftWrap: \w+)\)?/.test(message);
  if (!saysWhy || patience > PATIENCE) return `${code} after ${patience} timeouts: ${message}`;
  if (code === "ENCRYPTION_MISMATCH") return "mismatch";
  const silent = typeof error === "object" && error !== null && "data" in error &&
    (error.data as { code?: unknown } | undefined)?.code === "SERVER_NOT_ANSWERING";
  return silent ? "silence" : `${code}: ${message}`;
}

/** Asks again and again until something is so; fails when that takes too long. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs: number = DEADLINE_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A promise's outcome, unless it takes too long. */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  timeoutMs: number = DEADLINE_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
