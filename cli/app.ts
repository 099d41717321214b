/**
 * The command line as a function: parses, runs one command, and says with
 * which exit code to end. Commands load when they run, so that help is quick.
 *
 * @module
 */
import type { ShellCompletion } from "@optique/core/completion";
import { runParserSync } from "@optique/core/facade";
import { message } from "@optique/core/message";
import type { InferValue, Parser } from "@optique/core/parser";
import { askedOutput, SILENT } from "./asked_output.ts";
import { cvmCommand, namedCommand } from "./commands.ts";
import { EXIT, UsageError } from "./exit_codes.ts";
import { type CliIo, Interrupt } from "./io.ts";
import { withLogging } from "./logging.ts";
import { printError, takesColours } from "./output.ts";
import { parseErrorOf } from "./parse_error.ts";
import { VERSION } from "./version.ts";

type Arguments = InferValue<ReturnType<typeof cvmCommand>>;

/** Commands that need no fast cryptography, or take care of it themselves. */
const KEYLESS = /^(keys|config|relay)\b/;

/** Ends parsing: help, a version, completions or an error has been printed. */
class Shown {}

/**
 * Runs `cvm`.
 *
 * @param args The arguments, without the name of the program.
 * @param io What the command reads and writes.
 * @returns The exit code.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  try {
    const page = await helpOf(args, io);
    if (page !== undefined) {
      await io.stdout.write(page);
      return EXIT.ok;
    }
  } catch (error) {
    return await showEarly(error, args, io);
  }
  const printed = { out: "", err: "" };
  let parsed: Arguments | undefined;
  try {
    if (args[0] === "completion") {
      const { prepareCompletion } = await import("./completion.ts");
      const { words, shells } = await prepareCompletion(args, io);
      parsed = parse(words, io, { printed, shells });
    } else parsed = parse(args, io, { printed });
  } catch (shown) {
    if (shown instanceof UsageError) return await showEarly(shown, args, io);
    if (!(shown instanceof Shown)) throw shown;
  }
  if (parsed === undefined) {
    await io.stdout.write(printed.out);
    return printed.err === "" ? EXIT.ok : await showEarly(parseErrorOf(printed.err), args, io);
  }
  const ends: (() => Promise<void>)[] = [];
  const runIo: CliIo = {
    ...io,
    configFile: parsed.config,
    onEnd: (end) => void ends.push(end),
  };
  const asked = askedOutput(args, runIo);
  let { format } = asked;
  let shownIo = asked.io;
  try {
    const { configure } = await import("./configure.ts");
    const parseAgain = (words: readonly string[]) => parseQuietly(words, io);
    const configured = await configure({ args, io: runIo, parsed, parse: parseAgain });
    if (configured === undefined) return EXIT.ok; // it was only to be shown
    format = configured.format;
    shownIo = configured.quiet ? { ...runIo, stderr: SILENT } : runIo;
    if (!KEYLESS.test(configured.command)) {
      const { chooseEngine } = await import("./crypto/choose_engine.ts");
      const chosen = await chooseEngine(io.env);
      ends.push(() => Promise.resolve(chosen[Symbol.dispose]()));
      shownIo = { ...shownIo, engine: chosen.engine, workers: chosen.workers };
    }
    const logFormat = "logFormat" in configured ? configured.logFormat : undefined;
    const log = { level: configured.logLevel, format: logFormat };
    await withLogging(log, shownIo, () => run(configured, shownIo));
    return EXIT.ok;
  } catch (error) {
    const { reason } = io.signal;
    // Whatever an interrupted command fails with, it was interrupted.
    if (reason instanceof Interrupt) {
      return reason.by === "SIGTERM" && runsUntilStopped(parsed) ? EXIT.ok : EXIT.interrupted;
    }
    return await printError(error, shownIo, format);
  } finally {
    await Promise.allSettled(ends.map((end) => end()));
  }
}

/** Whether to be stopped is how a command ends; others have then not done what they were to do. */
function runsUntilStopped(args: Arguments): boolean {
  switch (args.command) {
    case "gateway":
    case "proxy":
    case "relay":
      return true;
    case "discover":
      return args.live;
    case "inspect":
      return args.server === "watch";
    default:
      return false;
  }
}

/**
 * What is asked for that is about all commands.
 *
 * @throws {UsageError} When help is asked for about a command that is not there.
 */
async function helpOf(args: readonly string[], io: CliIo): Promise<string | undefined> {
  const colours = takesColours(io.stdout, io);
  switch (args.join(" ")) {
    case "help":
    case "--help":
    case "-h":
      return (await import("./overview.ts")).overview(colours);
    case "help --full":
    case "--help --full":
      return (await import("./help_pages.ts")).helpPage(args, colours);
    case "help --man":
    case "--help --man":
      return (await import("./man_page.ts")).manPage();
  }
  if (
    args[0] === "help" ||
    (["--help", "-h"].includes(args.at(-1) ?? "") && !args[0]?.startsWith("-"))
  ) {
    const { checkHelpWords } = await import("./help_words.ts");
    checkHelpWords(args[0] === "help" ? args.slice(1) : args.slice(0, -1));
  }
  return undefined;
}

/** Parses what has been parsed before, with more in it; throws what is wrong with that. */
function parseQuietly(args: readonly string[], io: CliIo): Arguments {
  const printed = { out: "", err: "" };
  try {
    return parse(args, io, { printed });
  } catch (shown) {
    if (!(shown instanceof Shown)) throw shown;
    throw parseErrorOf(printed.err);
  }
}

/** What parsing prints, and what it completes. */
interface ParseOptions {
  readonly printed: { out: string; err: string };
  readonly shells?: Record<string, ShellCompletion>;
}

/** Tries the one command that is named first: only what that can't parse is for all of them to talk about. */
function parse(args: readonly string[], io: CliIo, options: ParseOptions): Arguments {
  const named = namedCommand(args);
  if (named !== undefined) {
    try {
      return parseWith(named, { args, io, printed: { out: "", err: "" } });
    } catch (shown) {
      if (!(shown instanceof Shown)) throw shown;
    }
  }
  return parseWith(cvmCommand(args), { args, io, ...options });
}

function parseWith(
  parser: Parser<"sync", Arguments, unknown>,
  { args, io, printed, shells }: ParseOptions & {
    readonly args: readonly string[];
    readonly io: CliIo;
  },
): Arguments {
  const stop = (): never => {
    throw new Shown();
  };
  return runParserSync(parser, "cvm", args, {
    brief: message`ContextVM: the Model Context Protocol over Nostr.`,
    help: { command: true, option: { names: ["--help", "-h"] }, onShow: stop },
    version: { option: true, value: VERSION, onShow: stop },
    completion: { command: true, shells, onShow: stop },
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

/** Prints an error that comes before the settings are known. */
async function showEarly(error: unknown, args: readonly string[], io: CliIo): Promise<number> {
  const asked = askedOutput(args, io);
  return await printError(error, asked.io, asked.format);
}

async function run(args: Arguments, io: CliIo): Promise<void> {
  switch (args.command) {
    case "gateway":
      return await (await import("./commands/gateway/action.ts")).runGateway(args, io);
    case "proxy":
      return await (await import("./commands/proxy/action.ts")).runProxy(args, io);
    case "inspect":
      return await (await import("./commands/inspect/action.ts")).runInspect(args, io);
    case "call":
      return await (await import("./commands/call/action.ts")).runCall(args, io);
    case "discover":
      return await (await import("./commands/discover/action.ts")).runDiscover(args, io);
    case "review":
      return await (await import("./commands/review/action.ts")).runReview(args, io);
    case "announce preview":
    case "announce publish":
    case "announce show":
    case "announce delete":
      return await (await import("./commands/announce/action.ts")).runAnnounce(args, io);
    case "relay":
      return await (await import("./commands/relay/action.ts")).runRelay(args, io);
    case "bench":
      return await (await import("./commands/bench/action.ts")).runBench(args, io);
    case "codegen":
      return await (await import("./commands/codegen/action.ts")).runCodegen(args, io);
    case "config show":
    case "config path":
    case "config set":
    case "config unset":
      return await (await import("./commands/config/action.ts")).runConfig(args, io);
    case "keys generate":
    case "keys show":
    case "keys import":
    case "keys encrypt":
    case "keys decrypt":
      return await (await import("./commands/keys/action.ts")).runKeys(args, io);
  }
}
