/**
 * Whose announcement is meant, and where it goes.
 *
 * @module
 */
import { InputError } from "../../../errors.ts";
import { loadConfig } from "../../config.ts";
import { DEFAULT_RELAYS } from "../../default_relays.ts";
import { entryKeySources } from "../../entry_offer.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { type KeySources, loadKey, type StoredKey } from "../../key_store.ts";
import { gatewayKeyFile } from "../../paths.ts";
import { KEY_VARIABLE } from "../../secret_variables.ts";
import type { AnnounceCommonArguments } from "./command.ts";
import type { AnnouncedEntry } from "./entry.ts";

/** Where the key is that is meant. */
export function keySources(
  args: AnnounceCommonArguments,
  io: CliIo,
  found?: AnnouncedEntry,
): KeySources {
  const { keyFile: file, passwordFile, connectTimeoutMs, timeoutMs: bunkerTimeoutMs } = args;
  const defaultFile = () => gatewayKeyFile(args.target, io.env);
  const place = found === undefined
    ? { file, defaultFile, io }
    : entryKeySources(found.entry, { file: found.file, io });
  return { ...place, passwordFile, connectTimeoutMs, bunkerTimeoutMs };
}

/** The key that is meant, if it is there. None is ever made here. */
export async function knownKey(
  args: AnnounceCommonArguments,
  io: CliIo,
  found?: AnnouncedEntry,
): Promise<StoredKey | undefined> {
  const isNamed = args.keyFile !== undefined || (io.env.get(KEY_VARIABLE) ?? "") !== "" ||
    args.target.length > 0 || found !== undefined;
  return isNamed ? await loadKey(keySources(args, io, found)) : undefined;
}

/** The key that is meant. @throws {UsageError} When nothing says which. */
export async function demandKey(
  args: AnnounceCommonArguments,
  io: CliIo,
  found?: AnnouncedEntry,
): Promise<StoredKey> {
  const key = await knownKey(args, io, found);
  if (key !== undefined) return key;
  if (args.keyFile === undefined && args.target.length === 0 && found === undefined) {
    throw new UsageError(
      `whose announcement? Name the key with --key-file or ${KEY_VARIABLE}, or the gateway's command after --`,
    );
  }
  throw new InputError("KEY_INVALID", "there is no such key: nothing was announced with it here");
}

/** The relays on which a server is announced. */
export async function ownRelays(
  args: AnnounceCommonArguments,
  io: CliIo,
): Promise<readonly string[]> {
  if (args.relay.length > 0) return args.relay;
  return (await loadConfig(io)).relays ?? DEFAULT_RELAYS;
}
