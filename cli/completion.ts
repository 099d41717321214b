/**
 * Completes what no parser knows: the aliases of the configuration, its
 * settings, the names of commands, files, and what servers offer.
 *
 * @module
 */
import * as shells from "@optique/core/completion";
import type { ShellCompletion } from "@optique/core/completion";
import { text } from "@optique/core/message";
import type { Suggestion } from "@optique/core/parser";
import { SUBCOMMANDS } from "./commands/inspect/words.ts";
import { type CompletionPlace, placeOf } from "./completion_place.ts";
import { type Config, loadConfig } from "./config.ts";
import { didYouMean } from "./did_you_mean.ts";
import { UsageError } from "./exit_codes.ts";
import type { CliIo } from "./io.ts";
import { knownCommands } from "./known_commands.ts";
import { REQUEST_METHODS } from "./mcp_methods.ts";
import { sanitizeLine } from "./sanitize.ts";
import { isPlainWord, type NameKind } from "./server_names.ts";
import { settingNames } from "./setting_names.ts";
import { amendScript } from "./shell_scripts.ts";

/** Names with what they are. */
type Names = readonly (readonly [name: string, about: string])[];

/** What `cvm` has beside its commands. */
const OTHERS: Names = [
  ["help", "Show help."],
  ["completion", "Print a script for a shell, or complete."],
];

/** What the parser needs to complete. */
export interface PreparedCompletion {
  /** The command line of `cvm`, in which the words to complete have lost their quotes. */
  readonly words: readonly string[];
  /** The shells, each with what fits the command line that is being completed. */
  readonly shells: Readonly<Record<string, ShellCompletion>>;
}

/** What help there is beside that of a command. */
const HELP: Names = [["--full", "Everything."], ["--man", "A manual page."]];

/**
 * Finds what the parser can't.
 *
 * @param args The command line of `cvm`: `completion SHELL WORD…`.
 * @param io Where the configuration is found.
 * @throws {UsageError} When there is no such shell.
 */
export async function prepareCompletion(
  args: readonly string[],
  io: CliIo,
): Promise<PreparedCompletion> {
  const [, shell] = args;
  if (shell === undefined) {
    throw new UsageError(`name a shell: ${Object.keys(shells).join(", ")}`);
  }
  if (!shell.startsWith("-") && !Object.hasOwn(shells, shell)) {
    const hint = didYouMean(shell, Object.keys(shells), { otherwise: "list" });
    throw new UsageError(`there are no completions for "${sanitizeLine(shell, 40)}"${hint}`);
  }
  // Bash alone gives words as they were typed.
  const words = args[1] === "bash" ? args.slice(2).map(unquote) : args.slice(2);
  const added = words.length > 0 ? await suggestionsFor(words, io) : [];
  return { words: [...args.slice(0, 2), ...words], shells: shellsWith(added, words) };
}

/** The shells, which show something beside what the parser finds. */
function shellsWith(
  added: readonly Suggestion[],
  words: readonly string[],
): Readonly<Record<string, ShellCompletion>> {
  // Of itself, the parser completes here what stands behind the shell's name.
  const isOfCompletion = words[0] === "completion" && words.length > 1;
  const isWanted = (one: Suggestion) =>
    !isOfCompletion && (added.length === 0 || words.at(-1) !== "" || !isOption(one));
  return Object.fromEntries(
    Object.entries<ShellCompletion>(shells).map(([name, shell]) => [name, {
      name: shell.name,
      generateScript: (program, own) => amendScript(name, shell.generateScript(program, own)),
      encodeSuggestions: (found) =>
        shell.encodeSuggestions([...added, ...[...found].filter(isWanted)]),
    }]),
  );
}

/** Where there is something better, options are shown to who begins to write one. */
function isOption(suggestion: Suggestion): boolean {
  return suggestion.kind === "literal" && suggestion.text.startsWith("-");
}

/** A word without its quotes and backslashes; the last one may still lack its closing quote. */
function unquote(word: string): string {
  return word.replace(
    /'([^']*)(?:'|$)|"((?:[^"\\]|\\.)*)(?:"|$)|\\(.?)/gs,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replace(/\\([$`"\\])/g, "$1") ?? escaped ?? "",
  );
}

async function suggestionsFor(words: readonly string[], io: CliIo): Promise<readonly Suggestion[]> {
  const prefix = words.at(-1) ?? "";
  if (words.length === 1) return literals(OTHERS, prefix);
  if (words[0] === "help" && words.length === 2) return literals(HELP, prefix);
  if (words[0] === "completion" && words.length === 2) {
    return literals(Object.keys(shells).map((name) => [name, "a shell"]), prefix);
  }
  const place = placeOf(words);
  if (place === undefined) return [];
  const { kinds, head } = place;
  if (kinds.some((kind) => /^(FILE|DIR|COMMAND LINE)$/.test(kind))) {
    const type = kinds.includes("DIR") ? "directory" : "any";
    return [{ kind: "file", type, pattern: head + place.prefix, ...head && { prefix: head } }];
  }
  const found: (readonly [string, string])[] = [];
  for (const kind of kinds) found.push(...await namesOf(kind, place, io));
  return literals(found.map(([name, about]) => [head + name, about]), head + place.prefix);
}

function literals(names: Names, prefix: string): readonly Suggestion[] {
  return names.filter(([name]) => name.startsWith(prefix) && isPlainWord(name.replace(/^--/, "")))
    .map(([name, about]) => ({
      kind: "literal",
      text: name,
      description: [text(sanitizeLine(about, 80))],
    }));
}

async function namesOf(kind: string, place: CompletionPlace, io: CliIo): Promise<Names> {
  switch (kind) {
    case "SERVER":
      return [...await aliases(io)];
    case "WHAT":
    case "WHAT ALONE":
      return [...SUBCOMMANDS].filter(([, { alone = false }]) => !alone || kind === "WHAT ALONE")
        .map(([name]) => [name, "what to do"]);
    case "METHOD":
      return [...REQUEST_METHODS].map((name) => [name, "a method of MCP"]);
    case "TOOL":
      return await offered("tools", "a tool", { place, io });
    case "PROMPT":
      return await offered("prompts", "a prompt", { place, io });
    case "URI":
      return await offered("resources", "a resource", { place, io });
    case "KEY=VALUE":
      return await argumentNames("=", place, io);
    case "ARGUMENT":
      return await argumentNames("", place, io);
    case "KEY":
    case "COMMAND":
      return place.command.path[0] === "config" ? await configWords(kind, io) : [];
    default:
      return [];
  }
}

/** Where to look for names. */
interface Lookup {
  readonly place: CompletionPlace;
  readonly io: CliIo;
}

/** What the server of the command line offers. */
async function offered(kind: NameKind, about: string, lookup: Lookup): Promise<Names> {
  return [...(await listOf(kind, lookup)).keys()].map((name) => [name, about]);
}

/** The arguments of the tool or prompt that are not there yet. */
async function argumentNames(end: string, place: CompletionPlace, io: CliIo): Promise<Names> {
  const { call, prefix } = place;
  if (call === undefined || prefix.includes("=")) return [];
  const words = (await listOf(call.kind, { place, io })).get(call.name) ?? [];
  return words.filter((word) => !call.given.some((one) => /^[^=:]*/.exec(one)?.[0] === word))
    .map((word) => [`${word}${end}`, "an argument"]);
}

/** A list of the server; completions have no place for errors, so there is nothing where there is one. */
async function listOf(kind: NameKind, { place, io }: Lookup) {
  const none = new Map<string, readonly string[]>();
  const { server, options } = place;
  if (server === undefined) return none;
  try {
    const { lookUpNames } = await import("./name_lookup.ts");
    const configFile = options.get("--config")?.at(-1) ?? io.configFile;
    const config = await loadConfig({ ...io, configFile });
    const relays = options.get("--relay") ?? [];
    return (await lookUpNames(server, { kind, config, relays, io }))[kind] ?? none;
  } catch {
    return none;
  }
}

/** What `cvm config` takes. */
async function configWords(kind: "KEY" | "COMMAND", io: CliIo): Promise<Names> {
  if (kind === "COMMAND") {
    return [...new Set(knownCommands().map((command) => command.path[0] ?? ""))]
      .map((name) => [name, "a command"]);
  }
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

/** The aliases; none where the configuration can't be used. */
async function aliases(io: CliIo): Promise<Config["aliases"]> {
  try {
    return (await loadConfig(io)).aliases;
  } catch {
    return new Map();
  }
}
