/**
 * Messages about a command line that can't be parsed, without the secrets that
 * somebody has put there.
 *
 * @module
 */

/**
 * Takes secrets out of what the parser says.
 *
 * @param printed What the parser says; it repeats what it does not understand.
 * @returns The message, and where keys come from when there was one.
 */
export function hideSecrets(printed: string): string {
  const safe = printed.replace(/(nsec1|ncryptsec1|secret=)[a-z0-9]+/gi, "$1…");
  if (safe === printed) return printed;
  const advice =
    "A secret was given on the command line, where other programs can read it; keys come from a file, from standard input or from a prompt.";
  return `${safe.trimEnd()} ${advice}\n`;
}
