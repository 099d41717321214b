/**
 * A server that stands in an MCP host's file, as the host would reach it.
 *
 * @module
 */
import { didYouMean } from "../../did_you_mean.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { readServersFile, type ServerEntry } from "../../servers_file.ts";

/**
 * What a host's file says of a server.
 *
 * @param file The file.
 * @param name What the file calls the server.
 * @param io The environment.
 * @returns The entry.
 * @throws {UsageError} When the file has no such server, or it is switched off there.
 * @throws {InputError} CONFIG_INVALID when the file or the entry can't be used.
 */
export async function readHostEntry(
  file: string,
  name: string,
  { env }: CliIo,
): Promise<ServerEntry> {
  const { entries, problems, disabled } = await readServersFile(file, env);
  const found = entries.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  const problem = problems.find((entry) => entry.name === name);
  if (problem !== undefined) throw problem.error;
  if (disabled.includes(name)) throw new UsageError(`"${name}" is switched off in ${file}`);
  const names = [...entries, ...problems].map((entry) => entry.name);
  const known = names.map((one) => sanitizeLine(one, 60)).join(", ");
  throw new UsageError(
    `${file} has no server "${name}"; it has: ${known || "none"}${didYouMean(name, names)}`,
  );
}
