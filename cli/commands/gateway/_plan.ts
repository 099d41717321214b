/**
 * What a gateway is to run: from the command line, or from a file of servers.
 *
 * @module
 */
import { parsePublicKey } from "../../../crypto/keys.ts";
import { CvmError } from "../../../errors.ts";
import type { OpenUpstream } from "../../../transport/gateway.ts";
import type { ToolFilterOptions } from "../../../transport/tool_filter.ts";
import type { ServerInfo } from "../../../transport/wire/server_info.ts";
import { readBearer } from "../../bearer.ts";
import { childEnvironment } from "../../child_environment.ts";
import { ChildProcessTransport } from "../../child_process.ts";
import { UsageError } from "../../exit_codes.ts";
import { expand } from "../../expand.ts";
import { HttpUpstream } from "../../http_upstream.ts";
import { didYouMean } from "../../did_you_mean.ts";
import type { CliIo, Environment } from "../../io.ts";
import { loadOrCreateKey, type StoredKey } from "../../key_store.ts";
import { entryKeyFile, gatewayKeyFile, slugOf } from "../../paths.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { KEY_VARIABLE } from "../../secret_variables.ts";
import { isHeader, readServersFile, type ServerEntry } from "../../servers_file.ts";
import type { GatewayArguments } from "./command.ts";
import type { Journal } from "./_journal.ts";

/** One server that is to be put on Nostr. */
export interface GatewayPlan {
  /** A short name for it, in messages and in an MCP host's configuration. */
  readonly label: string;
  /** Opens the MCP server. */
  readonly open: OpenUpstream;
  /** Its key. */
  readonly key: StoredKey;
  /** What it says of itself. */
  readonly info: ServerInfo;
  /** Who may use it, hex, beside those of the allowlist file; `undefined` when it names nobody. */
  readonly allow: readonly string[] | undefined;
  /** Which of its tools are offered; `undefined` for all. */
  readonly tools: ToolFilterOptions | undefined;
  /** Whether it is announced. */
  readonly announce: boolean;
  /** Whether each client gets a server of its own. */
  readonly perClient: boolean;
}

/** Options that describe one server, and have their place in the file when there is one. */
const OF_ONE_SERVER = {
  name: "--name",
  about: "--about",
  website: "--website",
  picture: "--picture",
  profile: "--profile",
  cwd: "--cwd",
  env: "--env",
  envFile: "--env-file",
  header: "--header",
  bearerFile: "--bearer-file",
  keyFile: "--key-file",
  commonSchema: "--common-schema",
  category: "--category",
} as const satisfies Partial<Record<keyof GatewayArguments, string>>;

/**
 * Makes the plans.
 *
 * @throws {UsageError} When options do not fit together.
 * @throws {InputError} When a file, a key or a server can't be used.
 */
export async function planGateways(
  args: GatewayArguments,
  io: CliIo,
  journal: Journal,
): Promise<readonly GatewayPlan[]> {
  for (const key of args.allow) parseAllowed(key);
  return args.servers === undefined
    ? [await planOne(args, io, journal)]
    : await planFile(args, { file: args.servers, io, journal });
}

async function planOne(
  args: GatewayArguments,
  io: CliIo,
  journal: Journal,
): Promise<GatewayPlan> {
  const hasKey = args.keyFile !== undefined || (io.env.get(KEY_VARIABLE) ?? "") !== "";
  if (args.target.length === 0 && !(args.deleteAnnouncement && hasKey)) {
    throw new UsageError(
      "say after -- which command starts the MCP server, or give its http(s) URL, or a file with --servers",
    );
  }
  const { name, about, website, picture, announce, perClient } = args;
  const { passwordFile, connectTimeoutMs } = args;
  const label = slugOf(args.target);
  const open = await openTarget(args, { label, io, journal });
  const defaultFile = () => gatewayKeyFile(args.target, io.env);
  return {
    label,
    open,
    key: await loadOrCreateKey({
      file: args.keyFile,
      defaultFile,
      io,
      passwordFile,
      connectTimeoutMs,
    }),
    info: { name, about, website, picture },
    allow: args.allow.length > 0 ? args.allow.map(parseAllowed) : undefined,
    tools: toolsOf(args),
    announce,
    perClient,
  };
}

async function planFile(
  args: GatewayArguments,
  { file, io, journal }: { readonly file: string; readonly io: CliIo; readonly journal: Journal },
): Promise<readonly GatewayPlan[]> {
  for (const [key, option] of Object.entries(OF_ONE_SERVER)) {
    const value = args[key as keyof typeof OF_ONE_SERVER];
    if (value === undefined || value.length === 0) continue;
    throw new UsageError(`${option} is about one server; with --servers it stands in the file`);
  }
  const { entries, problems, disabled } = await readServersFile(file, io.env);
  const names = [...entries, ...problems].map(({ name }) => name).concat(disabled);
  for (const wanted of args.target) {
    if (names.includes(wanted)) continue;
    throw new UsageError(
      `${file} has no server "${sanitizeLine(wanted, 80)}"${didYouMean(wanted, names)}`,
    );
  }
  const isWanted = (name: string) => args.target.length === 0 || args.target.includes(name);
  const bad: { name: string; error: Error }[] = problems.filter(({ name }) => isWanted(name));
  const plans: GatewayPlan[] = [];
  for (const entry of entries.filter(({ name }) => isWanted(name))) {
    try {
      const plan = await planEntry(entry, args, { file, io, journal });
      const twin = plans.find(({ key }) => key.signer.pubkey === plan.key.signer.pubkey);
      if (twin !== undefined) {
        throw new UsageError(`its key is that of "${twin.label}": one key is one server`);
      }
      plans.push(plan);
    } catch (error) {
      if (!(error instanceof CvmError || error instanceof UsageError)) throw error;
      bad.push({ name: entry.name, error });
    }
  }
  if (plans.length === 0) {
    throw bad[0]?.error ?? new UsageError(`${file} has no server that is to be run`);
  }
  for (const { name, error } of bad) {
    journal.warn(`${error.message}; this server is left out`, { server: name });
  }
  return plans;
}

async function planEntry(
  { name, target, settings }: ServerEntry,
  args: GatewayArguments,
  { file, io, journal }: { readonly file: string; readonly io: CliIo; readonly journal: Journal },
): Promise<GatewayPlan> {
  const { keyFile, about, website, picture } = settings;
  const allow = [...args.allow.map(parseAllowed), ...settings.allow ?? []];
  const label = sanitizeLine(name, 64);
  const open = "url" in target
    ? () => new HttpUpstream({ url: target.url, headers: target.headers, fetch: io.fetch })
    : openProcess({ ...target, label, journal }, {
      ...await childEnvironment({
        env: io.env,
        clean: args.cleanEnv,
        files: target.envFiles,
        assignments: [],
      }),
      ...target.env,
    });
  return {
    label,
    open,
    // CVM_PRIVATE_KEY is one key, and there may be many servers.
    key: await loadOrCreateKey({
      file: keyFile,
      defaultFile: () => entryKeyFile({ file, name }, io.env),
      io: { ...io, env: withoutKey(io.env) },
      passwordFile: args.passwordFile,
      connectTimeoutMs: args.connectTimeoutMs,
    }),
    info: { name: settings.name ?? name, about, website, picture },
    allow: args.allow.length > 0 || settings.allow !== undefined ? allow : undefined,
    tools: toolsOf({
      tool: settings.tools ?? args.tool,
      denyTool: [...args.denyTool, ...settings.denyTools],
      isClosed: settings.tools !== undefined,
    }),
    announce: settings.announce ?? args.announce,
    perClient: settings.perClient ?? args.perClient,
  };
}

function withoutKey(env: Environment): Environment {
  return { ...env, get: (name) => name === KEY_VARIABLE ? undefined : env.get(name) };
}

function toolsOf(
  { tool, denyTool, isClosed = tool.length > 0 }: {
    readonly tool: readonly string[];
    readonly denyTool: readonly string[];
    readonly isClosed?: boolean;
  },
): ToolFilterOptions | undefined {
  if (!isClosed && denyTool.length === 0) return undefined;
  return { ...(isClosed ? { allow: tool } : {}), deny: denyTool };
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

/** How the MCP server of the command line is opened: a URL, or a process. */
async function openTarget(
  args: GatewayArguments,
  { label, io, journal }: {
    readonly label: string;
    readonly io: CliIo;
    readonly journal: Journal;
  },
): Promise<OpenUpstream> {
  const [command = "", ...rest] = args.target;
  if (/^https?:\/\//i.test(command)) {
    if (rest.length > 0) {
      throw new UsageError(`after the URL ${command} nothing may follow, but "${rest[0]}" does`);
    }
    const url = URL.parse(command);
    if (url === null) throw new UsageError(`${command} is not a URL`);
    const headers = parseHeaders(args.header, io);
    const bearer = await readBearer({
      file: args.bearerFile,
      variable: "CVM_UPSTREAM_BEARER",
      env: io.env,
    });
    return () => new HttpUpstream({ url, headers, bearer, fetch: io.fetch });
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(command)) {
    throw new UsageError(`${command}: the URL of an MCP server begins with http:// or https://`);
  }
  if (args.header.length > 0 || args.bearerFile !== undefined) {
    throw new UsageError("--header and --bearer-file are for a server at a URL");
  }
  const env = await childEnvironment({
    env: io.env,
    clean: args.cleanEnv,
    files: args.envFile,
    assignments: args.env,
  });
  return openProcess({ command, args: rest, cwd: args.cwd, label, journal }, env);
}

function openProcess(
  { command, args, cwd, label, journal }: {
    readonly command: string;
    readonly args: readonly string[];
    readonly cwd?: string;
    readonly label: string;
    readonly journal: Journal;
  },
  env: Readonly<Record<string, string>>,
): OpenUpstream {
  const onStderr = (line: string) => journal.ofChild(label, line);
  return () => new ChildProcessTransport({ command, args, env, cwd, onStderr });
}

function parseHeaders(headers: readonly string[], io: CliIo): Record<string, string> {
  const parsed: Record<string, string> = {};
  for (const header of headers) {
    const at = header.indexOf("=");
    const name = header.slice(0, at);
    // What stands there may be a secret: it is not repeated.
    if (at < 1) throw new UsageError("--header wants NAME=VALUE");
    const value = header.slice(at + 1);
    if (/^(authorization|cookie)$/i.test(name) && !value.includes("${")) {
      throw new UsageError(
        `--header ${name}: secrets are not taken from the command line; write \${NAME} of a variable, or use --bearer-file`,
      );
    }
    try {
      parsed[name] = expand(value, io.env);
    } catch (error) {
      if (error instanceof RangeError) throw new UsageError(`--header ${name} ${error.message}`);
      throw error;
    }
    if (!isHeader(name, parsed[name])) throw new UsageError("--header: this is no HTTP header");
  }
  return parsed;
}
