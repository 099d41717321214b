/**
 * What the world is told of a server: the options of every command that announces one.
 *
 * @module
 */
import { message } from "@optique/core/message";
import { multiple, optional } from "@optique/core/modifiers";
import { negatableFlag, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import type { CommonSchemaOptions } from "../transport/discovery/schema_decorator.ts";

/** What the world is told of a server. */
export interface AnnouncementArguments {
  /** The server's name. */
  readonly name?: string;
  /** What the server does. */
  readonly about?: string;
  /** The server's website. */
  readonly website?: string;
  /** The server's picture. */
  readonly picture?: string;
  /** Whether to publish the list of relays; by default with the announcement. */
  readonly relayList?: boolean;
  /** What the tools are good for. */
  readonly category: readonly string[];
  /** The tools that implement a common schema. */
  readonly commonSchema: readonly string[];
}

/** The options of {@linkcode AnnouncementArguments}. */
export function announcementFields() {
  return {
    name: optional(option("--name", string({ metavar: "TEXT" }), {
      description: message`The server's name.`,
    })),
    about: optional(option("--about", string({ metavar: "TEXT" }), {
      description: message`What the server does.`,
    })),
    website: optional(option("--website", string({ metavar: "URL" }), {
      description: message`The server's website.`,
    })),
    picture: optional(option("--picture", string({ metavar: "URL" }), {
      description: message`The server's picture.`,
    })),
    relayList: optional(negatableFlag({
      positive: "--relay-list",
      negative: "--no-relay-list",
    }, {
      description:
        message`Whether the announcement comes with a list of the relays. Default: it does.`,
    })),
    category: multiple(option("--category", string({ metavar: "TEXT" }), {
      description:
        message`What the tools with a common schema are good for, such as weather-forecast. May be given several times.`,
    })),
    commonSchema: multiple(option("--common-schema", string({ metavar: "TOOL" }), {
      description:
        message`A tool that implements a common schema (CEP-15), or all. May be given several times.`,
    })),
  };
}

/** The common schemas of a command line. */
export function commonSchemasOf(
  { commonSchema, category }: Pick<AnnouncementArguments, "commonSchema" | "category">,
): CommonSchemaOptions {
  return { tools: commonSchema.includes("all") ? "all" : commonSchema, categories: category };
}
