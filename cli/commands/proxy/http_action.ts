/**
 * `cvm proxy --http`: a local HTTP endpoint on one side, a server on Nostr on
 * the other. Each HTTP client is an MCP client of its own there.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { formatNpub } from "../../../crypto/keys.ts";
import { PrivateKeySigner } from "../../../crypto/private_key_signer.ts";
import { CvmError, InputError } from "../../../errors.ts";
import { McpProxy } from "../../../transport/proxy.ts";
import { normalizeRelayUrl } from "../../../transport/relay/url.ts";
import { prepareRoute, type ServerRoute } from "../../connection.ts";
import { chooseEngine } from "../../crypto/choose_engine.ts";
import { type HttpSession, serveHttp } from "../../http/mod.ts";
import { type CliIo, type Environment, untilAborted } from "../../io.ts";
import { Output } from "../../output.ts";
import type { ProxyArguments } from "./command.ts";

const logger = getLogger(["cvm", "http"]);

/** The variable that may hold the token of HTTP clients. */
const BEARER_VARIABLE = "CVM_HTTP_BEARER";
/** A longer file holds something else than a token, bytes. */
const MAX_BEARER_FILE_BYTES = 4096;

/** Serves HTTP clients until it is stopped. */
export async function runHttpProxy(args: ProxyArguments, port: number, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  // Said now, and not to each client that comes.
  for (const url of args.relay) normalizeRelayUrl(url);
  const bearer = await readBearer(args.httpBearerFile, io.env);
  using chosen = await chooseEngine(io.env);
  const route = await prepareRoute(args, { io, engine: chosen.engine });
  if (route.key.warning !== undefined) await output.note(`cvm: ${route.key.warning}`);
  const clients = new HttpClients(route, output);
  await using endpoint = serveHttp({
    port,
    bearer,
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
  readonly #route: ServerRoute;
  readonly #output: Output;
  readonly #proxies = new Set<McpProxy>();
  #holder: HttpSession | undefined;

  constructor(route: ServerRoute, output: Output) {
    this.#route = route;
    this.#output = output;
  }

  /** Connects a client to the server; what it sends meanwhile waits. */
  add(session: HttpSession): void {
    const { key, engine } = this.#route;
    const signer = this.#takeKey(session) ? key.signer : PrivateKeySigner.generate({ engine });
    const proxy = new McpProxy({ host: session, client: this.#route.open(signer) });
    this.#proxies.add(proxy);
    if (signer !== key.signer) {
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

async function report(url: string, { server, key }: ServerRoute, output: Output): Promise<void> {
  const npub = formatNpub(server.publicKey);
  const client = formatNpub(key.signer.pubkey);
  if (output.format !== "text") {
    return await output.note(
      JSON.stringify({ url, server: npub, npub: client, keyFile: key.source }),
    );
  }
  await output.note(`cvm: proxy to ${npub} as ${client} (${key.source})\ncvm: listening on ${url}`);
}

/** The token of HTTP clients: of the file, else of the environment. */
async function readBearer(
  file: string | undefined,
  env: Environment,
): Promise<string | undefined> {
  const where = file === undefined ? BEARER_VARIABLE : `the file ${file}`;
  const text = file === undefined ? env.get(BEARER_VARIABLE) : await readFile(file);
  // A variable that is set to nothing is one that is not set; a file without a token is a mistake.
  if (text === undefined || (file === undefined && text === "")) return undefined;
  const token = text.trim();
  if (!/^[\w.~+/-]+=*$/.test(token)) {
    throw new InputError(
      "CONFIG_INVALID",
      `${where} holds no bearer token: letters, digits and -._~+/ only`,
    );
  }
  return token;
}

async function readFile(path: string): Promise<string> {
  try {
    if ((await Deno.stat(path)).size > MAX_BEARER_FILE_BYTES) throw new Error("it is too long");
    return await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError("CONFIG_INVALID", `the file ${path} can't be read: ${reason}`, { cause });
  }
}
