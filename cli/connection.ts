/**
 * From what the user calls a server to a transport that reaches it.
 *
 * @module
 */
import { NostrClientTransport } from "../transport/client.ts";
import { DEFAULT_DISCOVERY_RELAYS } from "../transport/discovery/relay_list.ts";
import type { RelayPoolOptions } from "../transport/relay/pool.ts";
import { fetchRelayInfo } from "../transport/relay/nip11.ts";
import { loadConfig } from "./config.ts";
import { DEFAULT_RELAYS } from "./default_relays.ts";
import type { CliIo } from "./io.ts";
import { loadOrCreateKey, type StoredKey } from "./key_store.ts";
import type { NetworkArguments, ServerArguments } from "./options.ts";
import { clientKeyFile } from "./paths.ts";
import { type ResolvedServer, resolveServer } from "./server_address.ts";
import { openWebSocket } from "./websocket.ts";

/** A way to a server that has not been gone yet. */
export interface ServerConnection {
  /** The transport, not started. */
  readonly transport: NostrClientTransport;
  /** The server. */
  readonly server: ResolvedServer;
  /** The key that visits it. */
  readonly key: StoredKey;
}

/** How long a server is waited for. */
export interface ServerWaits {
  /** For the answer to `initialize`, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** For a relay to take a message, in milliseconds. Default: that of the pool. */
  readonly publishTimeoutMs?: number;
}

/** How the command line connects to relays. */
export function poolOptions({ connectTimeoutMs }: NetworkArguments): RelayPoolOptions {
  return { webSocket: openWebSocket, connectTimeoutMs, fetchRelayInfo };
}

/**
 * Prepares a connection: the relays of the command line, else the hints of the
 * address, else those of the server's relay list, else those of the configuration.
 *
 * @throws {InputError} When the server's name, a relay or the key can't be used.
 */
export async function prepareConnection(
  args: NetworkArguments & ServerArguments & { readonly server: string },
  io: CliIo,
  { handshakeTimeoutMs, publishTimeoutMs }: ServerWaits,
): Promise<ServerConnection> {
  const config = await loadConfig(io.env);
  const server = await resolveServer(args.server, {
    config,
    fetch: io.fetch,
    signal: io.signal,
    timeoutMs: args.connectTimeoutMs,
  });
  const key = await loadOrCreateKey({
    file: args.keyFile,
    defaultFile: () => clientKeyFile(io.env),
    env: io.env,
  });
  const known = config.relays ?? DEFAULT_RELAYS;
  const transport = new NostrClientTransport({
    signer: key.signer,
    server: server.address,
    ...(args.relay.length > 0 ? { relays: args.relay } : {}),
    discoveryRelays: config.relays ?? [...DEFAULT_RELAYS, ...DEFAULT_DISCOVERY_RELAYS],
    fallbackRelays: known,
    encryption: args.encryption,
    giftWrap: args.giftWrap,
    stateless: args.stateless,
    handshakeTimeoutMs,
    pool: { ...poolOptions(args), publishTimeoutMs },
  });
  return { transport, server, key };
}
