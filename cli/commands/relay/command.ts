/**
 * `cvm relay`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { command, constant, option } from "@optique/core/primitives";
import { integer, string } from "@optique/core/valueparser";
import { type OutputArguments, outputOptions } from "../../options.ts";

/** What was said on the command line. */
export interface RelayArguments extends OutputArguments {
  /** The command. */
  readonly command: "relay";
  /** The TCP port. */
  readonly port: number;
  /** The address to listen on. */
  readonly hostname: string;
  /** The SQLite file that keeps events. */
  readonly db?: string;
}

/** The parser of `cvm relay`. */
export function relayCommand(): Parser<"sync", RelayArguments, unknown> {
  return command(
    "relay",
    merge(
      object({ command: constant("relay") }),
      object("Relay", {
        port: withDefault(
          option("--port", integer({ metavar: "PORT", min: 0, max: 65_535 }), {
            description: message`The TCP port; 0 for any that is free.`,
          }),
          7447,
        ),
        hostname: withDefault(
          option("--hostname", string({ metavar: "HOST" }), {
            description: message`The address to listen on.`,
          }),
          "127.0.0.1",
        ),
        db: optional(option("--db", string({ metavar: "FILE" }), {
          description:
            message`The SQLite file that keeps events. Without it they are kept in memory.`,
        })),
      }),
      outputOptions(),
    ),
    {
      brief: message`Run a relay, for tests and small networks.`,
      description: message`Runs the embedded relay. Prints its URL on standard output.`,
    },
  );
}
