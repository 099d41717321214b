/**
 * Of which command help is asked for.
 *
 * @module
 */
import { didYouMean } from "./did_you_mean.ts";
import { UsageError } from "./exit_codes.ts";
import { knownCommands } from "./known_commands.ts";

/** What `cvm help` takes beside the names of commands. */
const OTHERS: readonly string[] = ["completion", "help", "--full", "--man", "--help"];

/**
 * Looks whether there is a command of which help can be shown.
 *
 * @param words What stands behind `cvm help`, or before `--help`.
 * @throws {UsageError} When there is none, with the one that may be meant.
 */
export function checkHelpWords(words: readonly string[]): void {
  const [first, second] = words;
  const paths = knownCommands().map(({ path }) => path);
  const names = [...new Set(paths.map(([name = ""]) => name))];
  const nested = paths.flatMap(([name, subcommand]) =>
    name === first && subcommand !== undefined ? [subcommand] : []
  );
  if (first !== undefined && !names.includes(first) && !OTHERS.includes(first)) {
    throw unknown(first, [...names, ...OTHERS]);
  }
  const isArgument = second === undefined || second.startsWith("-") || nested.length === 0;
  if (!isArgument && !nested.includes(second)) throw unknown(second, nested);
}

function unknown(word: string, known: readonly string[]): UsageError {
  const hint = didYouMean(word, known, { otherwise: "list" });
  return new UsageError(`there is no help for ${JSON.stringify(word)}${hint}`);
}
