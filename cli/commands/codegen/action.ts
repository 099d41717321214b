/**
 * `cvm codegen`: writes a typed client for a server's tools.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ListToolsResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { InputError } from "../../../errors.ts";
import { BANNER, clientModule, type ToolDescription } from "../../codegen/client_module.ts";
import { prepareConnection } from "../../connection.ts";
import { CheckFailedError, UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { Output } from "../../output.ts";
import { VERSION } from "../../version.ts";
import type { CodegenArguments } from "./command.ts";

/** Pages of tools that are read; a server that has more does not come to an end. */
const MAX_PAGES = 100;
/** Tools that are written down. */
const MAX_TOOLS = 5_000;

/** Connects, reads the tools, and writes or compares. */
export async function runCodegen(args: CodegenArguments, io: CliIo): Promise<void> {
  if (args.check && args.output === undefined) {
    throw new UsageError("--check compares with a file: name it with --output");
  }
  const text = await generate(args, io);
  const { output: file } = args;
  if (file === undefined) return await io.stdout.write(text);
  const before = await readExisting(file);
  const output = new Output(io, args.format);
  const changed = before !== text;
  if (args.check && changed) {
    throw new CheckFailedError(
      `${file} is not what the server's tools make; run it without --check`,
    );
  }
  if (changed) await write(file, text, before);
  await output.result(
    { file, changed },
    () => changed ? `${file} has been written` : `${file} is up to date`,
  );
}

async function generate(args: CodegenArguments, io: CliIo): Promise<string> {
  const { transport, server, key } = await prepareConnection(args, io, {
    handshakeTimeoutMs: Math.min(args.timeoutMs, 15_000),
    bunkerTimeoutMs: args.timeoutMs,
  });
  if (key.warning !== undefined) await new Output(io, args.format).warn(key.warning);
  const client = new Client({ name: "cvm-codegen", version: VERSION });
  const stop = () => void client.close();
  io.signal.addEventListener("abort", stop, { once: true });
  try {
    const options = { timeout: args.timeoutMs, signal: io.signal };
    await client.connect(transport, options);
    const title = transport.serverInfo.name ?? client.getServerVersion()?.name ?? "";
    return clientModule({
      address: server.address,
      title,
      tools: await listTools(client, options),
    });
  } finally {
    io.signal.removeEventListener("abort", stop);
    await client.close();
    // The client closes its transport only once it is connected.
    await transport.close();
  }
}

async function listTools(
  client: Client,
  options: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<readonly ToolDescription[]> {
  const tools: ToolDescription[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES && tools.length <= MAX_TOOLS; page++) {
    // Not `listTools()`: it compiles each output schema, and one that is wrong would end it.
    const params = cursor === undefined ? {} : { cursor };
    const request = { method: "tools/list", params } as const;
    const answer = await client.request(request, ListToolsResultSchema, options);
    tools.push(...answer.tools);
    if (answer.nextCursor === undefined || answer.nextCursor === cursor) return tools;
    cursor = answer.nextCursor;
  }
  throw new InputError(
    "LIMIT_REACHED",
    `the server lists more than ${MAX_TOOLS} tools, or ${MAX_PAGES} pages`,
  );
}

async function readExisting(file: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new InputError("CONFIG_INVALID", `${file} can't be read: ${textOf(cause)}`, { cause });
  }
}

async function write(file: string, text: string, before: string | undefined): Promise<void> {
  if (before !== undefined && !before.startsWith(BANNER)) {
    throw new InputError(
      "CONFIG_INVALID",
      `${file} is there, and cvm codegen has not made it; it stays as it is`,
    );
  }
  try {
    await Deno.writeTextFile(file, text);
  } catch (cause) {
    throw new InputError("CONFIG_INVALID", `${file} can't be written: ${textOf(cause)}`, { cause });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
