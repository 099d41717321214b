/**
 * Guesses at what was meant by a name that does not exist.
 *
 * @module
 */
import { findSimilar } from "@optique/core/suggestion";

/** What {@linkcode didYouMean} says when nothing is alike. */
export interface DidYouMeanOptions {
  /**
   * `list`: names all that there are. `nothing`: leaves it at that.
   * @default {"nothing"}
   */
  readonly otherwise?: "list" | "nothing";
}

/**
 * The end of a message about a name that does not exist.
 *
 * @param name The name that was given.
 * @param known The names that there are.
 * @param options What to say when none of them is alike.
 * @returns Such as `; did you mean "relays"?`, or an empty text.
 */
export function didYouMean(
  name: string,
  known: readonly string[],
  options: DidYouMeanOptions = {},
): string {
  const similar = findSimilar(name, [...known], { maxSuggestions: 2 });
  if (similar.length > 0) {
    return `; did you mean ${similar.map((one) => JSON.stringify(one)).join(" or ")}?`;
  }
  return options.otherwise === "list" ? `; there are: ${known.join(", ")}` : "";
}
