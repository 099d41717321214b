/**
 * Finds out what a server offers for a shell that waits: from the file of
 * names, else from the server's announcements, within a short time.
 *
 * @module
 */
import { CvmError } from "../errors.ts";
import type { Config } from "./config.ts";
import { DEFAULT_RELAYS } from "./default_relays.ts";
import type { CliIo, Environment } from "./io.ts";
import { FRESH_MS, type KnownServer, type NameCache, openNameCache } from "./name_cache.ts";
import { type ResolvedServer, resolveServer } from "./server_address.ts";
import { announcedNames, type NameKind, type ServerNames } from "./server_names.ts";

/** The variable that says how many seconds a lookup may take; 0 for none. */
export const TIMEOUT_VARIABLE = "CVM_COMPLETE_TIMEOUT";

const DEFAULT_TIMEOUT_MS = 1_500;
/** Nobody waits longer for a completion. */
const MAX_TIMEOUT_MS = 30_000;
/** How long after a lookup there is no other one, milliseconds. */
const RETRY_MS = 300_000;
/** Relays that are asked. */
const MAX_RELAYS = 12;
/** How long sockets may take to close, milliseconds; the process ends soon. */
const CLOSE_MS = 100;

/** What {@linkcode lookUpNames} works with. */
export interface NameLookupOptions {
  /** What is to be completed. */
  readonly kind: NameKind;
  /** The configuration, with its aliases and relays. */
  readonly config: Config;
  /** Relays of the command line; with any of them, those of the configuration are not asked. */
  readonly relays: readonly string[];
  /** The environment. */
  readonly io: CliIo;
  /** The clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

/**
 * What a server offers, as far as it is known or can be learned without a key.
 *
 * @param server What the user calls the server.
 * @param options What is to be completed, and where to look.
 * @returns Its names; empty when nothing is known in time.
 */
export async function lookUpNames(
  server: string,
  options: NameLookupOptions,
): Promise<ServerNames> {
  const { config, io, kind, now = Date.now } = options;
  const cache = openNameCache(io.env, { now });
  const servers = await cache?.read() ?? new Map<string, KnownServer>();
  const address = (config.aliases.get(server) ?? server).trim();
  const timeoutMs = timeoutOf(io.env);
  const stop = new AbortController();
  const onAbort = () => stop.abort(io.signal.reason);
  io.signal.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(() => stop.abort(new Error("too late")), Math.max(1, timeoutMs));
  try {
    const called = [...servers.values()].find(({ calledAs }) => calledAs === address.toLowerCase());
    // A name of NIP-05 is looked up over HTTPS.
    if (called === undefined && address.includes("@") && timeoutMs === 0) return {};
    const resolved = called === undefined
      ? await resolveServer(address, { config, fetch: io.fetch, signal: stop.signal, timeoutMs })
      : { ...called, hints: [], name: called.calledAs };
    const known = servers.get(resolved.publicKey);
    if (timeoutMs === 0 || !isWorthAsking(known, kind, now())) return known?.names ?? {};
    const found = await askRelays(resolved, { ...options, timeoutMs, signal: stop.signal, cache });
    const isFresh = known !== undefined && now() - known.seenAt < FRESH_MS;
    return isFresh ? { ...found, ...known.names } : { ...known?.names, ...found };
  } finally {
    clearTimeout(timer);
    io.signal.removeEventListener("abort", onAbort);
  }
}

function isWorthAsking(known: KnownServer | undefined, kind: NameKind, now: number): boolean {
  if (known === undefined) return true;
  if (now - known.askedAt < RETRY_MS) return false;
  return known.names[kind] === undefined || now - known.seenAt > FRESH_MS;
}

/** What a server has announced; kept, also that there was nothing. */
async function askRelays(
  { publicKey, hints, name }: Pick<ResolvedServer, "publicKey" | "hints" | "name">,
  { config, relays, timeoutMs, signal, cache }: NameLookupOptions & {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly cache: NameCache | undefined;
  },
): Promise<ServerNames> {
  const [
    { PrivateKeySigner },
    { describeServer },
    { DEFAULT_DISCOVERY_RELAYS },
    { RelayPool },
    { openWebSocket },
  ] = await Promise.all([
    import("../crypto/private_key_signer.ts"),
    import("../transport/discovery/describe_server.ts"),
    import("../transport/discovery/relay_list.ts"),
    import("../transport/relay/pool.ts"),
    import("./websocket.ts"),
  ]);
  const others = config.relays ?? [...DEFAULT_RELAYS, ...DEFAULT_DISCOVERY_RELAYS];
  const urls = [...new Set([...relays, ...hints, ...(relays.length > 0 ? [] : others)])];
  const pool = new RelayPool(urls.slice(0, MAX_RELAYS), {
    webSocket: openWebSocket,
    connectTimeoutMs: timeoutMs,
    signer: PrivateKeySigner.generate(), // for relays that serve nobody else than who authenticates
  });
  let names: ServerNames = {};
  try {
    // Two questions, one after the other.
    const description = await describeServer(pool, publicKey, { timeoutMs: timeoutMs / 2, signal });
    names = announcedNames(description, cache?.maxNames ?? 300);
  } catch (error) {
    // No relay, or none in time.
    if (!(error instanceof CvmError) && !signal.aborted) throw error;
  } finally {
    const source = Object.keys(names).length > 0 ? "announcement" : "nobody";
    await cache?.add([{ publicKey, names, source, calledAs: name }]);
    await closeSoon(pool);
  }
  return names;
}

/** Closes, and does not wait for a relay that does not answer. */
async function closeSoon(pool: { close(): Promise<void> }): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_MS));
  await Promise.race([pool.close(), late]);
  clearTimeout(timer);
}

/** How long a lookup may take, in milliseconds. */
function timeoutOf(env: Environment): number {
  const text = (env.get(TIMEOUT_VARIABLE) ?? "").trim();
  const seconds = text === "" ? NaN : Number(text);
  return seconds >= 0 ? Math.min(seconds * 1_000, MAX_TIMEOUT_MS) : DEFAULT_TIMEOUT_MS;
}
