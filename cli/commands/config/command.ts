/**
 * `cvm config`: the command line.
 *
 * @module
 */
import { merge, object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import { type OutputArguments, outputOptions } from "../../options.ts";
import { choiceErrors } from "../../suggestions.ts";

/** What was said on the command line of `cvm config show`. */
export interface ConfigShowArguments extends OutputArguments {
  /** The command. */
  readonly command: "config show";
  /** The command whose settings are shown. */
  readonly of: readonly string[];
}

/** What was said on the command line of `cvm config path`. */
export interface ConfigPathArguments extends OutputArguments {
  /** The command. */
  readonly command: "config path";
}

/** What was said on the command line of `cvm config set` and `cvm config unset`. */
export interface ConfigEditArguments extends OutputArguments {
  /** The command. */
  readonly command: "config set" | "config unset";
  /** The setting, such as `aliases.friend`. */
  readonly key: string;
  /** Its values; none to unset it. */
  readonly values: readonly string[];
  /** Whether to edit the project's file. */
  readonly project: boolean;
}

/** What was said on the command line of `cvm config`. */
export type ConfigArguments = ConfigShowArguments | ConfigPathArguments | ConfigEditArguments;

/** The parser of `cvm config`. */
export function configCommand(): Parser<"sync", ConfigArguments, unknown> {
  const show = command(
    "show",
    merge(
      object({
        command: constant("config show"),
        of: multiple(argument(string({ metavar: "COMMAND" }), {
          description:
            message`A command, such as gateway, whose settings to show. Without it: those that the commands share.`,
        })),
      }),
      outputOptions(),
    ),
    {
      brief: message`Show each setting, and where its value comes from.`,
      description:
        message`Shows each setting with its value and where that comes from. Secrets are not shown. The same for one run of a command: --print-config.`,
    },
  );
  const path = command(
    "path",
    merge(object({ command: constant("config path") }), outputOptions()),
    {
      brief: message`Show which files are read.`,
      description: message`Shows which files are read.`,
    },
  );
  const set = command(
    "set",
    merge(
      object({
        command: constant("config set"),
        key: key(),
        values: multiple(
          argument(string({ metavar: "VALUE" }), {
            description: message`Its value; several for a list.`,
          }),
          { min: 1 },
        ),
        project: project(),
      }),
      outputOptions(),
    ),
    {
      brief: message`Write a setting into the configuration file.`,
      description:
        message`Writes a setting, an alias or the relays into the user's configuration file. Comments in it stay.`,
    },
  );
  const unset = command(
    "unset",
    merge(
      object({
        command: constant("config unset"),
        key: key(),
        values: constant([]),
        project: project(),
      }),
      outputOptions(),
    ),
    {
      brief: message`Take a setting out of the configuration file.`,
      description:
        message`Takes a setting, an alias or the relays out of the user's configuration file. Comments in it stay.`,
    },
  );
  const commands = [show, path, set, unset] as const;
  return command("config", or(...commands, { errors: choiceErrors(commands) }), {
    brief: message`Show and change the configuration.`,
    description: message`Shows and changes the configuration.`,
  });
}

function key() {
  return argument(string({ metavar: "KEY" }), {
    description:
      message`The setting: aliases.NAME, relays, an option such as timeout, or one of a command such as proxy.http.`,
  });
}

function project() {
  return withDefault(
    flag("--project", { description: message`Edit cvm.json in the working directory.` }),
    false,
  );
}
