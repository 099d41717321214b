/**
 * Adds to the message about a command line that can't be parsed what was
 * probably meant.
 *
 * @module
 */
import { findCommand, knownCommands } from "./known_commands.ts";
import { didYouMean } from "./did_you_mean.ts";

/**
 * Explains an error of the parser.
 *
 * @param printed What the parser says.
 * @param args The command line.
 * @returns The message, with what was probably meant where something is alike.
 */
export function explainParseError(printed: string, args: readonly string[]): string {
  // What stands behind an option that does not exist may be a secret, too.
  const text = printed.replace(/`(--[^`=]+)=[^`]*`/g, "`$1`");
  const safe = text.replace(/(nsec1|ncryptsec1|secret=)[a-z0-9]+/gi, "$1…");
  if (safe !== text) {
    return safe.replace(
      /\s*$/,
      " A secret was given on the command line, where other programs can read it; keys come from a file, from standard input or from a prompt.\n",
    );
  }
  const [first = "", second = ""] = args;
  const below = knownCommands().filter(({ path }) => path[0] === first && path.length > 1);
  const names = below.map(({ path }) => path[1] ?? "");
  const unexpected = /unexpected option or subcommand: `([^`]+)`/i.exec(text)?.[1];
  const sayWhat = unexpected?.startsWith("-") && findCommand(args) === undefined;
  if (/no matching command/i.test(text) || args.length === 0 || sayWhat) {
    const list = below.length > 0 ? names : new Set(knownCommands().map(({ path }) => path[0]));
    const what = below.length > 0 ? `cvm ${first}: say what to do` : "say what to do";
    return `Error: ${what}: ${[...list].join(", ")}.\n`;
  }
  if (unexpected === undefined) return text;
  const command = findCommand(args);
  const isOption = unexpected.startsWith("-");
  const known = isOption
    ? (command?.options ?? []).flatMap((option) => [...option.names, "--help"])
    : unexpected === second
    ? names
    : [];
  const name = unexpected.split("=")[0] ?? unexpected;
  const hint = didYouMean(name, [...new Set(known)], { otherwise: isOption ? "nothing" : "list" });
  if (known.length === 0 || hint === "") return text;
  // The parser's own guess takes the options of other commands, and commands, too.
  return text.replace(/\.?\s*(did you mean[\s\S]*)?$/i, `${hint}\n`);
}
