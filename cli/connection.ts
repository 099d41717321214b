/**
 * From what the user calls a server to a transport that reaches it.
 *
 * @module
 */
import { PrivateKeySigner } from "../crypto/private_key_signer.ts";
import type { Signer } from "../crypto/signer.ts";
import { NostrClientTransport, type NostrClientTransportOptions } from "../transport/client.ts";
import { DEFAULT_DISCOVERY_RELAYS } from "../transport/discovery/relay_list.ts";
import type { RelayPoolOptions } from "../transport/relay/pool.ts";
import { fetchRelayInfo } from "../transport/relay/nip11.ts";
import { loadConfig } from "./config.ts";
import { DEFAULT_RELAYS } from "./default_relays.ts";
import type { CliIo } from "./io.ts";
import { loadOrCreateKey, type StoredKey } from "./key_store.ts";
import type { NetworkArguments, RelayTimeoutArguments, ServerArguments } from "./options.ts";
import { clientKeyFile } from "./paths.ts";
import { type ResolvedServer, resolveServer } from "./server_address.ts";
import { openWebSocket } from "./websocket.ts";

/** How a server is reached, any number of times. */
export interface ServerRoute {
  /** Makes a transport, not started; with the visitor's key, or with another one. */
  readonly open: (signer?: Signer) => NostrClientTransport;
  /** Makes a transport without a handshake on some relays alone, not started; for one question. */
  readonly openOn: (relays: readonly string[]) => NostrClientTransport;
  /** The server. */
  readonly server: ResolvedServer;
  /** The key that visits it. */
  readonly key: StoredKey;
}

/** A way to a server that has not been gone yet. */
export interface ServerConnection extends Omit<ServerRoute, "open" | "openOn"> {
  /** The transport, not started. */
  readonly transport: NostrClientTransport;
}

/** How long a server is waited for. */
export interface ServerWaits {
  /** For the answer to `initialize`, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** For a relay to take a message, in milliseconds. Default: that of the pool. */
  readonly publishTimeoutMs?: number;
  /** For a bunker that has the visitor's key to answer, in milliseconds. Default: as the environment says, else a minute. */
  readonly bunkerTimeoutMs?: number;
}

/** How the command line connects to relays. */
export function poolOptions(
  { connectTimeoutMs }: Pick<NetworkArguments, "connectTimeoutMs">,
): RelayPoolOptions {
  return { webSocket: openWebSocket, connectTimeoutMs, fetchRelayInfo };
}

/** The same for commands whose `--timeout` is about what relays answer. */
export function askingPoolOptions(
  { connectTimeoutMs, timeoutMs }:
    & Pick<NetworkArguments, "connectTimeoutMs">
    & RelayTimeoutArguments,
): RelayPoolOptions {
  return {
    ...poolOptions({ connectTimeoutMs }),
    ...(timeoutMs === undefined ? {} : { queryTimeoutMs: timeoutMs, publishTimeoutMs: timeoutMs }),
  };
}

/**
 * For who only looks public events up: relays that serve nobody else than who
 * authenticates are shown a key that is forgotten with the pool.
 */
export function lookupPoolOptions(args: Parameters<typeof askingPoolOptions>[0]): RelayPoolOptions {
  return { ...askingPoolOptions(args), signer: PrivateKeySigner.generate() };
}

/** The key that visits servers: that of the command line or the environment, else the one that is kept. */
export async function visitorKey(
  args: NetworkArguments & Pick<ServerWaits, "bunkerTimeoutMs">,
  io: CliIo,
): Promise<StoredKey> {
  return await loadOrCreateKey({
    file: args.keyFile,
    defaultFile: () => clientKeyFile(io.env),
    io,
    passwordFile: args.passwordFile,
    connectTimeoutMs: args.connectTimeoutMs,
    bunkerTimeoutMs: args.bunkerTimeoutMs,
  });
}

/** Prepares one connection; see {@linkcode prepareRoute}. */
export async function prepareConnection(
  args: NetworkArguments & ServerArguments & { readonly server: string },
  io: CliIo,
  waits: ServerWaits,
): Promise<ServerConnection> {
  const { open, openOn: _, ...route } = await prepareRoute(args, io, waits);
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
  io: CliIo,
  { handshakeTimeoutMs, publishTimeoutMs, bunkerTimeoutMs }: ServerWaits,
): Promise<ServerRoute> {
  const config = await loadConfig(io);
  const server = await resolveServer(args.server, {
    config,
    fetch: io.fetch,
    signal: io.signal,
    timeoutMs: args.connectTimeoutMs,
  });
  const key = await visitorKey({ ...args, bunkerTimeoutMs }, io);
  const known = config.relays ?? DEFAULT_RELAYS;
  const options: Omit<NostrClientTransportOptions, "signer"> = {
    server: server.address,
    ...(args.relay.length > 0 ? { relays: args.relay } : {}),
    discoveryRelays: config.relays ?? [...DEFAULT_RELAYS, ...DEFAULT_DISCOVERY_RELAYS],
    fallbackRelays: known,
    encryption: args.encryption,
    giftWrap: args.giftWrap,
    stateless: args.stateless,
    handshakeTimeoutMs,
    engine: io.engine,
    pool: { ...poolOptions(args), publishTimeoutMs },
  };
  const open = (signer: Signer = key.signer) => new NostrClientTransport({ ...options, signer });
  const openOn = (relays: readonly string[]) =>
    new NostrClientTransport({ ...options, signer: key.signer, relays, stateless: true });
  return { open, openOn, server, key };
}
