/**
 * `cvm proxy --install`: enters the proxy in the configuration of an MCP host.
 *
 * @module
 */
import { applyEdits, modify } from "jsonc-parser";
import { basename, dirname, join, resolve } from "node:path";
import { InputError } from "../../../errors.ts";
import { loadConfig } from "../../config.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo, Environment } from "../../io.ts";
import { parseJson } from "../../json_document.ts";
import { Output } from "../../output.ts";
import { ownCommand } from "../../own_command.ts";
import { sanitizeText } from "../../sanitize.ts";
import { resolveServer } from "../../server_address.ts";
import type { HostName, ProxyArguments } from "./command.ts";

/** Where a host keeps its servers. */
interface HostConfig {
  /** The file, on this system. */
  readonly file: (env: Environment) => string;
  /** The field of the file. */
  readonly field: "mcpServers" | "servers";
  /** What each entry says beside the command. */
  readonly more: Readonly<Record<string, string>>;
}

/** What is said of each host, and where it keeps its servers. */
const HOSTS: Readonly<Record<HostName, HostConfig>> = {
  claude: {
    file: (env) => join(dataFolder(env), "Claude", "claude_desktop_config.json"),
    field: "mcpServers",
    more: {},
  },
  // That of the project: the user's holds much else, and the host writes it while it runs.
  "claude-code": { file: () => ".mcp.json", field: "mcpServers", more: { type: "stdio" } },
  cursor: { file: (env) => join(home(env), ".cursor", "mcp.json"), field: "mcpServers", more: {} },
  gemini: {
    file: (env) => join(home(env), ".gemini", "settings.json"),
    field: "mcpServers",
    more: {},
  },
  vscode: {
    file: (env) => join(dataFolder(env), "Code", "User", "mcp.json"),
    field: "servers",
    more: { type: "stdio" },
  },
  windsurf: {
    file: (env) => join(home(env), ".codeium", "windsurf", "mcp_config.json"),
    field: "mcpServers",
    more: {},
  },
};

/** A larger file is nobody's configuration, bytes. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Enters the proxy. Comments and everything else in the file stay as they are,
 * and the file before the change is kept beside it. A file that is no JSON is
 * left alone.
 *
 * @throws {InputError} CONFIG_INVALID when the file can't be used, or a server is no server.
 * @throws {UsageError} When the host has another entry of that name.
 */
export async function installProxy(
  args: ProxyArguments,
  host: HostName,
  io: CliIo,
): Promise<void> {
  const output = new Output(io, args.format);
  const config = await loadConfig(io);
  const servers: string[] = [];
  for (const server of args.servers) {
    const [, prefix, text = server] = /^([\w-]+)=(.+)$/.exec(server) ?? [];
    await resolveServer(text, { config, fetch: io.fetch, signal: io.signal });
    // The host may start it where a project's aliases are not known.
    const address = config.aliases.get(text) ?? text;
    const name = prefix ?? (args.servers.length > 1 && address !== text ? text : undefined);
    servers.push(name === undefined ? address : `${name}=${address}`);
  }
  const name = args.name ?? nameOf(args.servers);
  const { file: usual, field, more } = HOSTS[host];
  const file = args.installFile ?? usual(io.env);
  const before = await readIfThere(file);
  const entry = { ...more, ...ownCommand(proxyArguments({ ...args, servers })) };
  const after = withEntry(before ?? "{}\n", { file, path: [field, name], entry });
  const shown = { host, file, name, entry };
  if (args.dryRun) {
    await output.result(
      { ...shown, written: false },
      () =>
        `would enter "${name}" in ${file}:\n${
          sanitizeText(JSON.stringify({ [field]: { [name]: entry } }, null, 2))
        }`,
    );
    return;
  }
  const backup = before === undefined || before === after ? undefined : await keep(file, before);
  if (before !== after) await replace(file, after);
  await output.result(
    { ...shown, written: before !== after, backup },
    () =>
      before === after ? `"${name}" stands in ${file} already` : [
        `entered "${name}" in ${file}; restart the host`,
        ...(backup === undefined ? [] : [`the file before is ${backup}`]),
      ].join("\n"),
  );
}

/** What is said to `cvm` when the host starts it: what was said here, but for the entering. */
function proxyArguments(args: ProxyArguments): string[] {
  const given = (option: string, value: string | undefined, usual?: string) =>
    value === undefined || value === usual ? [] : [option, value];
  // The host starts it in another folder.
  const path = (option: string, file: string | undefined) =>
    file === undefined ? [] : [option, resolve(file)];
  const seconds = (milliseconds: number) => String(milliseconds / 1000);
  return [
    "proxy",
    ...args.servers,
    ...args.relay.flatMap((url) => ["--relay", url]),
    ...args.tool.flatMap((tool) => ["--tool", tool]),
    ...args.denyTool.flatMap((tool) => ["--deny-tool", tool]),
    ...(args.quiet ? ["--quiet"] : []),
    ...(args.stateless ? ["--stateless"] : []),
    ...path("--config", args.config),
    ...path("--key-file", args.keyFile),
    ...path("--password-file", args.passwordFile),
    ...given("--encryption", args.encryption, "optional"),
    ...given("--gift-wrap", args.giftWrap, "optional"),
    ...given("--timeout", seconds(args.timeoutMs), "15"),
    ...given("--connect-timeout", seconds(args.connectTimeoutMs), "5"),
    ...given("--log-level", args.logLevel, "warning"),
  ];
}

function nameOf(servers: readonly string[]): string {
  const [first = "", ...others] = servers;
  const named = /^([\w-]+)=/.exec(first)?.[1] ?? (/^[\w.-]{1,32}$/.test(first) ? first : undefined);
  return others.length > 0 || named === undefined ? "contextvm" : named;
}

function home(env: Environment): string {
  const folder = env.get("HOME") ?? env.get("USERPROFILE");
  if (folder !== undefined) return folder;
  throw new InputError(
    "CONFIG_INVALID",
    "HOME is not set, so the host's files can't be found; --install-file names one",
  );
}

/** Where programs of this system keep what belongs to a user. */
function dataFolder(env: Environment): string {
  switch (Deno.build.os) {
    case "darwin":
      return join(home(env), "Library", "Application Support");
    case "windows":
      return env.get("APPDATA") ?? join(home(env), "AppData", "Roaming");
    default:
      return env.get("XDG_CONFIG_HOME") ?? join(home(env), ".config");
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    if ((await Deno.stat(file)).size > MAX_BYTES) {
      throw new InputError("CONFIG_INVALID", `${file} is larger than ${MAX_BYTES} bytes`);
    }
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error instanceof InputError ? error : fileError(file, "read", error);
  }
}

/** The text with the entry in it; an equal entry changes nothing. */
function withEntry(
  text: string,
  { file, path: [field, name], entry }: {
    readonly file: string;
    readonly path: readonly [string, string];
    readonly entry: unknown;
  },
): string {
  const source = text.trim() === "" ? "{}\n" : text;
  // A file that is broken is told of, and not touched.
  const there = parseJson(source, file).fields().get(field)?.fields().get(name);
  if (there !== undefined) {
    if (JSON.stringify(there.plain()) === JSON.stringify(entry)) return text;
    throw new UsageError(
      `${file} has another server "${name}"; choose a --name, or take that one out first`,
    );
  }
  const tabs = /^\t/m.test(source);
  const formattingOptions = { insertSpaces: !tabs, tabSize: tabs ? 1 : 2, eol: "\n" };
  return applyEdits(source, modify(source, [field, name], entry, { formattingOptions }));
}

/** Keeps what was there under a name of its own. */
async function keep(file: string, text: string): Promise<string> {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const backup = join(dirname(file), `${basename(file)}.${stamp}.bak`);
  try {
    await Deno.writeTextFile(backup, text, { createNew: true, mode: 0o600 });
    return backup;
  } catch (error) {
    throw fileError(backup, "written", error);
  }
}

/** Writes the file in one step: who reads it meanwhile sees the old one or the new one. */
async function replace(file: string, text: string): Promise<void> {
  try {
    await Deno.mkdir(dirname(file), { recursive: true });
    // Of a link, the file behind it is replaced, and stays where it is.
    const real = await Deno.realPath(file).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return file;
      throw error;
    });
    const draft = `${real}.${crypto.randomUUID()}`;
    await Deno.writeTextFile(draft, text, { createNew: true, mode: 0o600 });
    await Deno.rename(draft, real);
  } catch (error) {
    throw fileError(file, "written", error);
  }
}

function fileError(file: string, what: string, cause: unknown): InputError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new InputError("CONFIG_INVALID", `the file ${file} can't be ${what}: ${reason}`, {
    cause,
  });
}
