/**
 * Adds to a parsed command line what the environment and the configuration
 * files say, or shows it.
 *
 * @module
 */
import { InputError } from "../errors.ts";
import { problemOfValue } from "./check_value.ts";
import { loadConfig } from "./config.ts";
import type { CliIo } from "./io.ts";
import { findCommand } from "./known_commands.ts";
import type { OutputArguments } from "./options.ts";
import { Output } from "./output.ts";
import { resolveSettings, withSettings } from "./settings.ts";

/** A command line that has been parsed. */
export interface ConfigureOptions<Arguments> {
  /** The command line. */
  readonly args: readonly string[];
  /** The environment, and where settings are shown. */
  readonly io: CliIo;
  /** What the command line says. */
  readonly parsed: Arguments;
  /** Parses a longer command line. @throws {UsageError} When it can't be parsed. */
  readonly parse: (args: readonly string[]) => Arguments;
}

/**
 * Finds the value of each setting.
 *
 * @returns The arguments with all settings; `undefined` when the user only wants to see them.
 * @throws {InputError} CONFIG_INVALID, with the place, when a setting can't be used.
 */
export async function configure<Arguments extends OutputArguments>(
  options: ConfigureOptions<Arguments>,
): Promise<Arguments | undefined> {
  const { args, io, parsed, parse } = options;
  const command = findCommand(args);
  if (command === undefined) return parsed;
  const config = await loadConfig(io);
  const settings = resolveSettings({ command, args, env: io.env, config });
  const untyped = settings.filter(({ words }) => words.length > 0);
  for (const { option, words, where } of untyped) {
    const problem = problemOfValue(option, words, command.path[0]);
    if (problem !== undefined) throw new InputError("CONFIG_INVALID", `${where}: ${problem}`);
  }
  const configured = untyped.length === 0 ? parsed : parse(withSettings(args, command, untyped));
  if (!parsed.printConfig) return configured;
  const { printConfig } = await import("./print_config.ts");
  const { path } = command;
  await printConfig({ path, settings, config, env: io.env }, new Output(io, configured.format));
  return undefined;
}
