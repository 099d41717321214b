/**
 * The configuration: what the environment, a project's file and the user's file
 * say, in this order.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../errors.ts";
import { normalizeRelayUrl } from "../transport/relay/url.ts";
import { type ConfigFile, type ConfigFileOptions, readConfigFile } from "./config_file.ts";
import type { CliIo } from "./io.ts";
import { configFile, PROJECT_FILE } from "./paths.ts";

/** The variable that names a configuration file. */
export const CONFIG_VARIABLE = "CVM_CONFIG";
/** The variable of the relays to use where nothing names better ones. */
export const RELAYS_VARIABLE = "CVM_RELAYS";

/** What all configuration says together. */
export interface Config {
  /** The user's file, or the one that was named, for messages; absent when there is no folder for one. */
  readonly file: string | undefined;
  /** Addresses of servers, by alias. */
  readonly aliases: ReadonlyMap<string, string>;
  /** The relays to use when the command line names none; `undefined` when nothing names any. */
  readonly relays: readonly string[] | undefined;
  /** Where `relays` come from, for people. */
  readonly relaysFrom: string;
  /** The files, the one that comes first in front. */
  readonly files: readonly ConfigFile[];
}

/** Where configuration comes from. */
export type ConfigSources = Pick<CliIo, "env" | "cwd" | "configFile">;

/**
 * Reads the configuration: the file that `--config` or `CVM_CONFIG` names, else `cvm.json` in the
 * working directory and the user's file. Missing files say nothing, unless they were named.
 *
 * @throws {InputError} CONFIG_INVALID when a file or `CVM_RELAYS` can't be used.
 */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const files: ConfigFile[] = [];
  for (const file of configFiles(sources)) files.push(await readConfigFile(file));
  const aliases = new Map<string, string>();
  for (const file of files.toReversed()) {
    for (const [name, { value }] of file.aliases) aliases.set(name, value);
  }
  const fromVariable = relaysOfVariable(sources);
  const fromFile = files.find(({ relays }) => relays !== undefined)?.relays;
  return {
    file: files.findLast(({ layer }) => layer !== "project file")?.file,
    aliases,
    relays: fromVariable ?? fromFile?.value,
    relaysFrom: fromVariable ? RELAYS_VARIABLE : fromFile?.at ?? "",
    files,
  };
}

/** The files that are read, the one that comes first in front. */
export function configFiles(sources: ConfigSources): readonly ConfigFileOptions[] {
  const { env, cwd = Deno.cwd() } = sources;
  const named = sources.configFile ?? (env.get(CONFIG_VARIABLE) || undefined);
  if (named !== undefined) return [{ file: named, layer: "named file", env }];
  const user = configFile(env);
  return [
    { file: join(cwd, PROJECT_FILE), layer: "project file", env },
    ...(user === undefined ? [] : [{ file: user, layer: "user file", env } as const]),
  ];
}

function relaysOfVariable({ env }: ConfigSources): readonly string[] | undefined {
  const urls = (env.get(RELAYS_VARIABLE) ?? "").split(/[\s,]+/).filter((url) => url !== "");
  if (urls.length === 0) return undefined;
  return urls.map((url) => {
    try {
      return normalizeRelayUrl(url);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new InputError("CONFIG_INVALID", `${RELAYS_VARIABLE}: ${reason}`, { cause });
    }
  });
}
