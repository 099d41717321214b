/**
 * `cvm keys`: the command line.
 *
 * @module
 */
import { merge, object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import { type OutputArguments, outputOptions } from "../../options.ts";
import { choiceErrors } from "../../suggestions.ts";

/** What was said on the command line of `cvm keys generate`. */
export interface KeysGenerateArguments extends OutputArguments {
  /** The command. */
  readonly command: "keys generate";
  /** The file that is made. */
  readonly keyFile?: string;
  /** Whether to print the private key instead of keeping it. */
  readonly print: boolean;
}

/** What was said on the command line of `cvm keys show`. */
export interface KeysShowArguments extends OutputArguments {
  /** The command. */
  readonly command: "keys show";
  /** A public key in any form; without it the key comes from the file or from standard input. */
  readonly key?: string;
  /** The file of a private key; `-` for standard input. */
  readonly keyFile?: string;
  /** Relays for the nprofile. */
  readonly relay: readonly string[];
  /** Whether to print the private key too. */
  readonly secret: boolean;
}

/** The parser of `cvm keys`. */
export function keysCommand(): Parser<
  "sync",
  KeysGenerateArguments | KeysShowArguments,
  unknown
> {
  const generate = command(
    "generate",
    merge(
      object({ command: constant("keys generate") }),
      object("Key", {
        keyFile: optional(option("--key-file", string({ metavar: "FILE" }), {
          description:
            message`The file to make, readable by you alone. Default: the key with which cvm visits servers.`,
        })),
        print: withDefault(
          flag("--print", {
            description:
              message`Print the private key (nsec) on standard output, and keep nothing.`,
          }),
          false,
        ),
      }),
      outputOptions(),
    ),
    {
      brief: message`Make a key.`,
      description:
        message`Makes a private key, writes it to a file that must not exist yet, and prints its npub.`,
    },
  );
  const show = command(
    "show",
    merge(
      object({ command: constant("keys show") }),
      object("Key", {
        key: optional(argument(string({ metavar: "NPUB" }), {
          description:
            message`A public key: hex, npub, nprofile or naddr. Never a private key; those come from a file or from standard input.`,
        })),
        keyFile: optional(option("--key-file", string({ metavar: "FILE" }), {
          description:
            message`The file of a private key; - for standard input. Default: the key with which cvm visits servers.`,
        })),
        relay: multiple(option("--relay", string({ metavar: "URL" }), {
          description: message`A relay to name in the nprofile.`,
        })),
        secret: withDefault(
          flag("--secret", {
            description: message`Print the private key too, as nsec.`,
          }),
          false,
        ),
      }),
      outputOptions(),
    ),
    {
      brief: message`Show a key in all its forms.`,
      description:
        message`Shows a public key, or that of a private key, as hex, npub and nprofile.`,
    },
  );
  return command("keys", or(generate, show, { errors: choiceErrors([generate, show]) }), {
    brief: message`Make and show keys.`,
    description: message`Makes keys and shows them in all their forms.`,
  });
}
