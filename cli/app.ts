/**
 * The command line as a function: parses, runs one command, and says with
 * which exit code to end. Commands load when they run, so that help is quick.
 *
 * @module
 */
import { or } from "@optique/core/constructs";
import { runParserSync } from "@optique/core/facade";
import { message } from "@optique/core/message";
import { gatewayCommand } from "./commands/gateway/command.ts";
import { inspectCommand } from "./commands/inspect/command.ts";
import { keysCommand } from "./commands/keys/command.ts";
import { proxyCommand } from "./commands/proxy/command.ts";
import { relayCommand } from "./commands/relay/command.ts";
import { EXIT } from "./exit_codes.ts";
import { type CliIo, Interrupt, type TextSink } from "./io.ts";
import { withLogging } from "./logging.ts";
import { type Format, FORMATS, printError, takesColours } from "./output.ts";
import { choiceErrors } from "./suggestions.ts";
import { VERSION } from "./version.ts";

/** All commands; the three main ones first. */
function cvmCommand() {
  const commands = [
    gatewayCommand(),
    proxyCommand(),
    inspectCommand(),
    relayCommand(),
    keysCommand(),
  ] as const;
  return or(...commands, { errors: choiceErrors(commands) });
}

type Arguments = ReturnType<typeof parse>;

/** What becomes of standard error with `--quiet`. */
const SILENT: TextSink = { isTerminal: false, write: () => Promise.resolve() };

/** Ends parsing: help, a version, completions or an error has been printed. */
class Shown {
  constructor(readonly exitCode: number) {}
}

/**
 * Runs `cvm`.
 *
 * @param args The arguments, without the name of the program.
 * @param io What the command reads and writes.
 * @returns The exit code.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const printed = { out: "", err: "" };
  let parsed: Arguments | undefined;
  let exitCode: number = EXIT.ok;
  try {
    parsed = parse(args, io, printed);
  } catch (shown) {
    if (!(shown instanceof Shown)) throw shown;
    exitCode = shown.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  if (parsed === undefined) return await show(printed, exitCode, askedFormat(args), io);
  const { format, logLevel } = parsed;
  if ("quiet" in parsed && parsed.quiet) io = { ...io, stderr: SILENT };
  try {
    const log = { level: logLevel, format: "logFormat" in parsed ? parsed.logFormat : undefined };
    await withLogging(log, io, () => run(parsed, io));
    return EXIT.ok;
  } catch (error) {
    const { reason } = io.signal;
    // Whatever an interrupted command fails with, it was interrupted.
    if (reason instanceof Interrupt) return reason.by === "SIGTERM" ? EXIT.ok : EXIT.interrupted;
    return await printError(error, io, format);
  }
}

function parse(args: readonly string[], io: CliIo, printed: { out: string; err: string }) {
  const stop = (exitCode: number): never => {
    throw new Shown(exitCode);
  };
  return runParserSync(cvmCommand(), "cvm", args, {
    brief: message`ContextVM: the Model Context Protocol over Nostr.`,
    help: { command: true, option: true, onShow: stop },
    version: { option: true, value: VERSION, onShow: stop },
    completion: { command: true, onShow: stop },
    usageLine: [
      { type: "literal", value: "COMMAND" },
      { type: "ellipsis" },
    ],
    aboveError: "none",
    footer: message`Run cvm COMMAND --help for a command's options.`,
    showDefault: true,
    maxWidth: 100,
    colors: takesColours(io.stdout, io),
    stdout: (text) => void (printed.out += `${text}\n`),
    stderr: (text) => void (printed.err += `${text}\n`),
    onError: stop,
  });
}

async function show(
  printed: { out: string; err: string },
  exitCode: number,
  format: Format,
  io: CliIo,
): Promise<number> {
  await io.stdout.write(printed.out);
  if (printed.err === "") return exitCode;
  const text = format === "text"
    ? printed.err
    : JSON.stringify({ error: { code: "USAGE", message: usageError(printed.err), exitCode } }) +
      "\n";
  await io.stderr.write(text);
  return exitCode;
}

/** What is wrong with a command line, in one line. */
function usageError(printed: string): string {
  return printed.trim().replace(/^Error: /, "").replace(/\s+/g, " ");
}

/** The format that a command line asks for that could not be parsed. */
function askedFormat(args: readonly string[]): Format {
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  return FORMATS.find((format) =>
    own.some((arg, at) =>
      arg === `--format=${format}` || (arg === format && own[at - 1] === "--format")
    )
  ) ?? "text";
}

async function run(args: Arguments, io: CliIo): Promise<void> {
  switch (args.command) {
    case "gateway":
      return await (await import("./commands/gateway/action.ts")).runGateway(args, io);
    case "proxy":
      return await (await import("./commands/proxy/action.ts")).runProxy(args, io);
    case "inspect":
      return await (await import("./commands/inspect/action.ts")).runInspect(args, io);
    case "relay":
      return await (await import("./commands/relay/action.ts")).runRelay(args, io);
    case "keys generate":
      return await (await import("./commands/keys/action.ts")).runKeysGenerate(args, io);
    case "keys show":
      return await (await import("./commands/keys/action.ts")).runKeysShow(args, io);
  }
}
