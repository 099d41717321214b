/**
 * Profiles (kind 0) in files.
 *
 * @module
 */
import type { AnnounceOptions } from "../transport/discovery/announcer.ts";
import { checkProfile } from "../transport/discovery/profile.ts";
import { readJsonFile } from "./json_document.ts";

/**
 * The profile in a file.
 *
 * @throws {InputError} CONFIG_INVALID when it can't be read or is no profile.
 */
export async function readProfile(file: string | undefined): Promise<AnnounceOptions["profile"]> {
  if (file === undefined) return undefined;
  const value = await readJsonFile(file);
  const fields = [...value.fields()].map(([name, field]) => [name, field.plain()]);
  const profile = Object.fromEntries(fields);
  checkProfile(profile);
  return profile;
}
