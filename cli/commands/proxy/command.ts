/**
 * `cvm proxy`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import {
  type NetworkArguments,
  networkOptions,
  type OutputArguments,
  outputOptions,
  type ServerArguments,
  serverOptions,
} from "../../options.ts";

/** What was said on the command line. */
export interface ProxyArguments extends NetworkArguments, ServerArguments, OutputArguments {
  /** The command. */
  readonly command: "proxy";
  /** What the user calls the server. */
  readonly server: string;
}

/** The parser of `cvm proxy`. */
export function proxyCommand(): Parser<"sync", ProxyArguments, unknown> {
  return command(
    "proxy",
    merge(
      object({ command: constant("proxy") }),
      object({
        server: argument(string({ metavar: "SERVER" }), {
          description:
            message`The server: hex, npub, nprofile, naddr, name@domain, or an alias of the configuration.`,
        }),
      }),
      serverOptions({ defaultMs: 15_000 }),
      networkOptions(),
      outputOptions(),
    ),
    {
      brief: message`Let an MCP host use a server on Nostr, over stdio.`,
      description:
        message`Speaks MCP on standard input and output, for an MCP host that starts it. Nothing but JSON-RPC is written to standard output. The key is kept, so that servers can know this client again; its npub is printed on standard error.`,
    },
  );
}
