/**
 * `cvm inspect`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, option } from "@optique/core/primitives";
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
export interface InspectArguments extends NetworkArguments, ServerArguments, OutputArguments {
  /** The command. */
  readonly command: "inspect";
  /** What the user calls the server. */
  readonly server: string;
  /** What to do there; an overview when empty. */
  readonly what: readonly string[];
  /** The arguments of a call, as one JSON object. */
  readonly json?: string;
}

/** The parser of `cvm inspect`. */
export function inspectCommand(): Parser<"sync", InspectArguments, unknown> {
  return command(
    "inspect",
    merge(
      object({ command: constant("inspect") }),
      object({
        server: argument(string({ metavar: "SERVER" }), {
          description:
            message`The server: hex, npub, nprofile, naddr, name@domain, or an alias of the configuration.`,
        }),
        what: multiple(argument(string({ metavar: "WHAT" }), {
          description:
            message`Nothing for an overview; or: tools, resources, templates, prompts, call NAME [key=value…], read URI, get NAME [key=value…], ping. Values follow the tool's JSON Schema; key:=JSON gives JSON.`,
        })),
      }),
      object("Call", {
        json: optional(option("--json", string({ metavar: "JSON" }), {
          description: message`The arguments of a call as one JSON object.`,
        })),
      }),
      serverOptions({ defaultMs: 60_000 }),
      networkOptions(),
      outputOptions(),
    ),
    {
      brief: message`Look at a server on Nostr, and call it.`,
      description:
        message`Shows who a server is, how it is reached and what it offers, and calls it. A tool that reports an error ends with exit code 5.`,
    },
  );
}
