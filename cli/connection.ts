/**
 * From what the user calls a server to a transport that reaches it.
 *
 * @module
 */
import type { CryptoEngine } from "../crypto/engine.ts";
import type { Signer } from "../crypto/signer.ts";
import { NostrClientTransport, type NostrClientTransportOptions } from "../transport/client.ts";
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

/** How a server is reached, any number of times. */
export interface ServerRoute {
  /** Makes a transport, not started; with the visitor's key, or with another one. */
  readonly open: (signer?: Signer) => NostrClientTransport;
  /** The server. */
  readonly server: ResolvedServer;
  /** The key that visits it. */
  readonly key: StoredKey;
  /** What signs, encrypts and verifies. */
  readonly engine: CryptoEngine;
}

/** A way to a server that has not been gone yet. */
export interface ServerConnection extends Omit<ServerRoute, "open"> {
  /** The transport, not started. */
  readonly transport: NostrClientTransport;
}

/** What a command works with beside its arguments. */
export interface Surroundings {
  /** What it reads and writes. */
  readonly io: CliIo;
  /** What signs, encrypts and verifies. */
  readonly engine: CryptoEngine;
}

/** How the command line connects to relays. */
export function poolOptions({ connectTimeoutMs }: NetworkArguments): RelayPoolOptions {
  return { webSocket: openWebSocket, connectTimeoutMs, fetchRelayInfo };
}

/** Prepares one connection; see {@linkcode prepareRoute}. */
export async function prepareConnection(
  args: NetworkArguments & ServerArguments & { readonly server: string },
  surroundings: Surroundings,
): Promise<ServerConnection> {
  const { open, ...route } = await prepareRoute(args, surroundings);
  return { ...route, transport: open() };
}

/**
 * Finds out how a server is reached: by the relays of the command line, else the hints of the
 * address, else those of the server's relay list, else those of the configuration.
 *
 * @throws {InputError} When the server's name, a relay or the key can't be used.
 */
export async function prepareRoute(
  args: NetworkArguments & ServerArguments & { readonly server: string },
  { io, engine }: Surroundings,
): Promise<ServerRoute> {
  const config = await loadConfig(io.env);
  const server = await resolveServer(args.server, {
    config,
    fetch: io.fetch,
    signal: io.signal,
    timeoutMs: args.connectTimeoutMs,
  });
  const key = await loadOrCreateKey({
    file: args.keyFile,
    defaultFile: clientKeyFile(io.env),
    env: io.env,
    engine,
  });
  const known = config.relays ?? DEFAULT_RELAYS;
  const options: Omit<NostrClientTransportOptions, "signer"> = {
    server: server.address,
    ...(args.relay.length > 0 ? { relays: args.relay } : {}),
    discoveryRelays: config.relays ?? [...DEFAULT_RELAYS, ...DEFAULT_DISCOVERY_RELAYS],
    fallbackRelays: known,
    encryption: args.encryption,
    giftWrap: args.giftWrap,
    stateless: args.stateless,
    handshakeTimeoutMs: Math.min(args.timeoutMs, 15_000),
    pool: poolOptions(args),
    engine,
  };
  const open = (signer: Signer = key.signer) => new NostrClientTransport({ ...options, signer });
  return { open, server, key, engine };
}
