/**
 * `cvm call`: one call of a tool, and nothing else.
 *
 * @module
 */
import type { CliIo } from "../../io.ts";
import { Output } from "../../output.ts";
import { callTool } from "../inspect/call.ts";
import { connectTarget, prepareTarget, warnOfKey } from "../inspect/target.ts";
import type { CallCommandArguments } from "./command.ts";

/** Calls the tool. */
export async function runCall(args: CallCommandArguments, io: CliIo): Promise<void> {
  const { server, tool, words, handshake, timeoutMs, format } = args;
  const options = { ...args, stateless: !handshake, stdio: false, env: [], childCommand: [] };
  const output = new Output(io, format);
  const target = await prepareTarget(options, server, io);
  await warnOfKey(target, output);
  await using connected = await connectTarget(target, { io, timeoutMs });
  const { session } = connected;
  await callTool([tool, ...words], { session, output, io, args });
}
