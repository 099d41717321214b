/**
 * An MCP server that is not on Nostr: behind a URL, or started here.
 *
 * @module
 */
import type { Transport } from "../../../transport/types.ts";
import { childEnvironment } from "../../child_environment.ts";
import { ChildProcessTransport } from "../../child_process.ts";
import { entryOpener } from "../../entry_target.ts";
import { UsageError } from "../../exit_codes.ts";
import { parseHeaders } from "../../header_option.ts";
import { HttpUpstream } from "../../http_upstream.ts";
import type { CliIo } from "../../io.ts";
import { slugOf } from "../../paths.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { readHostEntry } from "./host_entry.ts";
import type { Target, TargetArguments } from "./target.ts";

/** A server that is not on Nostr. */
export interface LocalTarget {
  /** A command and its arguments, or one URL. */
  readonly words: readonly string[];
  /** Whether it is a URL. */
  readonly isUrl: boolean;
  /** Headers of each request to a URL, `NAME=VALUE`. */
  readonly header?: readonly string[];
  /** Variables of the process. */
  readonly env: readonly string[];
  /** The working directory of the process. */
  readonly cwd?: string;
}

/** Prepares the connection to the server that `--servers`, `--http` or `--stdio` means; nothing is started. */
export async function prepareNamed(
  args: TargetArguments,
  server: string | undefined,
  io: CliIo,
): Promise<Target> {
  const { http, stdio, servers, childCommand } = args;
  if (servers !== undefined) {
    const label = server ?? "";
    const { target } = await readHostEntry(servers, label, io);
    const open = await entryOpener(target, { cleanEnv: false, io, onStderr: stderrOf(label, io) });
    return { label, transport: open() };
  }
  const words = http === undefined ? childCommand : [http];
  const { label, open } = await prepareLocal({ ...args, words, isUrl: !stdio }, io);
  return { label, transport: open() };
}

/** Prepares connections to a server that is not on Nostr: to a URL, or to a process for each. */
export async function prepareLocal(
  { words, isUrl, header = [], env: assignments, cwd }: LocalTarget,
  io: CliIo,
): Promise<{ readonly label: string; readonly open: () => Transport }> {
  const [command = "", ...rest] = words;
  if (isUrl) {
    const url = URL.parse(command);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new UsageError(`${command} is not an http: or https: URL`);
    }
    const bearer = io.env.get("CVM_UPSTREAM_BEARER");
    const headers = parseHeaders(header, io.env);
    return {
      label: url.origin,
      open: () => new HttpUpstream({ url, headers, bearer, fetch: io.fetch }),
    };
  }
  const env = await childEnvironment({ env: io.env, clean: false, files: [], assignments });
  const label = slugOf(words);
  const process = { command, args: rest, env, cwd, onStderr: stderrOf(label, io) };
  return { label, open: () => new ChildProcessTransport(process) };
}

/** Shows what a process says on its standard error. */
export function stderrOf(label: string, { stderr }: CliIo): (line: string) => void {
  return (line) => {
    // Nothing is left to tell a failure to when standard error is gone.
    stderr.write(`[${label}] ${sanitizeLine(line, 2_000)}\n`).catch(() => undefined);
  };
}
