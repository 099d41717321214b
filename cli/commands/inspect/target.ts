/**
 * The MCP server that is looked at: on Nostr, behind a URL, or started here.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import { CallError, SessionError, UpstreamError } from "../../../errors.ts";
import type { NostrClientTransport } from "../../../transport/client.ts";
import type { Transport } from "../../../transport/types.ts";
import { childEnvironment } from "../../child_environment.ts";
import { ChildProcessTransport } from "../../child_process.ts";
import { prepareRoute, type ServerRoute } from "../../connection.ts";
import { entryOpener } from "../../entry_target.ts";
import { UsageError } from "../../exit_codes.ts";
import { parseHeaders } from "../../header_option.ts";
import { HttpUpstream } from "../../http_upstream.ts";
import type { CliIo } from "../../io.ts";
import type { NetworkArguments, ServerArguments } from "../../options.ts";
import type { Output } from "../../output.ts";
import { openNameCache } from "../../name_cache.ts";
import { slugOf } from "../../paths.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { SeenNames } from "../../seen_names.ts";
import { VERSION } from "../../version.ts";
import { readHostEntry } from "./host_entry.ts";
import { asTimeout, GRACE_MS, McpSession } from "./mcp_session.ts";

/** JSON-RPC's word for an internal error. */
const INVALID_ANSWER = -32603;

/** Which server is meant. */
export interface TargetArguments extends NetworkArguments, ServerArguments {
  /** Whether it is started here, by the command after `--`. */
  readonly stdio: boolean;
  /** The URL that it is behind. */
  readonly http?: string;
  /** Headers of each request there, `NAME=VALUE`. */
  readonly header?: readonly string[];
  /** The file of a host that names it. */
  readonly servers?: string;
  /** Variables of the process. */
  readonly env: readonly string[];
  /** The working directory of the process. */
  readonly cwd?: string;
  /** The command that starts it. */
  readonly childCommand: readonly string[];
}

/** A server that has not been spoken to yet. */
export interface Target {
  /** What it is called in messages. */
  readonly label: string;
  /** The connection, not started. */
  readonly transport: Transport;
  /** The same connection, where the server is on Nostr. */
  readonly nostr?: NostrClientTransport;
  /** How it is reached on Nostr. */
  readonly route?: ServerRoute;
}

/** A server that has been spoken to. */
export interface ConnectedTarget extends Target, AsyncDisposable {
  /** What can be asked. */
  readonly session: McpSession;
  /** How long the way there and the handshake took, in milliseconds. */
  readonly handshakeMs: number;
}

/** Whether options alone name a server beside Nostr. @throws {UsageError} When they contradict each other. */
export function hasLocalTarget(args: TargetArguments): boolean {
  const { stdio, http, servers, header = [], childCommand } = args;
  if (stdio && http !== undefined) throw new UsageError("--stdio and --http exclude each other");
  if (servers !== undefined && (stdio || http !== undefined)) {
    throw new UsageError("--servers names a server already, without --stdio and --http");
  }
  if (header.length > 0 && http === undefined) throw new UsageError("--header is for --http");
  if (stdio && childCommand.length === 0) {
    throw new UsageError("--stdio needs the command that starts the server, after --");
  }
  if (!stdio && childCommand.length > 0) {
    throw new UsageError("a command after -- is for --stdio");
  }
  return stdio || http !== undefined;
}

/** Prepares the connection to the server that the options and the name mean; nothing is started. */
export async function prepareTarget(
  args: TargetArguments,
  server: string | undefined,
  io: CliIo,
): Promise<Target> {
  const { http, stdio, servers, childCommand } = args;
  if (servers !== undefined) {
    const label = server ?? "";
    const entry = await readHostEntry(servers, label, io);
    const open = await entryOpener(entry, { cleanEnv: false, io, onStderr: stderrOf(label, io) });
    return { label, transport: open() };
  }
  if (http !== undefined || stdio) {
    const words = http === undefined ? childCommand : [http];
    const { label, open } = await prepareLocal({ ...args, words, isUrl: !stdio }, io);
    return { label, transport: open() };
  }
  // Who mistypes a key learns it within the connect timeout; a relay that takes nothing is blamed first.
  const publishTimeoutMs = Math.min(args.timeoutMs, args.connectTimeoutMs);
  const handshakeTimeoutMs = publishTimeoutMs + 250;
  const waits = { handshakeTimeoutMs, publishTimeoutMs };
  const route = await prepareRoute({ ...args, server: server ?? "" }, io, waits);
  const nostr = route.open();
  return { label: server ?? "", transport: nostr, nostr, route };
}

/** Says what the user should know about the key that visits the server. */
export async function warnOfKey({ route }: Target, output: Output): Promise<void> {
  if (route?.key.warning !== undefined) await output.warn(route.key.warning);
}

/** A server that is not on Nostr. */
export interface LocalTarget {
  /** A command and its arguments, or one URL. */
  readonly words: readonly string[];
  /** Whether it is a URL. */
  readonly isUrl: boolean;
  /** Headers of each request to a URL, `NAME=VALUE`. */
  readonly header?: readonly string[];
  /** Variables of the process. */
  readonly env: readonly string[];
  /** The working directory of the process. */
  readonly cwd?: string;
}

/** Prepares connections to a server that is not on Nostr: to a URL, or to a process for each. */
export async function prepareLocal(
  { words, isUrl, header = [], env: assignments, cwd }: LocalTarget,
  io: CliIo,
): Promise<{ readonly label: string; readonly open: () => Transport }> {
  const [command = "", ...rest] = words;
  if (isUrl) {
    const url = URL.parse(command);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new UsageError(`${command} is not an http: or https: URL`);
    }
    const bearer = io.env.get("CVM_UPSTREAM_BEARER");
    const headers = parseHeaders(header, io.env);
    return {
      label: url.origin,
      open: () => new HttpUpstream({ url, headers, bearer, fetch: io.fetch }),
    };
  }
  const env = await childEnvironment({ env: io.env, clean: false, files: [], assignments });
  const label = slugOf(words);
  const process = { command, args: rest, env, cwd, onStderr: stderrOf(label, io) };
  return { label, open: () => new ChildProcessTransport(process) };
}

/** Shows what a process says on its standard error. */
function stderrOf(label: string, { stderr }: CliIo): (line: string) => void {
  return (line) => {
    // Nothing is left to tell a failure to when standard error is gone.
    stderr.write(`[${label}] ${sanitizeLine(line, 2_000)}\n`).catch(() => undefined);
  };
}

/** Speaks to a server. What has been opened is closed again when that fails. */
export async function connectTarget(
  target: Target,
  { io, timeoutMs }: { readonly io: CliIo; readonly timeoutMs: number },
): Promise<ConnectedTarget> {
  const client = new Client({ name: "cvm-inspect", version: VERSION });
  const stop = () => void client.close();
  io.signal.addEventListener("abort", stop, { once: true });
  const close = async () => {
    io.signal.removeEventListener("abort", stop);
    await client.close();
    // The client closes its transport only once it is connected.
    await target.transport.close();
  };
  const started = performance.now();
  // What a local server fails with is told by `onerror` alone.
  let failure: Error | undefined;
  const silence = Promise.withResolvers<never>();
  silence.promise.catch(() => undefined); // told to who asks next, if anybody
  client.onerror = (error) => {
    if (error instanceof UpstreamError) failure ??= error;
    if (error instanceof SessionError && error.code === "SERVER_NOT_ANSWERING") {
      silence.reject(error);
    }
  };
  try {
    await client.connect(target.transport, {
      // Our own transport gives up first, and says why.
      timeout: timeoutMs + (target.nostr === undefined ? 0 : GRACE_MS),
      signal: io.signal,
    });
  } catch (error) {
    await close();
    throw failure ?? asCallError(asTimeout(error, "initialize", timeoutMs));
  }
  const seen = seenNamesOf(target, io);
  return {
    ...target,
    session: new McpSession({
      client,
      transport: target.nostr,
      io,
      timeoutMs,
      silence: silence.promise,
      seen,
    }),
    handshakeMs: performance.now() - started,
    [Symbol.asyncDispose]: async () => {
      await seen?.save();
      await close();
    },
  };
}

/** What remembers the names of a server on Nostr. */
function seenNamesOf({ route }: Target, { env }: CliIo): SeenNames | undefined {
  const cache = openNameCache(env);
  if (cache === undefined || route === undefined) return undefined;
  const { publicKey, name: calledAs } = route.server;
  return new SeenNames(cache, { publicKey, calledAs });
}

/** An answer that is no `initialize` result is the server's fault, and no accident of ours. */
function asCallError(error: unknown): unknown {
  if (!(error instanceof Error) || !("issues" in error) || !Array.isArray(error.issues)) {
    return error;
  }
  const wrong = error.issues.slice(0, 3).map(({ path, message }) =>
    `${path.join(".")}: ${message}`
  );
  const message = `the answer is not what MCP asks for (${wrong.join("; ")})`;
  return new CallError("initialize", { code: INVALID_ANSWER, message });
}
