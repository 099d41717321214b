/**
 * The options of `cvm gateway`, by what they are about. Cheap to load: help needs it.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import { flag, option } from "@optique/core/primitives";
import { integer, string } from "@optique/core/valueparser";
import { type AnnouncementArguments, announcementFields } from "../../announcement_options.ts";
import type { LogFormat } from "../../log_line.ts";
import { oneOf } from "../../one_of.ts";
import { childOptions, seconds } from "../../options.ts";

/** What is behind the gateway. */
export interface UpstreamArguments {
  /** A file of servers in the format of MCP hosts. */
  readonly servers?: string;
  /** Whether the servers of the file are one server to clients. */
  readonly oneKey: boolean;
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
  /** Headers for an HTTP endpoint. */
  readonly header: readonly string[];
  /** The file of the token for an HTTP endpoint. */
  readonly bearerFile?: string;
}

/** What the world is told of the server, and where. */
export interface AnnounceArguments extends AnnouncementArguments {
  /** Whether to announce the server. */
  readonly announce: boolean;
  /** Further relays to announce it on. */
  readonly announceRelay: readonly string[];
  /** The file of the profile. */
  readonly profile?: string;
  /** Whether to take the announcement back, and do nothing else. */
  readonly deleteAnnouncement: boolean;
}

/** Who may do what, and how much of it. */
export interface AccessArguments {
  /** Who may use the server; everyone when empty and without a file. */
  readonly allow: readonly string[];
  /** A file of those who may. */
  readonly allowFile?: string;
  /** The tools that are offered; all when empty. */
  readonly tool: readonly string[];
  /** The tools that are not. */
  readonly denyTool: readonly string[];
  /** Clients at the same time. */
  readonly maxSessions?: number;
  /** Messages of one client each second. */
  readonly maxRequestsPerSecond?: number;
  /** Requests of one client at the same time. */
  readonly maxInFlight?: number;
  /** Requests of all clients at the same time. */
  readonly maxTotalInFlight?: number;
  /** Resources that one client may subscribe to. */
  readonly maxSubscriptions?: number;
  /** The largest message that is taken in parts, in bytes. */
  readonly maxMessageBytes?: number;
  /** What may wait of messages that are not whole yet, in bytes. */
  readonly maxBufferedBytes?: number;
  /** How long a session may be idle, in milliseconds. */
  readonly idleTimeoutMs?: number;
  /** Whether the server is told who asks. */
  readonly injectClientPubkey: boolean;
  /** Whether messages in parts are switched off. */
  readonly noOversizedTransfer: boolean;
  /** Whether streams are switched off. */
  readonly noOpenStream: boolean;
}

/** How the gateway is run. */
export interface OperationArguments {
  /** How long the calls in flight may take at the end, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Deaths within the window after which a server is given up; 0 for never. */
  readonly crashLimit: number;
  /** The window, in milliseconds. */
  readonly crashWindowMs: number;
  /** The port of the health endpoint. */
  readonly health?: number;
  /** How log lines are written. */
  readonly logFormat: LogFormat;
}

/** The options of {@linkcode UpstreamArguments}. */
export function upstreamOptions() {
  return object("MCP server", {
    servers: optional(option("--servers", string({ metavar: "FILE" }), {
      description:
        message`A file of MCP servers as Claude, Cursor and VS Code have it (mcpServers or servers), each with a key of its own, kept by the file and its name there, unless --one-key is given. \${NAME} stands for a variable.`,
    })),
    oneKey: withDefault(
      flag("--one-key", {
        description:
          message`The servers of the file are one server with one key: --key-file, else a key kept by the file. Tools and prompts are called NAME__TOOL, by the names in the file.`,
      }),
      false,
    ),
    perClient: withDefault(
      flag("--per-client", {
        description:
          message`Start a server for each client. Needed for servers that ask their client something or keep state, and for log messages.`,
      }),
      false,
    ),
    ...childOptions(),
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
    startTimeoutMs: withDefault(
      option("--start-timeout", seconds(), {
        description: message`How long the server may take to start and to answer initialize.`,
      }),
      60_000,
    ),
    header: multiple(option("--header", string({ metavar: "NAME=VALUE" }), {
      description:
        message`A header for a server at a URL; \${NAME} in the value stands for a variable, so that secrets stay out of the command line.`,
    })),
    bearerFile: optional(option("--bearer-file", string({ metavar: "FILE" }), {
      description:
        message`The file of a bearer token for a server at a URL. CVM_UPSTREAM_BEARER may hold one.`,
    })),
  });
}

/** The options of {@linkcode AnnounceArguments}. */
export function announceOptions() {
  return object("Announcement", {
    announce: withDefault(
      flag("--announce", { description: message`Announce the server, so that others find it.` }),
      false,
    ),
    announceRelay: multiple(option("--announce-relay", string({ metavar: "URL" }), {
      description:
        message`A further relay to announce the server on; it does not listen there. May be given several times.`,
    })),
    ...announcementFields(),
    profile: optional(option("--profile", string({ metavar: "FILE" }), {
      description:
        message`A JSON file of the profile that other Nostr programs show: name, about, picture, banner, website, nip05, lud16.`,
    })),
    deleteAnnouncement: withDefault(
      flag("--delete-announcement", {
        description:
          message`Take back what was announced of this server, with the profile where --profile names one, and end. The MCP server is not started.`,
      }),
      false,
    ),
  });
}

/** The options of {@linkcode AccessArguments}. */
export function accessOptions() {
  return object("Access", {
    allow: multiple(option("--allow", string({ metavar: "NPUB" }), {
      description:
        message`A client that may use the server; nobody else may then. May be given several times.`,
    })),
    allowFile: optional(option("--allow-file", string({ metavar: "FILE" }), {
      description:
        message`A file of clients that may, one a line. Read again when it changes and on SIGHUP; a broken file changes nothing.`,
    })),
    tool: multiple(option("--tool", string({ metavar: "NAME" }), {
      description:
        message`A tool that is offered; no others are then. * and ? stand for any text and character. May be given several times.`,
    })),
    denyTool: multiple(option("--deny-tool", string({ metavar: "NAME" }), {
      description: message`A tool that is not offered, also when --tool has it.`,
    })),
    maxSessions: optional(option("--max-sessions", count(), {
      description:
        message`Clients that have a session at the same time. Default: 1000, with --per-client 32.`,
    })),
    maxRequestsPerSecond: optional(option("--max-requests-per-second", count(), {
      description:
        message`Messages of one client each second; as many again may come in a burst. Default: 1000.`,
    })),
    maxInFlight: optional(option("--max-in-flight", count(), {
      description: message`Requests of one client at the same time. Default: 256.`,
    })),
    maxTotalInFlight: optional(option("--max-total-in-flight", count(), {
      description: message`Requests of all clients at the same time. Default: 4096.`,
    })),
    maxSubscriptions: optional(option("--max-subscriptions", count(), {
      description:
        message`Resources that one client may subscribe to, unless --per-client is given. Default: 256.`,
    })),
    maxMessageBytes: optional(option("--max-message-bytes", bytes(), {
      description:
        message`The largest message of a client that is taken in parts (CEP-22). Default: 104857600.`,
    })),
    maxBufferedBytes: optional(option("--max-buffered-bytes", bytes(), {
      description:
        message`The memory for what clients have sent by halves, of all clients together. Default: 268435456.`,
    })),
    idleTimeoutMs: optional(option("--idle-timeout", seconds(), {
      description:
        message`How long a client's session may stay unused before it ends, with --per-client its server too. Default: 3600, with --per-client 600.`,
    })),
    injectClientPubkey: withDefault(
      flag("--inject-client-pubkey", {
        description:
          message`Tell the MCP server who asks: clientPubkey and requestEventId in each request's _meta (CEP-16).`,
      }),
      false,
    ),
    noOversizedTransfer: withDefault(
      flag("--no-oversized-transfer", {
        description: message`Neither send nor take messages in parts (CEP-22).`,
      }),
      false,
    ),
    noOpenStream: withDefault(
      flag("--no-open-stream", {
        description: message`No streams beside calls (CEP-41).`,
      }),
      false,
    ),
  });
}

/** The options of {@linkcode OperationArguments}. */
export function operationOptions() {
  return object("Operation", {
    drainTimeoutMs: withDefault(
      option("--drain-timeout", seconds(), {
        description:
          message`How long the calls in flight may take after SIGTERM or SIGINT before they are answered with an error.`,
      }),
      10_000,
    ),
    crashLimit: withDefault(
      option("--crash-limit", integer({ metavar: "NUMBER", min: 0, max: 100_000 }), {
        description:
          message`How often an MCP server may die within --crash-window before it is given up; with no other left, cvm ends with exit code 4. 0: it is started again for ever.`,
      }),
      10,
    ),
    crashWindowMs: withDefault(
      option("--crash-window", seconds(), {
        description: message`The time in which deaths are counted together.`,
      }),
      300_000,
    ),
    health: optional(option("--health", integer({ metavar: "PORT", min: 0, max: 65_535 }), {
      description:
        message`Serve /livez, /readyz and /metrics (Prometheus) on this port of 127.0.0.1; 0 for any that is free.`,
    })),
    logFormat: withDefault(
      option("--log-format", oneOf(["text", "json"], { metavar: "FORMAT" }), {
        description:
          message`How log lines are written: text, or json, one object a line. With --log-level info each request is logged: method, tool, client, duration and outcome, never arguments or results.`,
      }),
      "text",
    ),
  });
}

function count() {
  return integer({ metavar: "NUMBER", min: 1, max: 1_000_000 });
}

function bytes() {
  return integer({ metavar: "NUMBER", min: 1_024, max: 1_000_000_000_000 });
}
