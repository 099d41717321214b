/**
 * `cvm call`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import {
  type NetworkArguments,
  networkOptions,
  type OutputArguments,
  outputOptions,
  timeoutOption,
} from "../../options.ts";
import { callOptions } from "../inspect/command.ts";

/** What was said on the command line. */
export interface CallCommandArguments extends NetworkArguments, OutputArguments {
  /** The command. */
  readonly command: "call";
  /** What the user calls the server. */
  readonly server: string;
  /** The tool. */
  readonly tool: string;
  /** Its arguments, `key=value`. */
  readonly words: readonly string[];
  /** Whether to do the MCP handshake. */
  readonly handshake: boolean;
  /** How long to wait for an answer, in milliseconds. */
  readonly timeoutMs: number;
  /** The arguments as one JSON object. */
  readonly json?: string;
  /** The folder for binary content. */
  readonly output?: string;
  /** Whether to ask for a stream. */
  readonly stream?: boolean;
}

/** The parser of `cvm call`. */
export function callCommand(): Parser<"sync", CallCommandArguments, unknown> {
  return command(
    "call",
    merge(
      object({ command: constant("call") }),
      object({
        server: argument(string({ metavar: "SERVER" }), {
          description:
            message`The server: hex, npub, nprofile, naddr, name@domain, or an alias of the configuration.`,
        }),
        tool: argument(string({ metavar: "TOOL" }), { description: message`The tool's name.` }),
        words: multiple(argument(string({ metavar: "KEY=VALUE" }), {
          description:
            message`The tool's arguments. Values follow its JSON Schema; key:=JSON gives JSON, a.b=… goes into the object a.`,
        })),
      }),
      callOptions(),
      object("Server", {
        handshake: withDefault(
          flag("--handshake", {
            description: message`Do the MCP handshake first, for servers that need it.`,
          }),
          false,
        ),
        timeoutMs: withDefault(
          timeoutOption(message`How long to wait for an answer of the server.`),
          60_000,
        ),
      }),
      networkOptions(),
      outputOptions(),
    ),
    {
      brief: message`Call a tool of a server on Nostr.`,
      description:
        message`Calls a tool without the MCP handshake and prints what it answers. Nothing of it is stored on relays when the server takes ephemeral gift wraps. A tool that reports an error ends with exit code 5.`,
    },
  );
}
