/**
 * What commands there are and which options each has, read off the parsers, so
 * that settings, suggestions and documents can't differ from what is parsed.
 *
 * @module
 */
import { extractArgumentMetavars, type Usage, type UsageTerm } from "@optique/core/usage";
import { cvmCommand, namedCommand } from "./commands.ts";

/** An option of a command. */
export interface KnownOption {
  /** Its long name, such as `--key-file`. */
  readonly name: string;
  /** The name that says the opposite, such as `--no-relay-list`. */
  readonly negative?: string;
  /** All its names. */
  readonly names: readonly string[];
  /** What its value is called in help; absent for a flag. */
  readonly metavar?: string;
  /** Whether it may be given several times. */
  readonly isList: boolean;
}

/** A command that can be run. */
export interface KnownCommand {
  /** Its words, such as `keys`, `generate`. */
  readonly path: readonly string[];
  /** Its options. */
  readonly options: readonly KnownOption[];
  /** What its arguments are called in help, in their order; the last one may come again. */
  readonly argumentNames: readonly string[];
}

/** All commands that can be run, with their options. */
export function knownCommands(): readonly KnownCommand[] {
  return commandsOf(cvmCommand().usage, []);
}

/**
 * The command that a command line names.
 *
 * @param args The command line, without the name of the program.
 * @returns The command with the most words in common; `undefined` when there is none.
 */
export function findCommand(args: readonly string[]): KnownCommand | undefined {
  const named = namedCommand(args);
  if (named === undefined) return undefined;
  return commandsOf(named.usage, [])
    .filter(({ path }) => path.every((word, index) => args[index] === word))
    .sort((one, other) => other.path.length - one.path.length)[0];
}

/** The options that stand in a usage, those of nested commands left out. */
export function optionsOf(usage: Usage): readonly KnownOption[] {
  return usage.flatMap((term) => optionsIn(term, false));
}

function commandsOf(usage: Usage, path: readonly string[]): KnownCommand[] {
  let here = path;
  const options: KnownOption[] = [];
  const argumentNames: string[] = [];
  const nested: KnownCommand[] = [];
  for (const term of usage) {
    if (term.type === "command") here = [...here, term.name];
    else if (term.type === "exclusive" && term.terms.some(hasCommand)) {
      for (const branch of term.terms) nested.push(...commandsOf(branch, here));
    } else {
      options.push(...optionsIn(term, false));
      argumentNames.push(...extractArgumentMetavars([term]));
    }
  }
  if (nested.length === 0) return [{ path: here, options, argumentNames }];
  return nested.map((command) => ({ ...command, options: [...options, ...command.options] }));
}

function hasCommand(usage: Usage): boolean {
  return usage.some((term) =>
    term.type === "command" || (term.type === "exclusive" && term.terms.some(hasCommand))
  );
}

function optionsIn(term: UsageTerm, isList: boolean): readonly KnownOption[] {
  switch (term.type) {
    case "option": {
      const long = term.names.filter((name) => name.startsWith("--"));
      const negative = long.find((name) =>
        name.startsWith("--no-") && long.includes(`--${name.slice("--no-".length)}`)
      );
      const name = long.find((one) => one !== negative);
      const { names, metavar } = term;
      return name === undefined ? [] : [{ name, negative, names, metavar, isList }];
    }
    case "multiple":
      return term.terms.flatMap((inner) => optionsIn(inner, true));
    case "optional":
    case "sequence":
      return term.terms.flatMap((inner) => optionsIn(inner, isList));
    case "exclusive":
      return term.terms.flat().flatMap((inner) => optionsIn(inner, isList));
    default:
      return [];
  }
}
