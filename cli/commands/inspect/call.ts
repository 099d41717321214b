/**
 * Calling a tool from the command line: arguments by its schema, streams as
 * they come, progress for who looks.
 *
 * @module
 */
import { SessionError } from "../../../errors.ts";
import { SUPPORT_OPEN_STREAM, SUPPORT_TRANSFER_TOKEN } from "../../../transport/wire/tags.ts";
import { ToolFailedError, UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import type { Output } from "../../output.ts";
import { sanitizeText, toSafeJson } from "../../sanitize.ts";
import { readInput } from "../../text_input.ts";
import { parseCallArguments } from "./arguments.ts";
import { ContentFiles, resultText } from "./content.ts";
import { isObject } from "./json_schema.ts";
import type { McpSession } from "./mcp_session.ts";
import { ProgressBar, readProgress } from "./progress_bar.ts";

/** What is kept of a stream for `--format json`, characters. */
const MAX_KEPT = 67_108_864;

type Result = Readonly<Record<string, unknown>>;

/** What was said on the command line about a call. */
export interface CallArguments {
  /** The arguments as one JSON object: text, `-` for standard input, `@FILE`. */
  readonly json?: string;
  /** The folder for binary content. */
  readonly output?: string;
  /** Whether to ask for a stream; by default when the server is known to be able to. */
  readonly stream?: boolean;
}

/** What a call works with. */
export interface CallContext {
  /** The server. */
  readonly session: McpSession;
  /** Where results go. */
  readonly output: Output;
  /** Where everything else goes. */
  readonly io: CliIo;
  /** How the call is made. */
  readonly args: CallArguments;
}

/**
 * Calls a tool and prints what comes of it.
 *
 * @param words The tool's name, then `key=value`.
 * @param context The server and the output.
 * @throws {ToolFailedError} When the tool reports an error; its output has been printed.
 */
export async function callTool(words: readonly string[], context: CallContext): Promise<void> {
  const { session, output, io, args } = context;
  const [name = "", ...rest] = words;
  if (args.stream && session.transport === undefined) {
    throw new UsageError("--stream is for servers on Nostr: MCP itself has no streams");
  }
  const json = args.json === undefined ? undefined : await readInput(args.json, "--json", io);
  const tool = await session.find("tools", name);
  const schema = isObject(tool.inputSchema) ? tool.inputSchema : {};
  const params = { name, arguments: parseCallArguments({ words: rest, json, schema }) };
  const bar = new ProgressBar(io.stderr);
  let result: Result;
  try {
    const streams = args.stream ??
      (session.supports(SUPPORT_OPEN_STREAM) && session.supports(SUPPORT_TRANSFER_TOKEN));
    result = streams
      ? await streamCall(params, context, bar)
      : await session.request("tools/call", params, {
        // Also where nobody looks: who says how far it is is waited for. A token also asks for a stream.
        ...(session.takesTokens && (args.stream !== false || io.stderr.isTerminal)
          ? { onprogress: (step) => bar.show(step) }
          : {}),
      });
  } finally {
    bar.clear();
  }
  if (args.output !== undefined) result = await detachAll(result, args.output, name);
  await output.result(result, () => resultText(result));
  if (result.isError === true) throw new ToolFailedError(`the tool ${name} reports an error`);
}

/** Writes the binary parts of a result's content to files. */
async function detachAll(result: Result, folder: string, name: string): Promise<Result> {
  if (!Array.isArray(result.content)) return result;
  const files = new ContentFiles(folder, name);
  const content: unknown[] = [];
  for (const part of result.content) content.push(await files.detach(part));
  return { ...result, content };
}

/** Calls with a stream; what comes is written at once, or with `json` kept and added to the result as `stream`. */
async function streamCall(
  params: Record<string, unknown>,
  { session, output, io }: CallContext,
  bar: ProgressBar,
): Promise<Result> {
  const { transport } = session;
  if (transport === undefined) throw new UsageError("only servers on Nostr stream");
  const call = transport.streamCall("tools/call", params, {
    signal: io.signal,
    timeoutMs: session.timeoutMs,
    onprogress: (report) => {
      const step = readProgress(report);
      if (step !== undefined) bar.show(step);
    },
  });
  const kept: string[] = [];
  let size = 0;
  let last = "\n";
  try {
    for await (const chunk of call.stream) {
      bar.clear();
      last = chunk.at(-1) ?? last;
      if (output.format === "text") await io.stdout.write(sanitizeText(chunk));
      else if (output.format === "jsonl") await io.stdout.write(toSafeJson({ chunk }) + "\n");
      else {
        kept.push(chunk);
        size += chunk.length;
        if (size > MAX_KEPT) {
          throw new SessionError("LIMIT_REACHED", "the stream is too long; use --format jsonl");
        }
      }
    }
    const result = await call.result;
    return kept.length === 0 ? result : { ...result, stream: kept };
  } finally {
    call.cancel();
    if (output.format === "text" && last !== "\n") await io.stdout.write("\n");
  }
}
