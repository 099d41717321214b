/**
 * Completes what no parser knows: the aliases of the configuration, its
 * settings, the names of commands, and files.
 *
 * @module
 */
import * as shells from "@optique/core/completion";
import type { ShellCompletion } from "@optique/core/completion";
import { text } from "@optique/core/message";
import type { Suggestion } from "@optique/core/parser";
import { type Config, loadConfig } from "./config.ts";
import type { CliIo } from "./io.ts";
import { findCommand, type KnownCommand, knownCommands } from "./known_commands.ts";
import { settingNames } from "./setting_names.ts";

/**
 * The shells that completions are made for, each with what fits the command
 * line that is being completed.
 *
 * @param args The command line of `cvm`: `completion SHELL WORD…`.
 * @param io Where the configuration is found.
 */
export async function completionShells(
  args: readonly string[],
  io: CliIo,
): Promise<Record<string, ShellCompletion>> {
  const added = args.length > 2 ? await suggestionsFor(args.slice(2), io) : [];
  return Object.fromEntries(
    Object.entries<ShellCompletion>(shells).map(([name, shell]) => [name, {
      name: shell.name,
      generateScript: (program, words) => shell.generateScript(program, words),
      encodeSuggestions: (found) => shell.encodeSuggestions([...added, ...found]),
    }]),
  );
}

async function suggestionsFor(words: readonly string[], io: CliIo): Promise<readonly Suggestion[]> {
  const command = findCommand(words);
  if (command === undefined) return [];
  const before = words.slice(command.path.length, -1);
  const prefix = words.at(-1) ?? "";
  if (before.includes("--")) return [];
  const metavar = metavarAt(command, before, prefix);
  if (metavar === "FILE" || metavar === "DIR") {
    const type = metavar === "FILE" ? "any" : "directory";
    return [{ kind: "file", type, pattern: prefix }];
  }
  const names = await namesOf(metavar, command, io);
  return names.filter(([name]) => name.startsWith(prefix)).map(([name, about]) => ({
    kind: "literal",
    text: name,
    description: [text(about)],
  }));
}

/** What stands at the end of a command line, by its name in help. */
function metavarAt(
  { options, argumentNames }: KnownCommand,
  before: readonly string[],
  prefix: string,
): string | undefined {
  let place = 0;
  for (let index = 0; index < before.length; index++) {
    const word = before[index] ?? "";
    const option = options.find(({ names }) => names.includes(word));
    if (option?.metavar !== undefined) {
      if (index === before.length - 1) return option.metavar;
      index++;
    } else if (!word.startsWith("-")) place++;
  }
  return prefix.startsWith("-") ? undefined : argumentNames[place];
}

/** Names with what they are for. */
async function namesOf(
  metavar: string | undefined,
  { path }: KnownCommand,
  io: CliIo,
): Promise<readonly (readonly [string, string])[]> {
  if (metavar === "SERVER") return [...await aliases(io)];
  if (path[0] !== "config") return [];
  if (metavar === "COMMAND") {
    return [...new Set(knownCommands().map((command) => command.path[0] ?? ""))]
      .map((name) => [name, "a command"]);
  }
  if (metavar !== "KEY") return [];
  const { shared, sections } = settingNames();
  return [
    ["relays", "relays to use where nothing names better ones"],
    ...[...await aliases(io)].map(([name, address]) => [`aliases.${name}`, address] as const),
    ...[...shared.keys()].map((name) => [name, "of all commands"] as const),
    ...[...sections].flatMap(([section, settings]) =>
      [...settings.keys()].map((name) => [`${section}.${name}`, `of cvm ${section}`] as const)
    ),
  ];
}

/** The aliases; none where the configuration can't be used: completions have no place for errors. */
async function aliases(io: CliIo): Promise<Config["aliases"]> {
  try {
    return (await loadConfig(io)).aliases;
  } catch {
    return new Map();
  }
}
