/**
 * "Did you mean …?", alike everywhere.
 *
 * @module
 */
import { findSimilar } from "@optique/core/suggestion";
import { sanitizeLine } from "./sanitize.ts";

/** Names that are compared; a server may have any number. */
const MAX_COMPARED = 1_000;

/**
 * What was probably meant by a name that is not known.
 *
 * @param name What was written.
 * @param known What could have been meant; a stranger may have written it.
 * @returns `; did you mean "x"?`, to be put behind a message, or nothing.
 */
export function didYouMean(name: string, known: Iterable<string>): string {
  const candidates: string[] = [];
  for (const candidate of known) {
    if (candidates.length === MAX_COMPARED) break;
    candidates.push(sanitizeLine(candidate, 100));
  }
  const similar = findSimilar(sanitizeLine(name, 100), candidates, { maxSuggestions: 2 });
  if (similar.length === 0) return "";
  return `; did you mean ${similar.map((one) => JSON.stringify(one)).join(" or ")}?`;
}
