/**
 * `cvm gateway`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, negatableFlag, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import {
  type NetworkArguments,
  networkOptions,
  type OutputArguments,
  outputOptions,
  seconds,
} from "../../options.ts";

/** What was said on the command line. */
export interface GatewayArguments extends NetworkArguments, OutputArguments {
  /** The command. */
  readonly command: "gateway";
  /** Whether to announce the server. */
  readonly announce: boolean;
  /** Whether to publish the list of relays; by default with the announcement. */
  readonly relayList?: boolean;
  /** The server's name. */
  readonly name?: string;
  /** What the server does. */
  readonly about?: string;
  /** The server's website. */
  readonly website?: string;
  /** The server's picture. */
  readonly picture?: string;
  /** Who may use the server; everyone when empty. */
  readonly allow: readonly string[];
  /** Whether each client gets a server of its own. */
  readonly perClient: boolean;
  /** Variables of the child. */
  readonly env: readonly string[];
  /** Files of variables of the child. */
  readonly envFile: readonly string[];
  /** Whether the child starts from a few basic variables. */
  readonly cleanEnv: boolean;
  /** The child's working directory. */
  readonly cwd?: string;
  /** How long the MCP server may take to start, in milliseconds. */
  readonly startTimeoutMs: number;
  /** The command and its arguments, or one URL. */
  readonly target: readonly string[];
}

/** The parser of `cvm gateway`. */
export function gatewayCommand(): Parser<"sync", GatewayArguments, unknown> {
  return command(
    "gateway",
    merge(
      object({ command: constant("gateway") }),
      object("Server", {
        announce: withDefault(
          flag("--announce", {
            description: message`Announce the server, so that others find it.`,
          }),
          false,
        ),
        relayList: optional(negatableFlag({
          positive: "--relay-list",
          negative: "--no-relay-list",
        }, {
          description: message`Whether the announcement comes with a list of the relays.`,
        })),
        name: optional(option("--name", string({ metavar: "TEXT" }), {
          description: message`The server's name.`,
        })),
        about: optional(option("--about", string({ metavar: "TEXT" }), {
          description: message`What the server does.`,
        })),
        website: optional(option("--website", string({ metavar: "URL" }), {
          description: message`The server's website.`,
        })),
        picture: optional(option("--picture", string({ metavar: "URL" }), {
          description: message`The server's picture.`,
        })),
        allow: multiple(option("--allow", string({ metavar: "NPUB" }), {
          description:
            message`A client that may use the server; nobody else may then. May be given several times.`,
        })),
      }),
      object("Process", {
        perClient: withDefault(
          flag("--per-client", {
            description:
              message`Start a server for each client. Needed for servers that ask their client something or keep state, and for log messages.`,
          }),
          false,
        ),
        env: multiple(option("--env", string({ metavar: "NAME=VALUE" }), {
          description:
            message`A variable of the server's environment; NAME alone passes on ours. May be given several times.`,
        })),
        envFile: multiple(option("--env-file", string({ metavar: "FILE" }), {
          description: message`A file of NAME=VALUE lines for the server's environment.`,
        })),
        cleanEnv: withDefault(
          flag("--clean-env", {
            description:
              message`Pass on only PATH, HOME and the like. By default the server inherits everything but cvm's own secrets.`,
          }),
          false,
        ),
        cwd: optional(option("--cwd", string({ metavar: "DIR" }), {
          description: message`The server's working directory.`,
        })),
        startTimeoutMs: withDefault(
          option("--start-timeout", seconds(), {
            description: message`How long the server may take to start and to answer initialize.`,
          }),
          60_000,
        ),
      }),
      networkOptions(),
      outputOptions(),
      object({
        target: multiple(
          argument(string({ metavar: "COMMAND" }), {
            description:
              message`The command that starts the MCP server over stdio, with its arguments, after --; or the URL of a Streamable HTTP endpoint. CVM_UPSTREAM_BEARER may hold a token for it.`,
          }),
          {
            min: 1,
            errors: {
              tooFew:
                message`Say after -- which command starts the MCP server, or give its http(s) URL.`,
            },
          },
        ),
      }),
    ),
    {
      brief: message`Put an MCP server on Nostr.`,
      description:
        message`Puts an MCP server that speaks stdio or Streamable HTTP on Nostr, and keeps it running. Each server gets a key of its own, kept in the folder keys of the configuration, named after its command line; --key-file names another. Prints the server's address and an entry for MCP hosts on standard error.`,
    },
  );
}
