/**
 * `cvm relay`: the command line.
 *
 * @module
 */
import { merge, object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import type { Parser } from "@optique/core/parser";
import { command, constant } from "@optique/core/primitives";
import { type OutputArguments, outputOptions } from "../../options.ts";
import {
  type PlaceArguments,
  placeOptions,
  type RelayAccessArguments,
  relayAccessOptions,
  type RelayInformationArguments,
  relayInformationOptions,
  type RelayLimitArguments,
  relayLimitOptions,
} from "./options.ts";

/** What was said on the command line. */
export interface RelayArguments
  extends
    PlaceArguments,
    RelayAccessArguments,
    RelayInformationArguments,
    RelayLimitArguments,
    OutputArguments {
  /** The command. */
  readonly command: "relay";
}

/** The parser of `cvm relay`. */
export function relayCommand(): Parser<"sync", RelayArguments, unknown> {
  return command(
    "relay",
    merge(
      object({ command: constant("relay") }),
      placeOptions(),
      relayAccessOptions(),
      relayInformationOptions(),
      relayLimitOptions(),
      outputOptions(),
    ),
    {
      brief: message`Run a relay, for tests and small networks.`,
      description:
        message`Runs the embedded relay until SIGTERM or SIGINT, and prints its URL on standard output. Its limits and what it says about itself stand in its NIP-11 document.`,
    },
  );
}
