/**
 * Options that several commands have in common. Cheap to load: help needs it.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import { flag, option } from "@optique/core/primitives";
import { float, string, type ValueParser } from "@optique/core/valueparser";
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
      option("--timeout", seconds(), {
        description: message`How long to wait for an answer of the server.`,
      }),
      timeout.defaultMs,
    ),
  });
}

/** A time in seconds, parsed to milliseconds. */
export function seconds(): ValueParser<"sync", number> {
  const inner = float({ metavar: "SECONDS", min: 0.001, max: 86_400 });
  return {
    mode: "sync",
    metavar: "SECONDS",
    placeholder: 1_000,
    parse: (input) => {
      const result = inner.parse(input);
      return result.success ? { success: true, value: Math.round(result.value * 1000) } : result;
    },
    format: (value) => String(value / 1000),
  };
}
