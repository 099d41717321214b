/**
 * Messages about a command line that can't be parsed, without the secrets that
 * somebody has put there.
 *
 * @module
 */
import { UsageError } from "./exit_codes.ts";

/**
 * Makes an error of what the parser prints.
 *
 * @param printed What the parser says; it repeats what it does not understand.
 * @returns The error; where keys come from stands in it when there was one.
 */
export function parseErrorOf(printed: string): UsageError {
  const text = printed.replace(/^Error:/, "").replace(/\s+/g, " ").trim()
    .replace(/^Unexpected option: (`[^`]+`)\. Did you mean \1\?$/, "$1 comes after the command.");
  return new UsageError(hideSecrets(text));
}

function hideSecrets(text: string): string {
  const safe = text.replace(/(nsec1|ncryptsec1|secret=)[a-z0-9]+/gi, "$1…");
  if (safe === text) return text;
  const advice =
    "A secret was given on the command line, where other programs can read it; keys come from a file, from standard input or from a prompt.";
  return `${safe} ${advice}`;
}
