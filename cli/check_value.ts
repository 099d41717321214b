/**
 * Checks the value of an option before the command line around it is known.
 *
 * @module
 */
import { formatMessage } from "@optique/core/message";
import { parseSync } from "@optique/core/parser";
import { cvmCommand } from "./commands.ts";
import { knownCommands, type KnownOption } from "./known_commands.ts";

/**
 * What is wrong with a value, by the parser that will read it.
 *
 * @param option The option.
 * @param words The words that set it on a command line, such as `--timeout=x`.
 * @param section The first word of its command; without it, any command that has the option.
 * @returns What is wrong; `undefined` when nothing is.
 */
export function problemOfValue(
  option: KnownOption,
  words: readonly string[],
  section?: string,
): string | undefined {
  const command = knownCommands().find(({ path, options }) =>
    (section === undefined || path[0] === section) &&
    options.some(({ name }) => name === option.name)
  );
  if (command === undefined) return undefined;
  const result = parseSync(cvmCommand(), [...command.path, ...words]);
  if (result.success) return undefined;
  // Without the rest of the command line something else may be missing, which is not to be told here.
  const [, name, problem] = /^`(--[^`]+)`: ([\s\S]+)$/.exec(formatMessage(result.error)) ?? [];
  return name === option.name ? problem : undefined;
}
