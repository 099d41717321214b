/**
 * `cvm codegen`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
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
export interface CodegenArguments extends NetworkArguments, ServerArguments, OutputArguments {
  /** The command. */
  readonly command: "codegen";
  /** What the user calls the server. */
  readonly server: string;
  /** The file to write; standard output without it. */
  readonly output?: string;
  /** Whether to compare only. */
  readonly check: boolean;
}

/** The parser of `cvm codegen`. */
export function codegenCommand(): Parser<"sync", CodegenArguments, unknown> {
  return command(
    "codegen",
    merge(
      object({ command: constant("codegen") }),
      object({
        server: argument(string({ metavar: "SERVER" }), {
          description:
            message`The server: hex, npub, nprofile, naddr, name@domain, or an alias of the configuration.`,
        }),
      }),
      object("Code", {
        output: optional(option("--output", string({ metavar: "FILE" }), {
          description:
            message`The file to write. One that cvm codegen has not made is not overwritten. Default: standard output.`,
        })),
        check: withDefault(
          flag("--check", {
            description:
              message`Write nothing; end with exit code 5 when the file is not what would be written.`,
          }),
          false,
        ),
      }),
      serverOptions({ defaultMs: 60_000 }),
      networkOptions(),
      outputOptions(),
    ),
    {
      brief: message`Write a typed client for a server's tools.`,
      description:
        message`Writes a TypeScript module with a method for each tool of a server, typed by its schemas. It needs no other module: it takes any MCP client that is connected. The same server makes the same text.`,
    },
  );
}
