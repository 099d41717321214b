/**
 * `cvm gateway`: puts an MCP server on Nostr until it is stopped.
 *
 * @module
 */
import type { CryptoEngine } from "../../../crypto/engine.ts";
import { formatNprofile, formatNpub, parsePublicKey } from "../../../crypto/keys.ts";
import { McpGateway } from "../../../transport/gateway.ts";
import type { Transport } from "../../../transport/types.ts";
import { childEnvironment } from "../../child_environment.ts";
import { ChildProcessTransport } from "../../child_process.ts";
import { loadConfig } from "../../config.ts";
import { poolOptions } from "../../connection.ts";
import { chooseEngine } from "../../crypto/choose_engine.ts";
import { DEFAULT_RELAYS } from "../../default_relays.ts";
import { UsageError } from "../../exit_codes.ts";
import { HttpUpstream } from "../../http_upstream.ts";
import { type CliIo, untilAborted } from "../../io.ts";
import { loadOrCreateKey, type StoredKey } from "../../key_store.ts";
import { Output } from "../../output.ts";
import { gatewayKeyFile, slugOf } from "../../paths.ts";
import { sanitizeLine } from "../../sanitize.ts";
import type { GatewayArguments } from "./command.ts";

/** Runs the gateway until it is stopped. */
export async function runGateway(args: GatewayArguments, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  const allowed = args.allow.map(parseAllowed);
  const upstream = await prepareUpstream(args, io);
  const config = await loadConfig(io.env);
  using chosen = await chooseEngine(io.env);
  const { engine } = chosen;
  const key = await loadOrCreateKey({
    file: args.keyFile,
    defaultFile: await gatewayKeyFile(args.target, io.env),
    env: io.env,
    engine,
  });
  if (key.warning !== undefined) await output.note(`cvm: ${key.warning}`);
  const { name, about, website, picture, encryption, giftWrap, perClient } = args;
  await using gateway = new McpGateway({
    signer: key.signer,
    relays: args.relay.length > 0 ? args.relay : config.relays ?? DEFAULT_RELAYS,
    pool: poolOptions(args),
    engine,
    upstream,
    perClient,
    encryption,
    giftWrap,
    info: { name, about, website, picture },
    access: allowed.length > 0 ? { allow: allowed } : {},
    announce: args.announce && { relayList: args.relayList ?? true },
    signal: io.signal,
  });
  await gateway.start();
  await report(gateway, { key, engine, args, output });
  const watching = watch(gateway, output);
  await untilAborted(io.signal);
  await gateway.close();
  await watching;
  io.signal.throwIfAborted();
}

/** A key of the allowlist, checked before anything is started. */
function parseAllowed(text: string): string {
  try {
    return parsePublicKey(text);
  } catch (cause) {
    // A private key that was put there by mistake must not be repeated.
    const shown = /^\s*nsec/i.test(text) ? "nsec…" : sanitizeLine(text, 80);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`--allow ${shown}: ${reason}`, { cause });
  }
}

/** How the MCP server behind is opened: a URL, or a process. */
async function prepareUpstream(
  args: GatewayArguments,
  io: CliIo,
): Promise<() => Transport> {
  const [command = "", ...rest] = args.target;
  if (/^https?:\/\//i.test(command)) {
    if (rest.length > 0) {
      throw new UsageError(`after the URL ${command} nothing may follow, but "${rest[0]}" does`);
    }
    const url = URL.parse(command);
    if (url === null) throw new UsageError(`${command} is not a URL`);
    return () =>
      new HttpUpstream({ url, bearer: io.env.get("CVM_UPSTREAM_BEARER"), fetch: io.fetch });
  }
  const env = await childEnvironment({
    env: io.env,
    clean: args.cleanEnv,
    files: args.envFile,
    assignments: args.env,
  });
  const prefix = slugOf(args.target);
  return () =>
    new ChildProcessTransport({
      command,
      args: rest,
      env,
      cwd: args.cwd,
      onStderr: (line) => {
        // Nothing is left to tell a failure to when standard error is gone.
        io.stderr.write(`[${prefix}] ${sanitizeLine(line, 2_000)}\n`).catch(() => undefined);
      },
    });
}

/** Tells where the server is, and what a host has to know to use it. */
async function report(
  gateway: McpGateway,
  { key, engine, args, output }: {
    readonly key: StoredKey;
    readonly engine: CryptoEngine;
    readonly args: GatewayArguments;
    readonly output: Output;
  },
): Promise<void> {
  const npub = formatNpub(gateway.publicKey);
  const nprofile = formatNprofile(gateway.publicKey, gateway.pool.urls);
  const entry = {
    mcpServers: { [slugOf(args.target)]: { command: "cvm", args: ["proxy", nprofile] } },
  };
  const { announcement } = gateway;
  if (args.format !== "text") {
    return await output.note(JSON.stringify({
      npub,
      nprofile,
      publicKey: gateway.publicKey,
      relays: gateway.pool.urls,
      keyFile: key.source,
      engine: engine.name,
      announced: announcement?.published.map(({ kind }) => kind) ?? [],
      ...entry,
    }));
  }
  await output.note([
    `cvm: the server is on Nostr`,
    `  npub      ${npub}`,
    `  nprofile  ${nprofile}`,
    `  relays    ${gateway.pool.urls.join(" ")}`,
    `  key       ${key.source}${key.created ? " (new)" : ""}`,
    ...(announcement
      ? [`  announced kinds ${announcement.published.map(({ kind }) => kind).join(", ")}`]
      : []),
    ...(announcement?.failures ?? []).map(({ url, reason }) =>
      `  not announced on ${url}: ${sanitizeLine(reason)}`
    ),
    `Entry for an MCP host:`,
    JSON.stringify(entry, null, 2),
  ].join("\n"));
}

/** Tells when the MCP server goes down and comes back. */
async function watch(gateway: McpGateway, output: Output): Promise<void> {
  let last = "up";
  for await (const { state, reason } of gateway.status()) {
    if (state === last || state === "closed") continue;
    last = state;
    await output.note(
      state === "down"
        ? `cvm: ${sanitizeLine(reason ?? "the MCP server is down")}; it will be started again`
        : "cvm: the MCP server is up",
    );
  }
}
