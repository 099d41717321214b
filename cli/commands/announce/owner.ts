/**
 * Whose announcement is meant, and where it goes.
 *
 * @module
 */
import { InputError } from "../../../errors.ts";
import { loadConfig } from "../../config.ts";
import { DEFAULT_RELAYS } from "../../default_relays.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { KEY_VARIABLE, loadOrCreateKey, readKeyFile, type StoredKey } from "../../key_store.ts";
import { gatewayKeyFile } from "../../paths.ts";
import type { AnnounceCommonArguments } from "./command.ts";

/** The key that is meant, if it is there. None is ever made here. */
export async function knownKey(
  args: AnnounceCommonArguments,
  io: CliIo,
): Promise<StoredKey | undefined> {
  const { keyFile, target } = args;
  if (keyFile !== undefined) return await readKeyFile(keyFile);
  if (target.length > 0 && (io.env.get(KEY_VARIABLE) ?? "") === "") {
    return await readKeyFile(await gatewayKeyFile(target, io.env));
  }
  if ((io.env.get(KEY_VARIABLE) ?? "") === "") return undefined;
  // The variable holds it: no file is looked at.
  return await loadOrCreateKey({ defaultFile: "", env: io.env });
}

/** The key that is meant. @throws {UsageError} When nothing says which. */
export async function demandKey(args: AnnounceCommonArguments, io: CliIo): Promise<StoredKey> {
  const key = await knownKey(args, io);
  if (key !== undefined) return key;
  if (args.keyFile === undefined && args.target.length === 0) {
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
  return (await loadConfig(io.env)).relays ?? DEFAULT_RELAYS;
}
