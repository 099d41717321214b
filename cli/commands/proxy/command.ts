/**
 * `cvm proxy`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { integer, string } from "@optique/core/valueparser";
import { oneOf } from "../../one_of.ts";
import {
  type NetworkArguments,
  networkOptions,
  type OutputArguments,
  outputOptions,
  seconds,
  type ServerArguments,
  serverOptions,
} from "../../options.ts";

/** What was said on the command line. */
export interface ProxyArguments extends NetworkArguments, ServerArguments, OutputArguments {
  /** The command. */
  readonly command: "proxy";
  /** What the user calls the servers. */
  readonly servers: readonly string[];
  /** The tools that the host sees; all when empty. */
  readonly tool: readonly string[];
  /** The tools that it does not. */
  readonly denyTool: readonly string[];
  /** The host in whose configuration the proxy is entered. */
  readonly install?: HostName;
  /** The file of that configuration, where it is not in its usual place. */
  readonly installFile?: string;
  /** What the host calls the server. */
  readonly name?: string;
  /** Whether the configuration is shown and not written. */
  readonly dryRun: boolean;
  /** The port of the HTTP endpoint; absent for stdio. */
  readonly http?: number;
  /** The file of the token that HTTP clients must show. */
  readonly httpBearerFile?: string;
  /** Origins of pages that may connect. */
  readonly httpOrigin: readonly string[];
  /** How many HTTP clients may be connected at the same time. */
  readonly httpMaxSessions?: number;
  /** How long an HTTP client without an open connection is remembered, in milliseconds. */
  readonly httpIdleTimeoutMs?: number;
}

/** MCP hosts whose configuration is known. */
export type HostName = (typeof HOST_NAMES)[number];

const HOST_NAMES = ["claude", "claude-code", "cursor", "gemini", "vscode", "windsurf"] as const;

/** The parser of `cvm proxy`. */
export function proxyCommand(): Parser<"sync", ProxyArguments, unknown> {
  return command(
    "proxy",
    merge(
      object({ command: constant("proxy") }),
      object({
        servers: multiple(
          argument(string({ metavar: "SERVER" }), {
            description:
              message`The server: hex, npub, nprofile, naddr, name@domain, or an alias of the configuration. Of several servers, as NAME=SERVER, the tools are named NAME__TOOL; an alias is a name.`,
          }),
          { min: 1 },
        ),
      }),
      object("Host", {
        tool: multiple(option("--tool", string({ metavar: "NAME" }), {
          description:
            message`A tool that the host sees; no others then. * and ? stand for any text and character. May be given several times.`,
        })),
        denyTool: multiple(option("--deny-tool", string({ metavar: "NAME" }), {
          description: message`A tool that the host does not see, also when --tool has it.`,
        })),
        install: optional(
          option("--install", oneOf(HOST_NAMES, { metavar: "HOST" }), {
            description:
              message`Do not run: enter this proxy, with the options given, in the configuration of an MCP host: claude (Desktop), claude-code (.mcp.json of the working directory), cursor, gemini, vscode or windsurf. The file before it is kept beside it.`,
          }),
        ),
        installFile: optional(option("--install-file", string({ metavar: "FILE" }), {
          description: message`The host's file for --install, where it is not in its usual place.`,
        })),
        name: optional(option("--name", string({ metavar: "NAME" }), {
          description: message`What the host calls the server, with --install.`,
        })),
        dryRun: withDefault(
          flag("--dry-run", {
            description: message`With --install: print what would be written, and where.`,
          }),
          false,
        ),
      }),
      object("HTTP", {
        http: optional(option("--http", integer({ metavar: "PORT", min: 0, max: 65_535 }), {
          description:
            message`Serve Streamable HTTP on this port of 127.0.0.1 instead of stdio; 0 for any that is free. The URL is printed on standard error.`,
        })),
        httpBearerFile: optional(option("--http-bearer-file", string({ metavar: "FILE" }), {
          description:
            message`The file of a token that HTTP clients must show. CVM_HTTP_BEARER may hold one. Without a token every program on this machine may connect.`,
        })),
        httpOrigin: multiple(option("--http-origin", string({ metavar: "ORIGIN" }), {
          description:
            message`The origin of web pages that may connect, such as https://chat.example, beside those of this machine. May be given several times; use a token then.`,
        })),
        httpMaxSessions: optional(
          option("--http-max-sessions", integer({ metavar: "NUMBER", min: 1, max: 1_000 }), {
            description:
              message`How many HTTP clients may be connected at the same time. Default: 16.`,
          }),
        ),
        httpIdleTimeoutMs: optional(
          option("--http-idle", seconds(), {
            description:
              message`How long an HTTP client without an open connection is remembered. Default: 600.`,
          }),
        ),
      }),
      serverOptions({ defaultMs: 15_000 }),
      networkOptions(),
      outputOptions(),
    ),
    {
      brief: message`Let an MCP host use a server on Nostr, over stdio or HTTP.`,
      description:
        message`Speaks MCP on standard input and output, for an MCP host that starts it. Nothing but JSON-RPC is written to standard output. The key is kept, so that servers can know this client again; its npub is printed on standard error. With --http, many hosts connect to one proxy: the first one has the kept key, others at the same time have keys of their own.`,
    },
  );
}
