/**
 * Our own client and server for the interop tests.
 *
 * @module
 */
import { Client, type ClientOptions } from "@modelcontextprotocol/sdk/client";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { NostrClientTransport, type NostrClientTransportOptions } from "../../transport/client.ts";
import { type NostrServer, serve, type ServeOptions } from "../../transport/server.ts";
import { makeToolServer, type ToolServerOptions } from "./_tools.ts";

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
      await mcp.connect(transport, { timeout: DEADLINE_MS });
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
