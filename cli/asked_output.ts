/**
 * How an error is shown that comes before the settings are known: by what the
 * command line and the environment ask for, as far as they can be read.
 *
 * @module
 */
import type { CliIo, Environment, TextSink } from "./io.ts";
import { type Format, FORMATS } from "./output.ts";

/** What becomes of standard error with `--quiet`. */
export const SILENT: TextSink = { isTerminal: false, write: () => Promise.resolve() };

/** How an error is shown. */
export interface AskedOutput {
  /** The format. */
  readonly format: Format;
  /** The same streams, with a silent standard error where that was asked for. */
  readonly io: CliIo;
}

/**
 * Finds out how to show an error of a command line that could not be used.
 *
 * @param args The command line.
 * @param io What the command reads and writes.
 */
export function askedOutput(args: readonly string[], io: CliIo): AskedOutput {
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const fromWords = FORMATS.find((format) =>
    own.some((arg, at) =>
      arg === `--format=${format}` || (arg === format && own[at - 1] === "--format")
    )
  );
  const variable = (name: string) => variableOf(name, args[0] ?? "", io.env);
  const format = fromWords ?? FORMATS.find((name) => name === variable("FORMAT")) ?? "text";
  const quiet = own.includes("--quiet") || /^(1|true|yes|on)$/i.test(variable("QUIET"));
  return { format, io: quiet ? { ...io, stderr: SILENT } : io };
}

function variableOf(name: string, command: string, env: Environment): string {
  return env.get(`CVM_${command.toUpperCase()}_${name}`) || env.get(`CVM_${name}`) || "";
}
