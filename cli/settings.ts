/**
 * Where each option of a command gets its value: the command line, else the
 * environment, else a project's file, else the user's file, else its default.
 *
 * What was not typed is put on the command line as if it had been, so that one
 * parser reads and checks all of it.
 *
 * @module
 */
import { InputError } from "../errors.ts";
import type { Config } from "./config.ts";
import type { ConfigEntry, ConfigLayer } from "./config_file.ts";
import type { Environment } from "./io.ts";
import type { KnownCommand, KnownOption } from "./known_commands.ts";
import { SECRET_OF_FILE } from "./secret_variables.ts";
import {
  isSetting,
  keyOf,
  type SettingValue,
  sharedSettings,
  variableOf,
  wordsOf,
} from "./setting_names.ts";

/** Where a value comes from. */
export type SettingSource = "command line" | "environment" | ConfigLayer | "default";

/** An option of a command, with its value. */
export interface Setting {
  /** The option. */
  readonly option: KnownOption;
  /** Where the value comes from. */
  readonly source: SettingSource;
  /** The variable, or the place in a file: `FILE:LINE:COLUMN`. */
  readonly where?: string;
  /** What to show of the value; absent where the default holds. */
  readonly shown?: SettingValue;
  /** The words that would set it on the command line; empty for those that are there, and for defaults. */
  readonly words: readonly string[];
}

/** What {@linkcode resolveSettings} works from. */
export interface SettingSources {
  /** The command. */
  readonly command: KnownCommand;
  /** The command line. */
  readonly args: readonly string[];
  /** The environment. */
  readonly env: Environment;
  /** The configuration. */
  readonly config: Config;
}

/**
 * Finds the value of each option of a command.
 *
 * @returns One setting for each option, in the order of the options.
 * @throws {InputError} CONFIG_INVALID when a variable holds nothing that its flag can be.
 */
export function resolveSettings(sources: SettingSources): readonly Setting[] {
  const typed = typedOptions(sources.command, sources.args);
  const shared = sharedSettings();
  return sources.command.options.map((option) => {
    const given = typed.get(option.name);
    if (given !== undefined) {
      return { option, source: "command line", shown: given, words: [] };
    }
    const isShared = shared.has(keyOf(option));
    return (isSetting(option) ? fromEnvironment(option, isShared, sources) : undefined) ??
      (isSetting(option) ? fromFiles(option, isShared, sources) : undefined) ??
      { option, source: "default", words: [] };
  });
}

/**
 * The command line with all that was not typed.
 *
 * @param args The command line.
 * @param command The command.
 * @param settings What {@linkcode resolveSettings} found.
 */
export function withSettings(
  args: readonly string[],
  command: KnownCommand,
  settings: readonly Setting[],
): readonly string[] {
  const { length } = command.path;
  const words = settings.flatMap((setting) => setting.words);
  return [...args.slice(0, length), ...words, ...args.slice(length)];
}

/** The options that were typed, with their values. */
function typedOptions(
  { path, options }: KnownCommand,
  args: readonly string[],
): ReadonlyMap<string, SettingValue> {
  const typed = new Map<string, SettingValue>();
  const end = args.indexOf("--");
  const words = args.slice(path.length, end < 0 ? undefined : end);
  for (let index = 0; index < words.length; index++) {
    const [name = "", ...rest] = words[index]!.split("=");
    const option = options.find(({ names }) => names.includes(name));
    if (option === undefined) continue;
    if (option.metavar === undefined) {
      typed.set(option.name, name !== option.negative);
      continue;
    }
    const value = rest.length > 0 ? rest.join("=") : words[++index] ?? "";
    const before = typed.get(option.name);
    typed.set(
      option.name,
      option.isList ? [...(Array.isArray(before) ? before : []), value] : value,
    );
  }
  return typed;
}

function fromEnvironment(
  option: KnownOption,
  isShared: boolean,
  { command: { path: [command] }, env }: SettingSources,
): Setting | undefined {
  const names = [variableOf(option, command), ...(isShared ? [variableOf(option)] : [])];
  const where = names.find((name) => (env.get(name) ?? "") !== "");
  const secret = SECRET_OF_FILE.get(option.name);
  if (secret !== undefined && (env.get(secret) ?? "") !== "") {
    if (where === undefined) {
      return { option, source: "environment", where: secret, shown: "(secret)", words: [] };
    }
    throw new InputError(
      "CONFIG_INVALID",
      `${secret} and ${where} say the same; unset one of them`,
    );
  }
  if (where === undefined) return undefined;
  const value = valueOfVariable(env.get(where) ?? "", option, where);
  return { option, source: "environment", where, shown: value, words: wordsOf(option, value) };
}

function fromFiles(
  option: KnownOption,
  isShared: boolean,
  { command: { path: [command] }, config }: SettingSources,
): Setting | undefined {
  const keys = [`${command}.${keyOf(option)}`, ...(isShared ? [keyOf(option)] : [])];
  for (const { layer, settings } of config.files) {
    const entry = keys.map((key) => settings.get(key)).find((found) => found !== undefined);
    if (entry !== undefined) return fromEntry(option, entry, layer);
  }
  return undefined;
}

function fromEntry(
  option: KnownOption,
  { value, written, at }: ConfigEntry<SettingValue>,
  source: ConfigLayer,
): Setting {
  return { option, source, where: at, shown: written, words: wordsOf(option, value) };
}

function valueOfVariable(text: string, option: KnownOption, variable: string): SettingValue {
  if (option.metavar === undefined) {
    if (/^(1|true|yes|on)$/i.test(text)) return true;
    if (/^(0|false|no|off)$/i.test(text)) return false;
    throw new InputError(
      "CONFIG_INVALID",
      `${variable} must be true or false (or 1, 0, yes, no, on, off)`,
    );
  }
  return option.isList ? text.split(/[\s,]+/).filter((part) => part !== "") : text;
}
