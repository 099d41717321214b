/**
 * Everything that `cvm inspect` finds out about a server.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import { SessionError } from "../../../errors.ts";
import type { Tags } from "../../../transport/wire/tags.ts";
import { poolOptions, type ServerRoute } from "../../connection.ts";
import { isRpcError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { lookupRelays } from "../../lookup_relays.ts";
import { VERSION } from "../../version.ts";
import type { Item, ListName, McpSession } from "./mcp_session.ts";
import { type Latency, measurePings } from "./pings.ts";
import { fetchPublicRecord, type PublicRecord } from "./public_record.ts";
import { probeRelay, type RelayReport } from "./relay_probe.ts";
import {
  type ConnectedTarget,
  connectTarget,
  type Target,
  type TargetArguments,
} from "./target.ts";

/** Relays that are tried; more are nobody's real list. */
const MAX_RELAYS = 12;
/** How long a ping over one relay may take, milliseconds. */
const PING_TIMEOUT_MS = 5_000;

/** What a server answered. */
export interface Answers {
  /** What it says of itself (`serverInfo`). */
  readonly server: Readonly<Record<string, unknown>> | null;
  /** Its instructions. */
  readonly instructions: string | null;
  /** Its capabilities. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Its lists. */
  readonly lists: Readonly<Record<ListName, readonly Item[]>>;
  /** How long the way there and the handshake took, milliseconds. */
  readonly handshakeMs: number;
  /** How long pings took over the connection. */
  readonly latency: Latency | undefined;
}

/** A relay, and how fast the server is on it. */
export interface RelayFinding extends RelayReport {
  /** Whether we are connected to the server over it. */
  readonly inUse: boolean;
  /** Whether the server's relay list names it. */
  readonly listed: boolean;
  /** How long pings took over it alone; `undefined` when there were none. */
  readonly latency: Latency | undefined;
}

/** What there is to know of a server on Nostr. */
export interface NostrFindings {
  /** Its public key, hex. */
  readonly publicKey: string;
  /** How its messages travel. */
  readonly wrap: "plain" | 1059 | 21059;
  /** Which engine does our cryptography: `native`, `wasm` or `pure`. */
  readonly engine: string;
  /** What it said of itself with its first message. */
  readonly tags: Tags;
  /** Its name, from its first message or its announcement. */
  readonly name: string | undefined;
  /** What is public; `undefined` when nothing could be looked up. */
  readonly record: PublicRecord | undefined;
  /** Its relays and ours. */
  readonly relays: readonly RelayFinding[];
}

/** What was found out. */
export interface Findings {
  /** What it answered; `undefined` when it did not. */
  readonly answers: Answers | undefined;
  /** Why it did not answer. */
  readonly failure: unknown;
  /** What there is on Nostr. */
  readonly nostr: NostrFindings | undefined;
}

/** What the inspection works with. */
export interface InspectionOptions {
  /** What the command line says. */
  readonly args: TargetArguments;
  /** The surroundings. */
  readonly io: CliIo;
  /** How many pings are sent over each relay. */
  readonly pings: number;
}

/**
 * Finds out all that there is about a server.
 *
 * @param target The server, not spoken to yet.
 * @param options What to do.
 * @throws {RelayError} When no relay on which it may be met can be reached.
 */
export async function inspectTarget(
  target: Target,
  options: InspectionOptions,
): Promise<Findings> {
  const { args, io, pings } = options;
  let connected: ConnectedTarget | undefined;
  let failure: unknown;
  try {
    connected = await connectTarget(target, { io, timeoutMs: args.timeoutMs });
  } catch (error) {
    // Without Nostr or a relay there is nothing else to find out.
    const isItsSilence = isRpcError(error) || error instanceof SessionError;
    if (target.nostr === undefined || !isItsSilence || io.signal.aborted) throw error;
    failure = error;
  }
  try {
    const asked = connected === undefined
      ? Promise.resolve(undefined)
      : ask(connected, { pings: target.nostr === undefined ? pings : 0 });
    const [answers, nostr] = await Promise.all([
      asked.catch((error) => void (failure = error)),
      findOnNostr(target, options, failure === undefined),
    ]);
    io.signal.throwIfAborted();
    return { answers, failure, nostr };
  } finally {
    await connected?.[Symbol.asyncDispose]();
  }
}

async function ask(
  { session, handshakeMs }: ConnectedTarget,
  { pings }: { readonly pings: number },
): Promise<Answers> {
  const { client } = session;
  return {
    server: client.getServerVersion() ?? null,
    instructions: client.getInstructions() ?? null,
    capabilities: client.getServerCapabilities() ?? {},
    lists: await allLists(session),
    handshakeMs: Math.round(handshakeMs),
    latency: pings === 0 ? undefined : await measurePings(
      () => ping(client, { timeoutMs: Math.min(session.timeoutMs, PING_TIMEOUT_MS) }),
      { count: pings },
    ),
  };
}

async function allLists(session: McpSession): Promise<Answers["lists"]> {
  return {
    tools: await session.list("tools"),
    resources: await session.list("resources"),
    templates: await session.list("templates"),
    prompts: await session.list("prompts"),
  };
}

async function findOnNostr(
  { nostr, route }: Target,
  { args, io, pings }: InspectionOptions,
  isAnswering: boolean,
): Promise<NostrFindings | undefined> {
  if (nostr === undefined || route === undefined) return undefined;
  const { serverPublicKey: publicKey, pool } = nostr;
  const record = await fetchPublicRecord(
    publicKey,
    await lookupRelays(args, pool.urls, io),
    { args, io },
  );
  const listed = record?.description.relayList?.relays.map(({ url }) => url) ?? [];
  const urls = [...new Set([...pool.urls, ...listed])].slice(0, MAX_RELAYS);
  const relays = await Promise.all(urls.map(async (url) => {
    const report = await probeRelay(url, {
      signer: route.key.signer,
      pool: poolOptions(args),
      timeoutMs: args.connectTimeoutMs,
      fetch: io.fetch,
      signal: io.signal,
    });
    const isWorthIt = report.reachable && isAnswering && pings > 0;
    const latency = isWorthIt ? await pingOver(url, route, { args, io, pings }) : undefined;
    return { ...report, inUse: pool.urls.includes(url), listed: listed.includes(url), latency };
  }));
  return {
    publicKey,
    wrap: nostr.wrap,
    engine: io.engine?.name ?? "pure",
    tags: nostr.serverTags,
    name: nostr.serverInfo.name,
    record,
    relays,
  };
}

/** Pings the server over one relay alone. */
async function pingOver(
  url: string,
  route: ServerRoute,
  { args, io, pings }: InspectionOptions,
): Promise<Latency> {
  const client = new Client({ name: "cvm-inspect", version: VERSION });
  const transport = route.openOn([url]);
  const timeoutMs = Math.min(args.timeoutMs, PING_TIMEOUT_MS);
  try {
    await client.connect(transport, { signal: io.signal });
    return await measurePings(() => ping(client, { timeoutMs, signal: io.signal }), {
      count: pings,
    });
  } catch (error) {
    io.signal.throwIfAborted();
    return { sent: 0, answered: 0, p50Ms: null, p95Ms: null, error };
  } finally {
    await client.close();
    await transport.close();
  }
}

/** An answer is an answer, also when it says that the server does not know pings. */
async function ping(
  client: Client,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  try {
    await client.ping({ timeout: timeoutMs, signal });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === -32601)) throw error;
  }
}
