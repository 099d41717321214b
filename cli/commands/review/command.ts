/**
 * `cvm review`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, option } from "@optique/core/primitives";
import { integer, string } from "@optique/core/valueparser";
import {
  type NetworkArguments,
  networkOptions,
  type OutputArguments,
  outputOptions,
  type RelayTimeoutArguments,
  relayTimeoutOptions,
} from "../../options.ts";

/** What was said on the command line. */
export interface ReviewArguments extends RelayTimeoutArguments, NetworkArguments, OutputArguments {
  /** The command. */
  readonly command: "review";
  /** What the user calls the server. */
  readonly server: string;
  /** What to do; the reviews are listed when empty. */
  readonly what: readonly string[];
  /** How many reviews and replies at most. */
  readonly limit: number;
}

/** The parser of `cvm review`. */
export function reviewCommand(): Parser<"sync", ReviewArguments, unknown> {
  return command(
    "review",
    merge(
      object({ command: constant("review") }),
      object({
        server: argument(string({ metavar: "SERVER" }), {
          description:
            message`The server: hex, npub, nprofile, naddr, name@domain, or an alias of the configuration.`,
        }),
        what: multiple(argument(string({ metavar: "WHAT" }), {
          description:
            message`Nothing to list what people say; or: write TEXT, reply ID TEXT, delete ID. - as TEXT is standard input; an ID may be cut short.`,
        })),
      }),
      object("List", {
        limit: withDefault(
          option("--limit", integer({ metavar: "NUMBER", min: 1, max: 2_000 }), {
            description: message`How many reviews and replies are read.`,
          }),
          500,
        ),
      }),
      relayTimeoutOptions(),
      networkOptions(),
      outputOptions(),
    ),
    {
      brief: message`Read and write reviews of a server.`,
      description:
        message`Lists what people say of a server, replies below what they answer. Writes, answers and deletes with the key that visits servers, or that of --key-file. Everybody can read a review, for good.`,
    },
  );
}
