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
import { type OutputArguments, outputOptions, passwordFileOption } from "../../options.ts";
import { choiceErrors } from "../../suggestions.ts";

/** What all of `cvm keys` take. */
interface KeyArguments extends OutputArguments {
  /** The file of the key. */
  readonly keyFile?: string;
  /** The file of the password of an encrypted key. */
  readonly passwordFile?: string;
}

/** What was said on the command line of `cvm keys generate`. */
export interface KeysGenerateArguments extends KeyArguments {
  /** The command. */
  readonly command: "keys generate";
  /** Whether to print the private key instead of keeping it. */
  readonly print: boolean;
  /** Whether to encrypt it. */
  readonly encrypt: boolean;
}

/** What was said on the command line of `cvm keys show`. */
export interface KeysShowArguments extends KeyArguments {
  /** The command. */
  readonly command: "keys show";
  /** A public key in any form; without it the key comes from the file or from standard input. */
  readonly key?: string;
  /** Relays for the nprofile. */
  readonly relay: readonly string[];
  /** Whether to print the private key too. */
  readonly secret: boolean;
}

/** What was said on the command line of `cvm keys import`. */
export interface KeysImportArguments extends KeyArguments {
  /** The command. */
  readonly command: "keys import";
  /** The file that the key comes from; `-` for standard input. */
  readonly from?: string;
  /** Whether to encrypt it. */
  readonly encrypt: boolean;
}

/** What was said on the command line of `cvm keys encrypt` and `cvm keys decrypt`. */
export interface KeysConvertArguments extends KeyArguments {
  /** The command. */
  readonly command: "keys encrypt" | "keys decrypt";
}

/** What was said on the command line of `cvm keys`. */
export type KeysArguments =
  | KeysGenerateArguments
  | KeysShowArguments
  | KeysImportArguments
  | KeysConvertArguments;

/** The parser of `cvm keys`. */
export function keysCommand(): Parser<"sync", KeysArguments, unknown> {
  const generate = command(
    "generate",
    merge(
      object({ command: constant("keys generate") }),
      object("Key", {
        keyFile: newKeyFile(),
        print: withDefault(
          flag("--print", {
            description:
              message`Print the private key (nsec) on standard output, and keep nothing.`,
          }),
          false,
        ),
        encrypt: encrypt(),
        passwordFile: optional(passwordFileOption()),
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
            message`The file of a private key or of a bunker's address; - for standard input. Default: the key with which cvm visits servers.`,
        })),
        passwordFile: optional(passwordFileOption()),
        relay: multiple(option("--relay", string({ metavar: "URL" }), {
          description: message`A relay to name in the nprofile.`,
        })),
        secret: withDefault(
          flag("--secret", { description: message`Print the private key (nsec) too.` }),
          false,
        ),
      }),
      outputOptions(),
    ),
    {
      brief: message`Show a key in all its forms.`,
      description:
        message`Shows a public key, or that of a private key, as hex, npub and nprofile. Of a key in a bunker, the bunker is asked.`,
    },
  );
  const importKey = command(
    "import",
    merge(
      object({ command: constant("keys import") }),
      object("Key", {
        from: optional(option("--from", string({ metavar: "FILE" }), {
          description:
            message`Where the key comes from; - for standard input. Default: what you type at the prompt or, without a terminal, standard input.`,
        })),
        keyFile: newKeyFile(),
        encrypt: encrypt(),
        passwordFile: optional(passwordFileOption()),
      }),
      outputOptions(),
    ),
    {
      brief: message`Keep a key that you have.`,
      description:
        message`Writes a private key (nsec, hex or ncryptsec) or a bunker's address (bunker://…) to a file, readable by you alone, that must not exist yet.`,
    },
  );
  const commands = [
    generate,
    show,
    importKey,
    convert("encrypt"),
    convert("decrypt"),
  ] as const;
  return command(
    "keys",
    or(...commands, { errors: choiceErrors(commands) }),
    {
      brief: message`Make, show, keep and encrypt keys.`,
      description: message`Makes keys, keeps them in files and shows them in all their forms.`,
    },
  );
}

function convert(what: "encrypt" | "decrypt") {
  const name = what === "encrypt" ? constant("keys encrypt") : constant("keys decrypt");
  return command(
    what,
    merge(
      object({ command: name }),
      object("Key", {
        keyFile: optional(option("--key-file", string({ metavar: "FILE" }), {
          description: message`The file. Default: the key with which cvm visits servers.`,
        })),
        passwordFile: optional(passwordFileOption()),
      }),
      outputOptions(),
    ),
    what === "encrypt"
      ? {
        brief: message`Put a key file under a password.`,
        description:
          message`Replaces the private key in a file by the same under a password (ncryptsec, NIP-49).`,
      }
      : {
        brief: message`Take the password off a key file.`,
        description: message`Replaces an encrypted private key in a file by the same as nsec.`,
      },
  );
}

function newKeyFile() {
  return optional(option("--key-file", string({ metavar: "FILE" }), {
    description:
      message`The file to make, readable by you alone. Default: the key with which cvm visits servers.`,
  }));
}

function encrypt() {
  return withDefault(
    flag("--encrypt", { description: message`Put it under a password (ncryptsec, NIP-49).` }),
    false,
  );
}
