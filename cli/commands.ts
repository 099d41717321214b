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

/** Made once: that takes some 20 ms, and parsers have no state. The three main ones come first. */
const COMMANDS = [
  gatewayCommand(),
  proxyCommand(),
  inspectCommand(),
  callCommand(),
  discoverCommand(),
  reviewCommand(),
  announceCommand(),
  codegenCommand(),
  relayCommand(),
  benchCommand(),
  keysCommand(),
  configCommand(),
] as const;

/**
 * All commands.
 *
 * @param args The command line that will be parsed, for what is said of mistakes in it.
 */
export function cvmCommand(args: readonly string[] = []) {
  const parser = or(...COMMANDS, { errors: choiceErrors(COMMANDS, args) });
  return { ...parser, usage: withShortLines(parser.usage) };
}
