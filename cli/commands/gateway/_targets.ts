/**
 * How the MCP servers behind a gateway are opened.
 *
 * @module
 */
import type { OpenUpstream } from "../../../transport/gateway.ts";
import { readBearer } from "../../bearer.ts";
import { childEnvironment } from "../../child_environment.ts";
import { ChildProcessTransport } from "../../child_process.ts";
import { UsageError } from "../../exit_codes.ts";
import { entryOpener } from "../../entry_target.ts";
import { parseHeaders } from "../../header_option.ts";
import { HttpUpstream } from "../../http_upstream.ts";
import type { CliIo } from "../../io.ts";
import type { ServerEntry } from "../../servers_file.ts";
import type { GatewayArguments } from "./command.ts";
import type { Journal } from "./_journal.ts";

/**
 * How the MCP server of the command line is opened: a URL, or a process.
 *
 * @throws {UsageError} When the command line names none, or options do not fit to it.
 * @throws {InputError} When a file can't be read.
 */
export async function openTarget(
  args: GatewayArguments,
  { label, io, journal }: {
    readonly label: string;
    readonly io: CliIo;
    readonly journal: Journal;
  },
): Promise<OpenUpstream> {
  const [command = "", ...rest] = args.target;
  if (/^https?:\/\//i.test(command)) {
    if (rest.length > 0) {
      throw new UsageError(`after the URL ${command} nothing may follow, but "${rest[0]}" does`);
    }
    if (args.env.length > 0 || args.envFile.length > 0 || args.cwd !== undefined) {
      throw new UsageError("--env, --env-file and --cwd are for a server that is a process");
    }
    const url = URL.parse(command);
    if (url === null) throw new UsageError(`${command} is not a URL`);
    const headers = parseHeaders(args.header, io.env);
    const bearer = await readBearer({
      file: args.bearerFile,
      variable: "CVM_UPSTREAM_BEARER",
      env: io.env,
    });
    return () => new HttpUpstream({ url, headers, bearer, fetch: io.fetch });
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(command)) {
    throw new UsageError(`${command}: the URL of an MCP server begins with http:// or https://`);
  }
  if (args.header.length > 0 || args.bearerFile !== undefined) {
    throw new UsageError("--header and --bearer-file are for a server at a URL");
  }
  const env = await childEnvironment({
    env: io.env,
    clean: args.cleanEnv,
    files: args.envFile,
    assignments: args.env,
  });
  return openProcess({ command, args: rest, cwd: args.cwd, label, journal }, env);
}

/** How a process is opened; what it says on its standard error goes to the journal. */
function openProcess(
  { command, args, cwd, label, journal }: {
    readonly command: string;
    readonly args: readonly string[];
    readonly cwd?: string;
    readonly label: string;
    readonly journal: Journal;
  },
  env: Readonly<Record<string, string>>,
): OpenUpstream {
  const onStderr = (line: string) => journal.ofChild(label, line);
  return () => new ChildProcessTransport({ command, args, env, cwd, onStderr });
}

/**
 * How a server of a file is opened.
 *
 * @throws {InputError} When a file of variables can't be read.
 */
export async function openEntry(
  { target }: ServerEntry,
  { label, cleanEnv, io, journal }: {
    readonly label: string;
    readonly cleanEnv: boolean;
    readonly io: CliIo;
    readonly journal: Journal;
  },
): Promise<OpenUpstream> {
  const onStderr = (line: string) => journal.ofChild(label, line);
  return await entryOpener(target, { cleanEnv, io, onStderr });
}
