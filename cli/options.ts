/**
 * Options that several commands have in common. Cheap to load: help needs it.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import { type Message, message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import { flag, option } from "@optique/core/primitives";
import { string, type ValueParser } from "@optique/core/valueparser";
import { oneOf } from "./one_of.ts";
import type { Format } from "./output.ts";

/** How much is logged on standard error. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** Options of every command. */
export interface OutputArguments {
  /** How results and errors are printed. */
  readonly format: Format;
  /** How much is logged. */
  readonly logLevel: LogLevel;
  /** Whether nothing goes to standard error. */
  readonly quiet: boolean;
  /** The configuration file to read in the place of others. */
  readonly config?: string;
  /** Whether to show the settings instead of running. */
  readonly printConfig: boolean;
}

/** Options of commands that speak MCP over Nostr. */
export interface NetworkArguments {
  /** Relay URLs. */
  readonly relay: readonly string[];
  /** The file of the private key. */
  readonly keyFile?: string;
  /** The file of the password of an encrypted key. */
  readonly passwordFile?: string;
  /** Whether messages are encrypted. */
  readonly encryption: "optional" | "required" | "disabled";
  /** Which gift wraps are used. */
  readonly giftWrap: "optional" | "ephemeral" | "persistent";
  /** How long to wait for a relay, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/** Options of commands that take a server. */
export interface ServerArguments {
  /** Whether to skip the MCP handshake. */
  readonly stateless: boolean;
  /** How long to wait for an answer of the server, in milliseconds. */
  readonly timeoutMs: number;
}

/** Options of commands that ask relays and no server. */
export interface RelayTimeoutArguments {
  /** How long relays may take to answer, in milliseconds. */
  readonly timeoutMs?: number;
}

/** The options of {@linkcode OutputArguments}. */
export function outputOptions() {
  return object("Output", {
    format: withDefault(
      option("--format", oneOf(["text", "json", "jsonl"], { metavar: "FORMAT" }), {
        description:
          message`How results and errors are printed: text, json, or jsonl (one JSON value a line).`,
      }),
      "text",
    ),
    logLevel: withDefault(
      option("--log-level", oneOf(["debug", "info", "warning", "error"], { metavar: "LEVEL" }), {
        description: message`How much is logged on standard error.`,
      }),
      "warning",
    ),
    quiet: withDefault(
      flag("--quiet", {
        description:
          message`Write nothing to standard error, no errors either. The exit code still tells.`,
      }),
      false,
    ),
    config: optional(option("--config", string({ metavar: "FILE" }), {
      description:
        message`The configuration file to read, in the place of cvm.json in the working directory and your own file.`,
    })),
    printConfig: withDefault(
      flag("--print-config", {
        description:
          message`Show each setting and where its value comes from, and do nothing else.`,
      }),
      false,
    ),
  });
}

/** The options of {@linkcode NetworkArguments}. */
export function networkOptions() {
  return object("Network", {
    relay: multiple(option("--relay", string({ metavar: "URL" }), {
      description: message`A relay to use (wss://…). May be given several times.`,
    })),
    keyFile: optional(option("--key-file", string({ metavar: "FILE" }), {
      description:
        message`The file of the private key (nsec, hex or ncryptsec) or of a bunker's address (bunker://…); made, readable by you alone, when it is not there. Keys are never taken from the command line; CVM_PRIVATE_KEY may hold one.`,
    })),
    passwordFile: optional(passwordFileOption()),
    encryption: withDefault(
      option("--encryption", oneOf(["optional", "required", "disabled"], { metavar: "MODE" }), {
        description: message`Whether messages are encrypted: optional, required or disabled.`,
      }),
      "optional",
    ),
    giftWrap: withDefault(
      option("--gift-wrap", oneOf(["optional", "ephemeral", "persistent"], { metavar: "MODE" }), {
        description:
          message`Which gift wraps carry encrypted messages: optional (both), ephemeral (not stored by relays) or persistent.`,
      }),
      "optional",
    ),
    connectTimeoutMs: withDefault(
      option("--connect-timeout", seconds(), {
        description:
          message`How long to wait for a relay; inspect then waits so long for the server to answer the MCP handshake.`,
      }),
      5_000,
    ),
  });
}

/** Names the file of a password. */
export function passwordFileOption() {
  return option("--password-file", string({ metavar: "FILE" }), {
    description:
      message`The file of the password of an encrypted key (ncryptsec). CVM_KEY_PASSWORD may hold it; else it is asked for.`,
  });
}

/** The options of {@linkcode ServerArguments}. */
export function serverOptions(
  timeout: { readonly defaultMs: number },
) {
  return object("Server", {
    stateless: withDefault(
      flag("--stateless", {
        description: message`Skip the MCP handshake, for servers that keep no sessions.`,
      }),
      false,
    ),
    timeoutMs: withDefault(
      timeoutOption(message`How long to wait for an answer of the server.`),
      timeout.defaultMs,
    ),
  });
}

/** How long answers may take: the option of every command that asks and ends. */
export function timeoutOption(description: Message) {
  return option("--timeout", seconds(), { description });
}

/** The options of {@linkcode RelayTimeoutArguments}. */
export function relayTimeoutOptions() {
  return object("Relays", {
    timeoutMs: optional(
      timeoutOption(
        message`How long relays may take to answer. Default: 5 to what is read, 10 to what is published.`,
      ),
    ),
  });
}

/** Variables and folder of a process that a command starts. */
export function childOptions() {
  return {
    env: multiple(option("--env", string({ metavar: "NAME=VALUE" }), {
      description:
        message`A variable of the server's environment; NAME alone passes on ours. May be given several times.`,
    })),
    cwd: optional(option("--cwd", string({ metavar: "DIR" }), {
      description: message`The server's working directory.`,
    })),
  };
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** A time in milliseconds: `90`, `90s`, `15m`, `12h`, `30d`; seconds without a unit. `undefined` for anything else. */
export function parseTime(text: string): number | undefined {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)([smhd])?$/.exec(text) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * (UNITS.get(unit) ?? 0));
}

/** A time of up to a day, parsed to milliseconds: see {@linkcode parseTime}. */
export function seconds(): ValueParser<"sync", number> {
  return {
    mode: "sync",
    metavar: "SECONDS",
    placeholder: 1_000,
    parse: (input) => {
      const value = parseTime(input);
      return value !== undefined && value >= 1 && value <= 86_400_000 ? { success: true, value } : {
        success: false,
        error: message`${input} is no time from 0.001 to 86400 seconds; write 90, 90s or 15m.`,
      };
    },
    format: (value) => String(value / 1000),
  };
}
