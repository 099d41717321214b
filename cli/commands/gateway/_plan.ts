/**
 * What a gateway is to run.
 *
 * @module
 */
import type { AnnounceOptions } from "../../../transport/discovery/announcer.ts";
import type { CommonSchemaOptions } from "../../../transport/discovery/schema_decorator.ts";
import type { OpenUpstream } from "../../../transport/gateway.ts";
import type { ToolFilterOptions } from "../../../transport/tool_filter.ts";
import type { ServerInfo } from "../../../transport/wire/server_info.ts";
import { parseAllowed } from "../../allow_option.ts";
import { commonSchemasOf } from "../../announcement_options.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { loadOrCreateKey, type StoredKey } from "../../key_store.ts";
import { gatewayKeyFile, slugOf } from "../../paths.ts";
import { readProfile } from "../../profile_file.ts";
import { KEY_VARIABLE } from "../../secret_variables.ts";
import { toolsOf } from "../../tool_choice.ts";
import type { GatewayArguments } from "./command.ts";
import type { Journal } from "./_journal.ts";
import { openTarget } from "./_targets.ts";

/** One server that is to be put on Nostr. */
export interface GatewayPlan {
  /** A short name for it, in messages and in an MCP host's configuration. */
  readonly label: string;
  /** Opens the MCP server; or several that are one server to clients, by their names. */
  readonly upstream: OpenUpstream | Readonly<Record<string, OpenUpstream>>;
  /** Its key. */
  readonly key: StoredKey;
  /** What it says of itself. */
  readonly info: ServerInfo;
  /** Its profile, where that is published. */
  readonly profile: AnnounceOptions["profile"];
  /** Which of its tools implement common schemas. */
  readonly commonSchemas: CommonSchemaOptions;
  /** Who may use it, hex, beside those of the allowlist file; `undefined` when it names nobody. */
  readonly allow: readonly string[] | undefined;
  /** Which of its tools are offered; `undefined` for all. */
  readonly tools: ToolFilterOptions | undefined;
  /** Whether it is announced. */
  readonly announce: boolean;
  /** Whether each client gets a server of its own. */
  readonly perClient: boolean;
}

/**
 * Plans the server of the command line.
 *
 * @throws {UsageError} When options do not fit together.
 * @throws {InputError} When a file, a key or a server can't be used.
 */
export async function planCommand(
  args: GatewayArguments,
  io: CliIo,
  journal: Journal,
): Promise<GatewayPlan> {
  const hasKey = args.keyFile !== undefined || (io.env.get(KEY_VARIABLE) ?? "") !== "";
  if (args.target.length === 0 && !(args.deleteAnnouncement && hasKey)) {
    throw new UsageError(
      "say after -- which command starts the MCP server, or give its http(s) URL, or a file with --servers",
    );
  }
  const { name, about, website, picture, announce, perClient } = args;
  const { passwordFile, connectTimeoutMs } = args;
  const label = slugOf(args.target);
  const profile = await readProfile(args.profile); // before a key is made
  const upstream = await openTarget(args, { label, io, journal });
  const defaultFile = () => gatewayKeyFile(args.target, io.env);
  return {
    label,
    upstream,
    key: await loadOrCreateKey({
      file: args.keyFile,
      defaultFile,
      io,
      passwordFile,
      connectTimeoutMs,
    }),
    info: { name, about, website, picture },
    profile,
    commonSchemas: commonSchemasOf(args),
    allow: args.allow.length > 0 ? args.allow.map(parseAllowed) : undefined,
    tools: toolsOf(args),
    announce,
    perClient,
  };
}
