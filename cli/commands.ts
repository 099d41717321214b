/**
 * All commands of `cvm`, as parsers. Cheap to load: help needs it.
 *
 * @module
 */
import { or } from "@optique/core/constructs";
import { announceCommand } from "./commands/announce/command.ts";
import { benchCommand } from "./commands/bench/command.ts";
import { callCommand } from "./commands/call/command.ts";
import { codegenCommand } from "./commands/codegen/command.ts";
import { configCommand } from "./commands/config/command.ts";
import { discoverCommand } from "./commands/discover/command.ts";
import { gatewayCommand } from "./commands/gateway/command.ts";
import { inspectCommand } from "./commands/inspect/command.ts";
import { keysCommand } from "./commands/keys/command.ts";
import { proxyCommand } from "./commands/proxy/command.ts";
import { relayCommand } from "./commands/relay/command.ts";
import { reviewCommand } from "./commands/review/command.ts";
import { withShortLines } from "./short_usage.ts";
import { choiceErrors } from "./suggestions.ts";

/** Each made when it is asked for, and then kept: parsers have no state. The three main ones come first. */
const COMMANDS = {
  gateway: once(gatewayCommand),
  proxy: once(proxyCommand),
  inspect: once(inspectCommand),
  call: once(callCommand),
  discover: once(discoverCommand),
  review: once(reviewCommand),
  announce: once(announceCommand),
  codegen: once(codegenCommand),
  relay: once(relayCommand),
  bench: once(benchCommand),
  keys: once(keysCommand),
  config: once(configCommand),
};

/** All of them, which takes some 20 ms to make. */
const allCommands = once(() => Object.values(COMMANDS).map((make) => make()));

/**
 * All commands.
 *
 * @param args The command line that will be parsed, for what is said of mistakes in it.
 */
export function cvmCommand(args: readonly string[] = []) {
  const commands = allCommands();
  const parser = or(...commands, { errors: choiceErrors(commands, args) });
  return { ...parser, usage: withShortLines(parser.usage) };
}

/**
 * The one command that a command line names, and no other, which is quicker. What it says of
 * mistakes knows nothing of the others.
 *
 * @returns The command; `undefined` when there is none of that name.
 */
export function namedCommand([name = ""]: readonly string[]) {
  return isCommand(name) ? COMMANDS[name]() : undefined;
}

function isCommand(name: string): name is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, name);
}

function once<Made>(make: () => Made): () => Made {
  let made: Made | undefined;
  return () => made ??= make();
}
