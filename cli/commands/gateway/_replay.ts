/**
 * Where a server of a gateway keeps what it has run.
 *
 * @module
 */
import type { Environment } from "../../io.ts";
import { replayFile } from "../../paths.ts";
import { ReplayFile } from "../../replay_file.ts";

/** Whose file it is, and who is told when there is none. */
export interface ReplayOptions {
  /** The environment. */
  readonly env: Environment;
  /** Told what follows from that. */
  readonly warn: (message: string) => void;
}

/**
 * Opens the file of what a server has run before; without a place for that it
 * runs all the same.
 *
 * @param publicKey The server's key, hex.
 * @param options The environment, and who is told.
 */
export async function openReplayFile(
  publicKey: string,
  { env, warn }: ReplayOptions,
): Promise<ReplayFile | undefined> {
  const path = replayFile(publicKey, env);
  try {
    if (path === undefined) throw new Error("neither XDG_CONFIG_HOME nor HOME is set");
    return await ReplayFile.open(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    warn(
      `what ran is not kept, so messages of the last 5 minutes that somebody publishes once more may run again after a restart: ${reason}`,
    );
    return undefined;
  }
}
