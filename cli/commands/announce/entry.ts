/**
 * A server that stands in an MCP host's file, as `cvm gateway --servers` has it.
 *
 * @module
 */
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import type { ServerEntry } from "../../servers_file.ts";
import { readHostEntry } from "../inspect/host_entry.ts";
import type { AnnounceArguments, AnnounceCommonArguments } from "./command.ts";

/** Options about one server, which have their place in the file. */
const IN_FILE: ReadonlyMap<string, string> = new Map([
  ["cwd", "--cwd"],
  ["env", "--env"],
  ["name", "--name"],
  ["about", "--about"],
  ["website", "--website"],
  ["picture", "--picture"],
  ["keyFile", "--key-file"],
  ["commonSchema", "--common-schema"],
  ["category", "--category"],
]);

/** A server of a file. */
export interface AnnouncedEntry {
  /** The file. */
  readonly file: string;
  /** What it says of the server. */
  readonly entry: ServerEntry;
}

/**
 * The server that `--servers FILE NAME` means.
 *
 * @returns The server; `undefined` without the option.
 * @throws {UsageError} When options do not fit together, or the file has no such server.
 * @throws {InputError} CONFIG_INVALID when the file or the server can't be used.
 */
export async function readEntry(
  args: AnnounceArguments,
  io: CliIo,
): Promise<AnnouncedEntry | undefined> {
  const { servers: file, entry: name, target }: AnnounceCommonArguments = args;
  if (file === undefined) {
    if (name === undefined) return undefined;
    throw new UsageError(`"${name}" is too much: the server's command or URL stands after --`);
  }
  if (name === undefined) throw new UsageError("--servers needs the server's name in the file");
  if (target.length > 0) {
    throw new UsageError("--servers names a server already, without a command after --");
  }
  for (const [key, value] of Object.entries(args)) {
    const option = IN_FILE.get(key);
    const isGiven = Array.isArray(value) ? value.length > 0 : value !== undefined;
    if (option === undefined || !isGiven) continue;
    throw new UsageError(`${option} is about one server; with --servers it stands in the file`);
  }
  return { file, entry: await readHostEntry(file, name, io) };
}
