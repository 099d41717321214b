/**
 * `cvm announce`: the command line.
 *
 * @module
 */
import { merge, object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import { type AnnouncementArguments, announcementFields } from "../../announcement_options.ts";
import { wordsAfterDashes } from "../../double_dash.ts";
import {
  childOptions,
  type NetworkArguments,
  networkOptions,
  type OutputArguments,
  outputOptions,
  type RelayTimeoutArguments,
  relayTimeoutOptions,
} from "../../options.ts";
import { choiceErrors } from "../../suggestions.ts";

/** What every subcommand of `cvm announce` is told. */
export interface AnnounceCommonArguments
  extends RelayTimeoutArguments, NetworkArguments, OutputArguments {
  /** The command that starts the MCP server, or its URL; it also says which key is meant. */
  readonly target: readonly string[];
  /** The file of an MCP host that names the server, and its key. */
  readonly servers?: string;
  /** What that file calls it. */
  readonly entry?: string;
}

/** What was said on the command line of `cvm announce preview` and `publish`. */
export interface AnnouncePublishArguments extends AnnounceCommonArguments, AnnouncementArguments {
  /** The command. */
  readonly command: "announce preview" | "announce publish";
  /** Variables of the process. */
  readonly env: readonly string[];
  /** The working directory of the process. */
  readonly cwd?: string;
}

/** What was said on the command line of `cvm announce show`. */
export interface AnnounceShowArguments extends AnnounceCommonArguments {
  /** The command. */
  readonly command: "announce show";
  /** The server; our own by default. */
  readonly server?: string;
}

/** What was said on the command line of `cvm announce delete`. */
export interface AnnounceDeleteArguments extends AnnounceCommonArguments {
  /** The command. */
  readonly command: "announce delete";
  /** Why, for people. */
  readonly reason: string;
  /** Whether the profile goes, too. */
  readonly profile: boolean;
}

/** What was said on the command line. */
export type AnnounceArguments =
  | AnnouncePublishArguments
  | AnnounceShowArguments
  | AnnounceDeleteArguments;

/** The parser of `cvm announce`. */
export function announceCommand(): Parser<"sync", AnnounceArguments, unknown> {
  const preview = command(
    "preview",
    merge(
      object({ command: constant("announce preview") }),
      entryOptions(),
      publishOptions(),
      commonOptions(),
    ),
    {
      brief: message`Print what would be published.`,
      description:
        message`Starts the MCP server after --, or asks the one at the URL after --, and prints the events that would announce it. Nothing is published.`,
    },
  );
  const publish = command(
    "publish",
    merge(
      object({ command: constant("announce publish") }),
      entryOptions(),
      publishOptions(),
      commonOptions(),
    ),
    {
      brief: message`Announce a server, and leave.`,
      description:
        message`Announces the MCP server after --, or at the URL after --, as cvm gateway --announce does, with the same key. Nobody answers there until a gateway runs.`,
    },
  );
  const show = command(
    "show",
    merge(
      object({ command: constant("announce show") }),
      object({
        server: optional(argument(string({ metavar: "SERVER" }), {
          description:
            message`The server: hex, npub, nprofile, naddr, name@domain, or an alias. Default: the one with our key, see --key-file.`,
        })),
      }),
      commonOptions(),
    ),
    {
      brief: message`Show what is published, and where.`,
      description:
        message`Shows the events that announce a server, how old they are, and which relays have the newest ones.`,
    },
  );
  const remove = command(
    "delete",
    merge(
      object({ command: constant("announce delete") }),
      entryOptions(),
      object("Deletion", {
        reason: withDefault(
          option("--reason", string({ metavar: "TEXT" }), {
            description: message`Why, for people.`,
          }),
          "The server is not offered any more",
        ),
        profile: withDefault(
          flag("--profile", { description: message`Delete the profile, too.` }),
          false,
        ),
      }),
      commonOptions(),
    ),
    {
      brief: message`Take an announcement back.`,
      description:
        message`Asks all relays to delete the announcement, the lists and the relay list of our key.`,
    },
  );
  const actions = [preview, publish, show, remove] as const;
  return command("announce", or(...actions, { errors: choiceErrors(actions) }), {
    brief: message`Preview, publish, show and delete announcements.`,
    description:
      message`Shows what would be published of a server, publishes it, shows what is published, and takes it back. The key is that of --key-file or CVM_PRIVATE_KEY, else the one that cvm gateway has for the command or URL after --.`,
  });
}

function commonOptions() {
  return merge(
    object("Target", { target: wordsAfterDashes() }),
    relayTimeoutOptions(),
    networkOptions(),
    outputOptions(),
  );
}

function entryOptions() {
  return object("Server of a file", {
    servers: optional(option("--servers", string({ metavar: "FILE" }), {
      description:
        message`The server stands in an MCP host's file (mcpServers or servers): cvm announce publish --servers FILE NAME. The key and what is announced are those of cvm gateway --servers FILE NAME.`,
    })),
    entry: optional(argument(string({ metavar: "NAME" }), {
      description: message`What the file of --servers calls the server.`,
    })),
  });
}

function publishOptions() {
  return merge(
    object("MCP server", childOptions()),
    object("Announcement", announcementFields()),
  );
}
