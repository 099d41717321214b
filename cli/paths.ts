/**
 * Where `cvm` keeps its files.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../errors.ts";
import type { Environment } from "./io.ts";

/** The variable with which nothing is kept for completions: `off`. */
const CACHE_VARIABLE = "CVM_COMPLETE_CACHE";

/**
 * The folder of the configuration, the keys and what gateways have run:
 * `$XDG_CONFIG_HOME/cvm`, else `~/.config/cvm`, on Windows `%APPDATA%\cvm`.
 *
 * @throws {InputError} CONFIG_INVALID when the environment does not say where home is.
 */
export function configFolder(env: Environment): string {
  const folder = findFolder(env);
  if (folder !== undefined) return folder;
  throw new InputError(
    "CONFIG_INVALID",
    "neither XDG_CONFIG_HOME nor HOME is set, so there is no folder for keys and configuration; set one of them, or name a file with --key-file",
  );
}

function findFolder(env: Environment): string | undefined {
  const configured = env.get("XDG_CONFIG_HOME");
  if (configured) return join(configured, "cvm");
  const applicationData = env.get("APPDATA");
  if (Deno.build.os === "windows" && applicationData) return join(applicationData, "cvm");
  const home = env.get("HOME");
  return home ? join(home, ".config", "cvm") : undefined;
}

/** The user's configuration file; `undefined` when the environment does not say where it would be. */
export function configFile(env: Environment): string | undefined {
  const folder = findFolder(env);
  return folder === undefined ? undefined : join(folder, "config.json");
}

/**
 * The file in which a gateway keeps what it has run; `undefined` when the
 * environment does not say where it would be.
 *
 * @param publicKey The gateway's key, hex.
 * @param env The environment.
 */
export function replayFile(publicKey: string, env: Environment): string | undefined {
  const folder = findFolder(env);
  return folder === undefined ? undefined : join(folder, "replay", `${publicKey}.db`);
}

/**
 * The file of what servers have been seen to offer, for completions: in `$XDG_CACHE_HOME/cvm`, else
 * `~/.cache/cvm`, on Windows `%LOCALAPPDATA%\\cvm`; `undefined` when the environment does not say
 * where that would be, or that there is to be none.
 */
export function namesFile(env: Environment): string | undefined {
  if (/^(off|no|false|0)$/i.test(env.get(CACHE_VARIABLE) ?? "")) return undefined;
  const cache = env.get("XDG_CACHE_HOME");
  if (cache) return join(cache, "cvm", "names.json");
  const local = env.get("LOCALAPPDATA");
  if (Deno.build.os === "windows" && local) return join(local, "cvm", "names.json");
  const home = env.get("HOME");
  return home ? join(home, ".cache", "cvm", "names.json") : undefined;
}

/** The configuration file of a project, in its folder. */
export const PROJECT_FILE = "cvm.json";

/** The file of the key with which `cvm` visits servers. */
export function clientKeyFile(env: Environment): string {
  return join(configFolder(env), "keys", "client.key");
}

/**
 * The file of a gateway's key: one for each MCP server, told apart by its
 * command line or URL, so that each has an identity of its own and keeps it.
 *
 * @param target The command and its arguments, or the URL.
 * @param env The environment.
 */
export async function gatewayKeyFile(target: readonly string[], env: Environment): Promise<string> {
  return await keyFile("gateway", { slug: slugOf(target), identity: target, env });
}

/**
 * The file of the key of a server in a file of servers: told apart by that
 * file and its name there, so that it keeps its identity when its command line
 * changes.
 *
 * @param entry The file of servers, and the server's name there.
 * @param env The environment.
 */
export async function entryKeyFile(
  { file, name }: { readonly file: string; readonly name: string },
  env: Environment,
): Promise<string> {
  const identity = [await Deno.realPath(file), name];
  return await keyFile("server", { slug: slugOf([name]), identity, env });
}

/**
 * The file of the key of all servers of a file that are one server to clients.
 *
 * @param file The file of servers.
 * @param env The environment.
 */
export async function serversKeyFile(file: string, env: Environment): Promise<string> {
  const path = await Deno.realPath(file);
  return await keyFile("servers", { slug: nameOfServersFile(path), identity: [path], env });
}

/** What a file of servers is called, without its ending. */
export function nameOfServersFile(file: string): string {
  return slugOf([file.replace(/\.jsonc?$/i, "")]);
}

async function keyFile(
  kind: string,
  { slug, identity, env }: {
    readonly slug: string;
    readonly identity: readonly string[];
    readonly env: Environment;
  },
): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(identity));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const tag = [...digest.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return join(configFolder(env), "keys", `${kind}-${slug}-${tag}.key`);
}

/** A short name for an MCP server, for file names and the entry in a host's configuration. */
export function slugOf(target: readonly string[]): string {
  const [first = "server"] = target;
  const words = /^https?:\/\//.test(first) ? [new URL(first).hostname] : target;
  // Of `npx -y @scope/server-name /data`, the package is what tells servers apart.
  const launchers = /^(npx|bunx|uvx|pnpm|dlx|exec|run|deno|node|bun|python3?|sh|bash)$/;
  // A script of `sh -c` and an assignment are no names, and may hold a secret.
  const names = words.filter((word) => !word.startsWith("-") && !/[\s=]/.test(word))
    .map((word) => word.replace(/@[\d.]+$/, "").split(/[\\/:]/).pop() ?? "")
    .map((word) => word.replace(/\.(js|mjs|cjs|ts|mts|py|sh|exe)$/, ""))
    .map((word) => word.toLowerCase().replace(/[^a-z0-9.]+/g, "-").replace(/^[-.]+|[-.]+$/g, ""));
  const telling = names.find((name) => name !== "" && !launchers.test(name)) ?? names[0];
  return (telling || "server").slice(0, 40);
}
