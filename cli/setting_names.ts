/**
 * Which options can be set without being typed, and under which names: any
 * option of a command, but those that belong to one run of it.
 *
 * @module
 */
import { knownCommands, type KnownOption, optionsOf } from "./known_commands.ts";
import { networkOptions, outputOptions, serverOptions } from "./options.ts";

/** Options that say what one run does, and not how `cvm` works. */
const OF_ONE_RUN: ReadonlySet<string> = new Set([
  "--answer",
  "--calls",
  "--check",
  "--config",
  "--delete-announcement",
  "--dry-run",
  "--encrypt",
  "--force",
  "--from",
  "--full",
  "--in-flight",
  "--install",
  "--install-file",
  "--json",
  "--output",
  "--print",
  "--print-config",
  "--project",
  "--record",
  "--seconds",
  "--secret",
  "--stdio",
  "--with-key",
  // Relays of one run come before those of an address; `relays` are those for want of better ones.
  "--relay",
]);

/** A setting's value. */
export type SettingValue = string | number | boolean | readonly string[];

/** The settings that a configuration file may hold. */
export interface SettingNames {
  /** Those that many commands share, by their name in the file. */
  readonly shared: ReadonlyMap<string, KnownOption>;
  /** Those of one command, by the command and their name in the file. */
  readonly sections: ReadonlyMap<string, ReadonlyMap<string, KnownOption>>;
}

/** The settings that many commands share, by their names in a configuration file. */
export function sharedSettings(): ReadonlyMap<string, KnownOption> {
  return byKey([
    ...optionsOf(networkOptions().usage),
    ...optionsOf(serverOptions({ defaultMs: 0 }).usage),
    ...optionsOf(outputOptions().usage),
  ]);
}

/** All settings, by their names in a configuration file. Costly: all commands are looked through. */
export function settingNames(): SettingNames {
  const shared = sharedSettings();
  const sections = new Map<string, ReadonlyMap<string, KnownOption>>();
  for (const { path: [first = ""], options } of knownCommands()) {
    sections.set(first, new Map([...sections.get(first) ?? [], ...byKey(options)]));
  }
  return { shared, sections };
}

/** Whether an option can be set by the environment or a file. */
export function isSetting({ name }: KnownOption): boolean {
  return !OF_ONE_RUN.has(name);
}

/** The name of an option in a configuration file: `--key-file` is `keyFile`. */
export function keyOf({ name }: KnownOption): string {
  return name.slice(2).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The name of an option in the environment: `--key-file` is `CVM_KEY_FILE`, of one command `CVM_PROXY_HTTP`. */
export function variableOf({ name }: KnownOption, command?: string): string {
  const words = [...(command === undefined ? [] : [command]), name.slice(2)];
  return `CVM_${words.join("_").replaceAll("-", "_").toUpperCase()}`;
}

/** The words that set an option on a command line. */
export function wordsOf(
  { name, negative, metavar }: KnownOption,
  value: SettingValue,
): readonly string[] {
  if (metavar === undefined) {
    return value === true ? [name] : negative === undefined ? [] : [negative];
  }
  return (Array.isArray(value) ? value : [value]).map((one) => `${name}=${one}`);
}

function byKey(options: readonly KnownOption[]): Map<string, KnownOption> {
  return new Map(options.filter(isSetting).map((option) => [keyOf(option), option]));
}
