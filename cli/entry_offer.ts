/**
 * What a server of a host's file is on Nostr: its key, what it says of itself, and its tools.
 *
 * @module
 */
import type { AnnounceOptions } from "../transport/discovery/announcer.ts";
import type { CommonSchemaOptions } from "../transport/discovery/schema_decorator.ts";
import type { ToolFilterOptions } from "../transport/tool_filter.ts";
import type { ServerInfo } from "../transport/wire/server_info.ts";
import { commonSchemasOf } from "./announcement_options.ts";
import type { CliIo, Environment } from "./io.ts";
import type { KeySources } from "./key_store.ts";
import { entryKeyFile } from "./paths.ts";
import { readProfile } from "./profile_file.ts";
import { KEY_VARIABLE } from "./secret_variables.ts";
import type { ServerEntry } from "./servers_file.ts";
import { toolsOf } from "./tool_choice.ts";

/** What a server of a file is offered as. */
export interface EntryOffer {
  /** What it says of itself. */
  readonly info: ServerInfo;
  /** Its profile, where that is published. */
  readonly profile: AnnounceOptions["profile"];
  /** Which of its tools implement common schemas. */
  readonly commonSchemas: CommonSchemaOptions;
  /** Which of its tools are offered; `undefined` for all. */
  readonly tools: ToolFilterOptions | undefined;
}

/** What the command line says of the tools of all servers of a file. */
export interface EntryOfferOptions {
  /**
   * The tools that are offered, where the file names none.
   * @default {[]}
   */
  readonly tool?: readonly string[];
  /**
   * Tools that are not offered, beside those of the file.
   * @default {[]}
   */
  readonly denyTool?: readonly string[];
}

/**
 * Reads what an entry says.
 *
 * @throws {InputError} CONFIG_INVALID when its profile can't be read.
 */
export async function offerOf(
  { name, settings }: ServerEntry,
  { tool = [], denyTool = [] }: EntryOfferOptions = {},
): Promise<EntryOffer> {
  const { about, website, picture } = settings;
  return {
    info: { name: settings.name ?? name, about, website, picture },
    profile: await readProfile(settings.profile),
    commonSchemas: commonSchemasOf({
      commonSchema: settings.commonSchemas ?? [],
      category: settings.categories ?? [],
    }),
    tools: toolsOf({
      tool: settings.tools ?? tool,
      denyTool: [...denyTool, ...settings.denyTools],
      isClosed: settings.tools !== undefined || tool.length > 0,
    }),
  };
}

/** Where the key of an entry is. `CVM_PRIVATE_KEY` is one key, and there may be many servers. */
export function entryKeySources(
  { name, settings }: ServerEntry,
  { file, io }: { readonly file: string; readonly io: CliIo },
): Pick<KeySources, "file" | "defaultFile" | "io"> {
  return {
    file: settings.keyFile,
    defaultFile: () => entryKeyFile({ file, name }, io.env),
    io: { ...io, env: withoutKey(io.env) },
  };
}

function withoutKey(env: Environment): Environment {
  return { ...env, get: (name) => name === KEY_VARIABLE ? undefined : env.get(name) };
}
