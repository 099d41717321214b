/**
 * Our client and server as the conformance suite wants them.
 *
 * @module
 */
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { NostrClientTransport } from "../../transport/client.ts";
import type { RelayPoolOptions } from "../../transport/relay/pool.ts";
import { NostrServerTransport, serve } from "../../transport/server.ts";
import type {
  ConformanceRelay,
  ConformanceTriple,
  MemoryRelay,
} from "../../transport/testing/mod.ts";

/** What takes seconds in real life takes a moment. */
const impatient: RelayPoolOptions = {
  fetchRelayInfo: () => Promise.resolve(undefined),
  backoff: { initialMs: 5, maxMs: 50 },
  idlePingMs: 200,
  pingTimeoutMs: 300,
};

/** Our client and our server. */
export function ourTriple(relay: ConformanceRelay): ConformanceTriple {
  const { urls: relays, webSocket } = relay;
  const network = {
    relays,
    pool: { ...impatient, ...(webSocket !== undefined && { webSocket }) },
  };
  return {
    relay,
    startServer: ({ createMcpServer, ...options }) =>
      serve(createMcpServer, { ...options, ...network, signer: PrivateKeySigner.generate() }),
    openClient: (options) =>
      new NostrClientTransport({
        ...options,
        ...network,
        signer: PrivateKeySigner.generate(),
        handshakeTimeoutMs: 1_000,
      }),
  };
}

/** Starts servers as one MCP transport for all clients. */
export function sharedServer(relay: MemoryRelay): ConformanceTriple["startServer"] {
  return async ({ createMcpServer, ...options }) => {
    const mcp = createMcpServer();
    const signer = PrivateKeySigner.generate();
    const pool = { ...impatient, webSocket: relay.webSocket };
    await mcp.connect(
      new NostrServerTransport({ ...options, signer, relays: [relay.url], pool }),
    );
    return { publicKey: signer.pubkey, close: () => mcp.close() };
  };
}
