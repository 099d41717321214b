/**
 * A value out of a few.
 *
 * @module
 */
import { type Message, message, text, values } from "@optique/core/message";
import { createSuggestionMessage, findSimilar } from "@optique/core/suggestion";
import { choice, type NonEmptyString, type ValueParser } from "@optique/core/valueparser";

/**
 * A parser of one of some words; another word is answered with the one that it is like.
 *
 * @param words The words.
 * @param options `metavar`: what the value is called in help.
 */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  { metavar }: { readonly metavar: NonEmptyString },
): ValueParser<"sync", Word> {
  return choice(words, { metavar, errors: { invalidChoice: (word) => notOneOf(word, words) } });
}

/** That a word is none of those that there are. */
function notOneOf(word: string, words: readonly string[]): Message {
  const base = message`Expected one of ${values(words)}, but got ${word}.`;
  const similar = findSimilar(word, words, { maxSuggestions: 1 });
  return similar.length === 0 ? base : [...base, text(" "), ...createSuggestionMessage(similar)];
}
