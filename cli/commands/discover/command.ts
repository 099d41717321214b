/**
 * `cvm discover`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { float, integer, string, type ValueParser } from "@optique/core/valueparser";
import { oneOf } from "../../one_of.ts";
import {
  type NetworkArguments,
  networkOptions,
  type OutputArguments,
  outputOptions,
  parseTime,
  timeoutOption,
} from "../../options.ts";

/** What was said on the command line. */
export interface DiscoverArguments extends NetworkArguments, OutputArguments {
  /** The command. */
  readonly command: "discover";
  /** Words that a server must say of itself. */
  readonly text: readonly string[];
  /** A capability of MCP. */
  readonly capability?: string;
  /** A tool, by name. */
  readonly tool?: string;
  /** A category. */
  readonly category?: string;
  /** The hash of a common schema. */
  readonly schema?: string;
  /** Whether it must have a common schema, whichever. */
  readonly commonSchema: boolean;
  /** The most that it may cost. */
  readonly maxPrice?: number;
  /** The unit of that. */
  readonly unit: string;
  /** How old its newest announcement may be, milliseconds. */
  readonly maxAgeMs?: number;
  /** Whether it must take gift wraps. */
  readonly encrypted: boolean;
  /** Whether only servers that answer are shown. */
  readonly online: boolean;
  /** Whether to go on with what is announced from now on. */
  readonly live: boolean;
  /** How many servers at most. */
  readonly limit: number;
  /** How long to wait for relays, and for each server, milliseconds. */
  readonly timeoutMs: number;
}

/** The parser of `cvm discover`. */
export function discoverCommand(): Parser<"sync", DiscoverArguments, unknown> {
  return command(
    "discover",
    merge(
      object({ command: constant("discover") }),
      object({
        text: multiple(argument(string({ metavar: "TEXT" }), {
          description:
            message`Words that all occur in what a server says of itself and of what it offers.`,
        })),
      }),
      object("Which servers", {
        capability: optional(
          option(
            "--capability",
            oneOf(["tools", "resources", "prompts", "completions", "logging"], {
              metavar: "NAME",
            }),
            { description: message`An MCP capability that it has.` },
          ),
        ),
        tool: optional(option("--tool", string({ metavar: "NAME" }), {
          description: message`A tool that it has.`,
        })),
        category: optional(option("--category", string({ metavar: "NAME" }), {
          description: message`A category that it names itself (CEP-15).`,
        })),
        schema: optional(option("--schema", hash(), {
          description:
            message`The hash of a common schema that a tool of it has, verified (CEP-15).`,
        })),
        commonSchema: withDefault(
          flag("--common-schema", {
            description: message`One of its tools has a common schema, whichever.`,
          }),
          false,
        ),
        maxPrice: optional(option("--max-price", float({ metavar: "NUMBER", min: 0 }), {
          description: message`The most that a call may cost by its price list; 0 for free.`,
        })),
        unit: withDefault(
          option("--unit", string({ metavar: "UNIT" }), {
            description: message`The unit of --max-price.`,
          }),
          "sats",
        ),
        maxAgeMs: optional(option("--max-age", age(), {
          description: message`How old its announcement may be: 90s, 15m, 12h, 30d.`,
        })),
        encrypted: withDefault(
          flag("--encrypted", { description: message`It takes encrypted messages.` }),
          false,
        ),
        online: withDefault(
          flag("--online", { description: message`It answers a ping now.` }),
          false,
        ),
      }),
      object("Search", {
        live: withDefault(
          flag("--live", {
            description:
              message`Go on with what is announced and taken back from now on, until interrupted.`,
          }),
          false,
        ),
        limit: withDefault(
          option("--limit", integer({ metavar: "NUMBER", min: 1, max: 10_000 }), {
            description: message`How many servers are looked at.`,
          }),
          1_000,
        ),
        timeoutMs: withDefault(
          timeoutOption(message`How long to wait for slow relays, and for each ping.`),
          5_000,
        ),
      }),
      networkOptions(),
      outputOptions(),
    ),
    {
      brief: message`Find servers on Nostr.`,
      description:
        message`Searches relays for announced servers; all that is said must hold. Of each server the newest genuine announcement counts. Prints a table, a JSON array, or with jsonl one line a server as they are found.`,
    },
  );
}

/** A hash: 64 hexadecimal digits. */
function hash(): ValueParser<"sync", string> {
  return {
    mode: "sync",
    metavar: "HASH",
    placeholder: "0".repeat(64),
    parse: (input) =>
      /^[0-9a-f]{64}$/i.test(input)
        ? { success: true, value: input.toLowerCase() }
        : { success: false, error: message`${input} is no hash of 64 hexadecimal digits.` },
    format: (value) => value,
  };
}

/** A length of time with a unit, parsed to milliseconds; seconds without one. */
function age(): ValueParser<"sync", number> {
  return {
    mode: "sync",
    metavar: "TIME",
    placeholder: 1_000,
    parse: (input) => {
      const value = parseTime(input);
      return value !== undefined && value >= 1
        ? { success: true, value }
        : { success: false, error: message`${input} is no time; write 90s, 15m, 12h or 30d.` };
    },
    format: (value) => `${value / 1000}s`,
  };
}
