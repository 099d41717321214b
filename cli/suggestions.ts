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
 * the options of all of them, and an unknown command with their names.
 *
 * @param commands The commands.
 */
export function choiceErrors(commands: readonly HasUsage[]): ChoiceErrors {
  const names = (extract: (usage: Usage) => Set<string>) =>
    commands.map(({ usage }) => [...extract(usage)]);
  const commandNames = names(extractCommandNames);
  // The names after the first belong to subcommands.
  const ownNames = commandNames.flatMap((all) => all.slice(0, 1));
  return {
    noMatch: [text(`Say what to do: ${ownNames.join(", ")}; or --help.`)],
    unexpectedInput: (word) => {
      const isOption = word.startsWith("-");
      // What stands behind an option that does not exist may be a secret: it is not repeated.
      const token = isOption ? word.split("=")[0] ?? word : word;
      const known = isOption ? names(extractOptionNames) : commandNames;
      const similar = createSuggestionMessage(findSimilar(token, new Set(known.flat())));
      const base = isOption
        ? message`Unexpected option: ${optionName(token)}.`
        : message`Unexpected word: ${token}.`;
      return similar.length > 0 ? [...base, text(" "), ...similar] : base;
    },
  };
}
