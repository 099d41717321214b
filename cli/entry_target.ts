/**
 * How a server that stands in a host's file is opened.
 *
 * @module
 */
import type { Transport } from "../transport/types.ts";
import { childEnvironment } from "./child_environment.ts";
import { ChildProcessTransport } from "./child_process.ts";
import { HttpUpstream } from "./http_upstream.ts";
import type { CliIo } from "./io.ts";
import type { HttpTarget, ProcessTarget } from "./servers_file.ts";

/** What a server is opened with. */
export interface EntryOptions {
  /** Whether a process starts with few variables beside its own, instead of ours. */
  readonly cleanEnv: boolean;
  /** Our environment. */
  readonly io: CliIo;
  /** Called with each line of a process's standard error. */
  readonly onStderr: (line: string) => void;
}

/**
 * Prepares connections to a server: to a URL, or to a process for each.
 *
 * @param target What the file says of it.
 * @param options What it is opened with.
 * @returns Makes a connection, not started.
 * @throws {InputError} CONFIG_INVALID when a file of variables can't be read.
 */
export async function entryOpener(
  target: ProcessTarget | HttpTarget,
  { cleanEnv, io, onStderr }: EntryOptions,
): Promise<() => Transport> {
  if ("url" in target) {
    const { url, headers } = target;
    return () => new HttpUpstream({ url, headers, fetch: io.fetch });
  }
  const { command, args, cwd, envFiles: files } = target;
  const inherited = await childEnvironment({
    env: io.env,
    clean: cleanEnv,
    files,
    assignments: [],
  });
  const env = { ...inherited, ...target.env };
  return () => new ChildProcessTransport({ command, args, env, cwd, onStderr });
}
