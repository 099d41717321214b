/**
 * Shows the configuration, and where each value comes from.
 *
 * @module
 */
import { formatMessage } from "@optique/core/message";
import { getDocPage } from "@optique/core/parser";
import { cvmCommand } from "./commands.ts";
import type { Config } from "./config.ts";
import { DEFAULT_RELAYS } from "./default_relays.ts";
import type { Environment } from "./io.ts";
import { knownCommands, type KnownOption } from "./known_commands.ts";
import type { Output } from "./output.ts";
import { sanitizeLine } from "./sanitize.ts";
import { SECRET_VARIABLES } from "./secret_variables.ts";
import { isSetting, keyOf, type SettingValue } from "./setting_names.ts";
import type { Setting, SettingSource } from "./settings.ts";

/** One line of what is shown. */
interface Row {
  /** The name in a configuration file, or of a variable. */
  readonly name: string;
  /** The value; `null` when there is none. */
  readonly value: SettingValue | null;
  /** Where it comes from. */
  readonly source: SettingSource;
  /** The variable, or the place in a file. */
  readonly where: string | null;
}

/** What is shown. */
export interface PrintedConfig {
  /** The words of the command whose settings are shown; none for those that commands share. */
  readonly path: readonly string[];
  /** Its settings. */
  readonly settings: readonly Setting[];
  /** The configuration. */
  readonly config: Config;
  /** The environment. */
  readonly env: Environment;
}

/** Prints each setting with its value and where that comes from; secrets only as being there. */
export async function printConfig(printed: PrintedConfig, output: Output): Promise<void> {
  const rows = [...rowsOfSettings(printed), ...rowsOfConfig(printed)];
  await output.list(rows, () => {
    const names = Math.max(...rows.map(({ name }) => name.length));
    const values = rows.map(({ value }) => describe(value));
    const width = Math.min(40, Math.max(...values.map((value) => value.length)));
    return rows.map(({ name, source, where }, index) => {
      const from = where === null ? source : `${source} (${sanitizeLine(where)})`;
      return `${name.padEnd(names)}  ${(values[index] ?? "").padEnd(width)}  ${from}`;
    }).join("\n");
  });
}

function rowsOfSettings({ path, settings }: PrintedConfig): readonly Row[] {
  const defaults = defaultsOf(path);
  return settings
    .filter(({ option, source }) => isSetting(option) || source === "command line")
    .filter(({ option }) => option.name !== "--print-config")
    .map(({ option, source, where, shown }) => ({
      name: keyOf(option),
      value: shown === undefined ? defaultOf(option, defaults) : redact(shown, option),
      source,
      where: where ?? null,
    }));
}

function defaultOf(
  { name, metavar, negative }: KnownOption,
  defaults: ReadonlyMap<string, string>,
): SettingValue | null {
  return metavar === undefined && negative === undefined ? false : defaults.get(name) ?? null;
}

function rowsOfConfig({ config, env }: PrintedConfig): readonly Row[] {
  const { files, relays } = config;
  const ofFile = files.find((file) => file.relays !== undefined);
  const fromFile = ofFile?.relays;
  const fromVariable = relays !== undefined && relays !== fromFile?.value;
  const relayRow: Row = {
    name: "relays",
    value: fromVariable ? relays : fromFile?.written ?? DEFAULT_RELAYS,
    source: fromVariable ? "environment" : ofFile?.layer ?? "default",
    where: relays === undefined ? null : config.relaysFrom,
  };
  const aliases = [...config.aliases.keys()].map((name): Row => {
    const file = files.find((one) => one.aliases.has(name));
    const entry = file?.aliases.get(name);
    return {
      name: `aliases.${name}`,
      value: entry?.written ?? null,
      source: file?.layer ?? "default",
      where: entry?.at ?? null,
    };
  });
  const secrets = SECRET_VARIABLES.filter((name) => (env.get(name) ?? "") !== "").map((
    name,
  ): Row => ({ name, value: "(secret)", source: "environment", where: name }));
  return [relayRow, ...aliases, ...secrets];
}

/** The defaults that help shows; of shared settings those that are the same in all commands. */
function defaultsOf(path: readonly string[]): ReadonlyMap<string, string> {
  const paths = path.length > 0 ? [path] : knownCommands().map((command) => command.path);
  const defaults = new Map<string, string>();
  const differing = new Set<string>();
  for (const one of paths) {
    const sections = getDocPage(cvmCommand(), [...one])?.sections ?? [];
    for (const { term, default: value } of sections.flatMap(({ entries }) => entries)) {
      if (term.type !== "option" || value === undefined) continue;
      const text = formatMessage(value, { quotes: false });
      for (const name of term.names) {
        if ((defaults.get(name) ?? text) !== text) differing.add(name);
        defaults.set(name, text);
      }
    }
  }
  for (const name of differing) defaults.delete(name);
  return defaults;
}

/** Values of variables and headers, and passwords in URLs, are nobody's business. */
function redact(value: SettingValue, { metavar = "" }: KnownOption): SettingValue {
  if (Array.isArray(value)) return value.map((one) => redactText(one, metavar));
  return typeof value === "string" ? redactText(value, metavar) : value;
}

function redactText(text: string, metavar: string): string {
  if (/[=:]/.test(metavar)) return text.replace(/([=:])[\s\S]+$/, "$1…");
  return text.replace(/^([a-z]+:\/\/)[^/@\s]+@/i, "$1…@");
}

function describe(value: SettingValue | null): string {
  if (value === null) return "-";
  return sanitizeLine(Array.isArray(value) ? value.join(" ") : String(value), 400);
}
