/**
 * What a gateway has run before, kept over its restarts.
 *
 * @module
 */
import type { CliIo } from "../../io.ts";
import type { StoredKey } from "../../key_store.ts";
import { replayFile } from "../../paths.ts";
import { ReplayFile } from "../../replay_file.ts";
import type { Journal } from "./_journal.ts";

/** What a server has run before; without a place for that it runs all the same. */
export async function openReplayFile(
  { signer }: StoredKey,
  { env }: CliIo,
  journal: Journal,
): Promise<ReplayFile | undefined> {
  const path = replayFile(signer.pubkey, env);
  try {
    if (path === undefined) throw new Error("neither XDG_CONFIG_HOME nor HOME is set");
    return await ReplayFile.open(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    journal.warn(
      `what ran is not kept, so messages of the last 5 minutes that somebody publishes once more may run again after a restart: ${reason}`,
    );
    return undefined;
  }
}
