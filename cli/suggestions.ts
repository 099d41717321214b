/**
 * What to say of a word on the command line that is neither a command nor an option.
 *
 * @module
 */
import { message, optionName, text } from "@optique/core/message";
import type { Message } from "@optique/core/message";
import { createSuggestionMessage, findSimilar } from "@optique/core/suggestion";
import { extractCommandNames, extractOptionNames, type Usage } from "@optique/core/usage";

/** A parser, as far as its usage goes. */
interface HasUsage {
  readonly usage: Usage;
}

/** Messages for a choice between commands. */
export interface ChoiceErrors {
  /** Nothing was said. */
  readonly noMatch: Message;
  /** A word that is not understood. */
  readonly unexpectedInput: (token: string) => Message;
}

/**
 * Messages for a choice between commands: an unknown option is compared with
 * those of the command that is meant, and an unknown word with the names of
 * commands.
 *
 * @param commands The commands.
 * @param args The command line; without it, any of the commands may be meant.
 */
export function choiceErrors(
  commands: readonly HasUsage[],
  args: readonly string[] = [],
): ChoiceErrors {
  const known = commands.map(({ usage }) => {
    // The names after the first belong to subcommands.
    const [name = "", ...subcommands] = extractCommandNames(usage);
    return { name, subcommands, options: [...extractOptionNames(usage)] };
  });
  const meant = known.find(({ name }) => name === args[0]);
  const names = known.map(({ name }) => name);
  return {
    noMatch: [text(`Say what to do: ${names.join(", ")}; or --help.`)],
    unexpectedInput: (word) => {
      if (!word.startsWith("-")) {
        const words = meant === undefined ? names : meant.subcommands;
        return withSuggestion(message`Unexpected word: ${word}.`, word, words);
      }
      // What stands behind an option that does not exist may be a secret: it is not repeated.
      const option = word.split("=")[0] ?? word;
      const others = known.filter(({ options }) => options.includes(option));
      const base = message`Unexpected option: ${optionName(option)}.`;
      if (others.length > 0 && others.length < known.length) {
        const owners = others.map(({ name }) => name).join(", ");
        return [...base, text(` It is one of: ${owners}.`)];
      }
      return withSuggestion(base, option, (meant ? [meant] : known).flatMap((one) => one.options));
    },
  };
}

function withSuggestion(base: Message, word: string, known: readonly string[]): Message {
  const similar = findSimilar(word, new Set(known), { maxSuggestions: 2 });
  return similar.length > 0 ? [...base, text(" "), ...createSuggestionMessage(similar)] : base;
}
