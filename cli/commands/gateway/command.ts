/**
 * `cvm gateway`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import {
  type NetworkArguments,
  networkOptions,
  type OutputArguments,
  outputOptions,
} from "../../options.ts";
import {
  type AccessArguments,
  accessOptions,
  type AnnounceArguments,
  announceOptions,
  type OperationArguments,
  operationOptions,
  type UpstreamArguments,
  upstreamOptions,
} from "./options.ts";

/** What was said on the command line. */
export interface GatewayArguments
  extends
    AnnounceArguments,
    AccessArguments,
    UpstreamArguments,
    OperationArguments,
    NetworkArguments,
    OutputArguments {
  /** The command. */
  readonly command: "gateway";
  /** The command and its arguments, or one URL; with a file of servers, the names of those to run. */
  readonly target: readonly string[];
}

/** The parser of `cvm gateway`. */
export function gatewayCommand(): Parser<"sync", GatewayArguments, unknown> {
  return command(
    "gateway",
    merge(
      object({ command: constant("gateway") }),
      upstreamOptions(),
      announceOptions(),
      accessOptions(),
      operationOptions(),
      networkOptions(),
      outputOptions(),
      object({
        target: multiple(
          argument(string({ metavar: "COMMAND" }), {
            description:
              message`The command that starts the MCP server over stdio, with its arguments, after --; or the URL of a Streamable HTTP endpoint. With --servers: the names of the servers to run, by default all.`,
          }),
        ),
      }),
    ),
    {
      brief: message`Put an MCP server on Nostr.`,
      description:
        message`Puts MCP servers that speak stdio or Streamable HTTP on Nostr, and keeps them running. Each server gets a key of its own, kept in the folder keys of the configuration, named after its command line; --key-file names another. With --servers FILE --one-key several servers share one. Prints the server's address and an entry for MCP hosts on standard error. SIGTERM and SIGINT let the calls in flight end first; a second signal ends at once.`,
    },
  );
}
