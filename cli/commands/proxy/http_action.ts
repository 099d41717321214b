/**
 * `cvm proxy --http`: a local HTTP endpoint on one side, a server on Nostr on
 * the other. Each HTTP client is an MCP client of its own there.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { formatNpub } from "../../../crypto/keys.ts";
import { PrivateKeySigner } from "../../../crypto/private_key_signer.ts";
import { CvmError } from "../../../errors.ts";
import { McpProxy } from "../../../transport/proxy.ts";
import { normalizeRelayUrl } from "../../../transport/relay/url.ts";
import { readBearer } from "../../bearer.ts";
import { UsageError } from "../../exit_codes.ts";
import { type HttpSession, serveHttp } from "../../http/mod.ts";
import { type CliIo, untilAborted } from "../../io.ts";
import { Output } from "../../output.ts";
import { prepareProxyRoute, type ProxyRoute } from "./_routes.ts";
import type { ProxyArguments } from "./command.ts";

const logger = getLogger(["cvm", "http"]);

/** The variable that may hold the token of HTTP clients. */
const BEARER_VARIABLE = "CVM_HTTP_BEARER";
/** Serves HTTP clients until it is stopped. */
export async function runHttpProxy(args: ProxyArguments, port: number, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  // Said now, and not to each client that comes.
  for (const url of args.relay) normalizeRelayUrl(url);
  const bearer = await readBearer({
    file: args.httpBearerFile,
    variable: BEARER_VARIABLE,
    env: io.env,
  });
  const route = await prepareProxyRoute(args, io);
  if (route.key.warning !== undefined) await output.note(`cvm: ${route.key.warning}`);
  const clients = new HttpClients(route, output);
  await using endpoint = serveHttp({
    port,
    bearer,
    origins: args.httpOrigin.map(parseOrigin),
    maxSessions: args.httpMaxSessions,
    idleTimeoutMs: args.httpIdleTimeoutMs,
    onSession: (session) => clients.add(session),
  });
  await report(endpoint.url, route, output);
  await untilAborted(io.signal);
  await endpoint.close();
  await clients.ended();
  io.signal.throwIfAborted();
}

/**
 * The HTTP clients, each with a connection of its own to the server.
 *
 * To a server on Nostr a client is its key, and a second `initialize` under
 * one key ends the session of the first. So the kept key, by which the server
 * may know us, goes to one client at a time; others that are connected at the
 * same time get keys that are made for them and forgotten with them. A client
 * that has hung up without a word yields the kept key to the next one.
 */
class HttpClients {
  readonly #route: ProxyRoute;
  readonly #output: Output;
  readonly #proxies = new Set<McpProxy>();
  #holder: HttpSession | undefined;

  constructor(route: ProxyRoute, output: Output) {
    this.#route = route;
    this.#output = output;
  }

  /** Connects a client to the server; what it sends meanwhile waits. */
  add(session: HttpSession): void {
    const { signer: kept } = this.#route.key;
    const signer = this.#takeKey(session)
      ? kept
      : PrivateKeySigner.generate({ engine: kept.engine });
    const proxy = new McpProxy({ host: session, client: this.#route.open(signer) });
    this.#proxies.add(proxy);
    if (signer !== kept) {
      const npub = formatNpub(signer.pubkey);
      this.#note(
        `cvm: one more client, with a key of its own while the kept one is in use: ${npub}`,
      );
    }
    void proxy.closed.then(() => {
      this.#proxies.delete(proxy);
      if (this.#holder === session) this.#holder = undefined;
    });
    proxy.start().catch((error) => {
      // A client that leaves while the connection is made has all that it wanted.
      if (error instanceof CvmError && error.code === "CLOSED") return;
      logger.error("a client could not be connected: {error}", { error });
    });
  }

  /** Resolves when all connections have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#proxies].map((proxy) => proxy.close()));
  }

  #takeKey(session: HttpSession): boolean {
    if (this.#holder !== undefined && !this.#holder.hasHungUp) return false;
    void this.#holder?.close();
    this.#holder = session;
    return true;
  }

  #note(text: string): void {
    // Nothing is left to tell a failure to when standard error is gone.
    if (this.#output.format === "text") this.#output.note(text).catch(() => undefined);
  }
}

/** An origin as browsers send it. */
function parseOrigin(text: string): string {
  const { origin, href } = URL.parse(text) ?? {};
  if (origin !== undefined && origin !== "null" && (href === `${origin}/` || href === origin)) {
    return origin;
  }
  throw new UsageError(`--http-origin: ${text} is no origin; write it as in https://chat.example`);
}

async function report(url: string, { servers, key }: ProxyRoute, output: Output): Promise<void> {
  const npubs = servers.map(formatNpub);
  const client = formatNpub(key.signer.pubkey);
  if (output.format !== "text") {
    return await output.note(
      JSON.stringify({ url, servers: npubs, npub: client, keyFile: key.source }),
    );
  }
  await output.note(
    `cvm: proxy to ${npubs.join(", ")} as ${client} (${key.source})\ncvm: listening on ${url}`,
  );
}
