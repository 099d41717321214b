/**
 * "Did you mean …?", alike everywhere.
 *
 * @module
 */
import { findSimilar } from "@optique/core/suggestion";
import { sanitizeLine } from "./sanitize.ts";

/** Names that are compared; a server may have any number. */
const MAX_COMPARED = 1_000;

/** What {@linkcode didYouMean} says when nothing is alike. */
export interface DidYouMeanOptions {
  /**
   * `list`: names all that there are. `nothing`: leaves it at that.
   * @default {"nothing"}
   */
  readonly otherwise?: "list" | "nothing";
  /**
   * How many letters may differ.
   * @default {3}
   */
  readonly maxDistance?: number;
}

/**
 * The end of a message about a name that does not exist.
 *
 * @param name The name that was given.
 * @param known The names that there are; a stranger may have written them.
 * @param options What to say when none of them is alike.
 * @returns Such as `; did you mean "relays"?`, or an empty text.
 */
export function didYouMean(
  name: string,
  known: Iterable<string>,
  options: DidYouMeanOptions = {},
): string {
  const candidates: string[] = [];
  for (const candidate of known) {
    if (candidates.length === MAX_COMPARED) break;
    candidates.push(sanitizeLine(candidate, 100));
  }
  const similar = findSimilar(sanitizeLine(name, 100), candidates, {
    maxSuggestions: 2,
    maxDistance: options.maxDistance,
  });
  if (similar.length > 0) {
    return `; did you mean ${similar.map((one) => JSON.stringify(one)).join(" or ")}?`;
  }
  return options.otherwise === "list" ? `; there are: ${candidates.join(", ")}` : "";
}
