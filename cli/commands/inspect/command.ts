/**
 * `cvm inspect`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, negatableFlag, option } from "@optique/core/primitives";
import { integer, string } from "@optique/core/valueparser";
import { wordsAfterDashes } from "../../double_dash.ts";
import {
  childOptions,
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
  /** What the user calls the server; the first word of all where another option names it. */
  readonly server?: string;
  /** What to do there; an overview when empty. */
  readonly what: readonly string[];
  /** Whether the server is started by the command after `--`. */
  readonly stdio: boolean;
  /** The URL of a server that is not on Nostr. */
  readonly http?: string;
  /** Headers of each request there. */
  readonly header: readonly string[];
  /** The file of an MCP host that names the server. */
  readonly servers?: string;
  /** Variables of the process that is started. */
  readonly env: readonly string[];
  /** The working directory of that process. */
  readonly cwd?: string;
  /** The arguments of a call, as one JSON object. */
  readonly json?: string;
  /** The folder for binary content. */
  readonly output?: string;
  /** Whether to ask for a stream. */
  readonly stream?: boolean;
  /** How many pings are sent. */
  readonly pings?: number;
  /** Further keys whose traffic is shown. */
  readonly withKey: readonly string[];
  /** The file that keeps the traffic. */
  readonly record?: string;
  /** Whether a difference is a failure. */
  readonly check: boolean;
  /** The command that starts the server. */
  readonly childCommand: readonly string[];
}

/** The options of a call. */
export function callOptions() {
  return object("Call", {
    json: optional(option("--json", string({ metavar: "JSON" }), {
      description:
        message`The arguments as one JSON object: the text itself, - for standard input, or @FILE.`,
    })),
    output: optional(option("--output", string({ metavar: "DIR" }), {
      description: message`Put images, sounds and other binary content into files there.`,
    })),
    stream: optional(negatableFlag({ positive: "--stream", negative: "--no-stream" }, {
      description:
        message`Whether to ask for a stream beside the call (CEP-41). Default: when the server is known to be able to.`,
    })),
  });
}

/** The parser of `cvm inspect`. */
export function inspectCommand(): Parser<"sync", InspectArguments, unknown> {
  return command(
    "inspect",
    merge(
      object({ command: constant("inspect") }),
      object({
        server: optional(argument(string({ metavar: "SERVER" }), {
          description:
            message`The server: hex, npub, nprofile, naddr, name@domain, or an alias of the configuration. Left out with --stdio and --http.`,
        })),
        what: multiple(argument(string({ metavar: "WHAT" }), {
          description:
            message`Nothing for an overview; or: tools, resources, templates, prompts, schema TOOL, call TOOL [key=value…], read URI, get PROMPT [key=value…], complete PROMPT ARGUMENT [VALUE], ping, raw METHOD [JSON], doctor, diff OTHER|@FILE; and without a server: watch, replay FILE. Values follow the tool's JSON Schema; key:=JSON gives JSON.`,
        })),
      }),
      object("Not on Nostr", {
        stdio: withDefault(
          flag("--stdio", {
            description:
              message`Look at a server that is started here: cvm inspect --stdio [WHAT] -- COMMAND.`,
          }),
          false,
        ),
        http: optional(option("--http", string({ metavar: "URL" }), {
          description:
            message`Look at a server behind a Streamable HTTP URL. CVM_UPSTREAM_BEARER may hold a token for it.`,
        })),
        header: multiple(option("--header", string({ metavar: "NAME=VALUE" }), {
          description:
            message`A header for that URL; \${NAME} in the value stands for a variable, so that secrets stay out of the command line.`,
        })),
        servers: optional(option("--servers", string({ metavar: "FILE" }), {
          description:
            message`Look at a server of an MCP host's file (mcpServers or servers), by its name there: cvm inspect --servers FILE NAME [WHAT].`,
        })),
        ...childOptions(),
        childCommand: wordsAfterDashes(),
      }),
      callOptions(),
      object("Watching and comparing", {
        record: optional(option("--record", string({ metavar: "FILE" }), {
          description:
            message`Keep what watch shows in a new file, for replay. It is readable by you alone: it holds what was encrypted.`,
        })),
        withKey: multiple(option("--with-key", string({ metavar: "FILE" }), {
          description:
            message`The file of another key of yours that watch shows the traffic of. May be given several times.`,
        })),
        check: withDefault(
          flag("--check", { description: message`End with 5 when diff finds a difference.` }),
          false,
        ),
      }),
      object("Measuring", {
        pings: optional(option("--pings", integer({ metavar: "NUMBER", min: 0, max: 1_000 }), {
          description:
            message`How many pings to send. Default: 5 over each relay in the overview, else 1.`,
        })),
      }),
      serverOptions({ defaultMs: 60_000 }),
      networkOptions(),
      outputOptions(),
    ),
    {
      brief: message`Look at a server, and call it.`,
      description:
        message`Shows who a server is, how it is reached and what it offers, and calls it. A tool that reports an error ends with exit code 5.`,
    },
  );
}
