/**
 * `cvm bench`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, option } from "@optique/core/primitives";
import { integer, string } from "@optique/core/valueparser";
import {
  type NetworkArguments,
  networkOptions,
  type OutputArguments,
  outputOptions,
  seconds,
} from "../../options.ts";

/** What was said on the command line. */
export interface BenchArguments extends NetworkArguments, OutputArguments {
  /** The command. */
  readonly command: "bench";
  /** What the user calls the server; without one, relays are measured. */
  readonly server?: string;
  /** How many calls each step makes at most. */
  readonly calls: number;
  /** How long each step may go on, in milliseconds. */
  readonly stepMs: number;
  /** How many calls are under way at the same time in the second step. */
  readonly inFlight: number;
  /** The size of the large answer, in kilobytes; 0 for none. */
  readonly answerKb: number;
  /** How long to wait for an answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** The parser of `cvm bench`. */
export function benchCommand(): Parser<"sync", BenchArguments, unknown> {
  return command(
    "bench",
    merge(
      object({ command: constant("bench") }),
      object({
        server: optional(argument(string({ metavar: "SERVER" }), {
          description:
            message`A server to ping: hex, npub, nprofile, naddr, name@domain, or an alias of the configuration. Without it, a server and a client with throw-away keys call each other over each relay that --relay names.`,
        })),
      }),
      object("Measurement", {
        calls: withDefault(
          option("--calls", integer({ metavar: "NUMBER", min: 1, max: 1_000_000 }), {
            description:
              message`How many calls are made at most, one after the other, and as many again at the same time. Each is two events. The default is meant for public relays.`,
          }),
          20,
        ),
        stepMs: withDefault(
          option("--seconds", seconds(), {
            description: message`How long each step may go on.`,
          }),
          10_000,
        ),
        inFlight: withDefault(
          option("--in-flight", integer({ metavar: "NUMBER", min: 1, max: 256 }), {
            description: message`How many calls are under way at the same time.`,
          }),
          4,
        ),
        answerKb: withDefault(
          option("--answer", integer({ metavar: "KB", min: 0, max: 100_000 }), {
            description:
              message`The size of a large answer, which comes in parts where it does not fit an event; 0 for none. Servers with a name are not asked for one.`,
          }),
          100,
        ),
        timeoutMs: withDefault(
          option("--timeout", seconds(), {
            description: message`How long to wait for an answer of the server.`,
          }),
          15_000,
        ),
      }),
      networkOptions(),
      outputOptions(),
    ),
    {
      brief: message`Measure relays, or a server.`,
      description:
        message`Measures how long relays take to be connected to, to take an event and to carry a call there and back, one after the other and several at the same time, and a large answer; in plain text and encrypted, unless --encryption says required or disabled. Events are of kinds that relays do not store, unless --gift-wrap says persistent. Relays are only measured when they are named. Interrupted, it prints what it has.`,
    },
  );
}
