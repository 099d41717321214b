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
import { prepareRoute, type ServerRoute } from "../../connection.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import type { NetworkArguments, ServerArguments } from "../../options.ts";
import type { Output } from "../../output.ts";
import { openNameCache } from "../../name_cache.ts";
import { SeenNames } from "../../seen_names.ts";
import { VERSION } from "../../version.ts";
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
  const { stdio, http, servers, header = [], env, cwd, childCommand } = args;
  if (stdio && http !== undefined) throw new UsageError("--stdio and --http exclude each other");
  if (servers !== undefined && (stdio || http !== undefined)) {
    throw new UsageError("--servers names a server already, without --stdio and --http");
  }
  if (!stdio && (env.length > 0 || cwd !== undefined)) {
    throw new UsageError(
      servers === undefined
        ? "--env and --cwd are for the process that --stdio starts"
        : "--env and --cwd are about one server; with --servers they stand in the file",
    );
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
  if (args.servers !== undefined || args.http !== undefined || args.stdio) {
    // What is on Nostr needs nothing of it.
    const { prepareNamed } = await import("./local_target.ts");
    return await prepareNamed(args, server, io);
  }
  // Who mistypes a key learns it within the connect timeout; a relay that takes nothing is blamed first.
  const publishTimeoutMs = Math.min(args.timeoutMs, args.connectTimeoutMs);
  const handshakeTimeoutMs = publishTimeoutMs + 250;
  const waits = { handshakeTimeoutMs, publishTimeoutMs, bunkerTimeoutMs: args.timeoutMs };
  const route = await prepareRoute({ ...args, server: server ?? "" }, io, waits);
  const nostr = route.open();
  return { label: server ?? "", transport: nostr, nostr, route };
}

/** Says what the user should know about the key that visits the server. */
export async function warnOfKey({ route }: Target, output: Output): Promise<void> {
  if (route?.key.warning !== undefined) await output.warn(route.key.warning);
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
