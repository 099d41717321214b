/**
 * `cvm inspect`: what a server is, what it offers, and what it answers.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import { McpSession } from "./mcp_session.ts";
import { prepareConnection } from "../../connection.ts";
import { chooseEngine } from "../../crypto/choose_engine.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { Output } from "../../output.ts";
import { VERSION } from "../../version.ts";
import type { InspectArguments } from "./command.ts";
import { overview } from "./overview.ts";

/** How many words each subcommand takes after its own: at least, at most. */
const WORDS: Readonly<Record<string, readonly [number, number]>> = {
  tools: [0, 0],
  resources: [0, 0],
  templates: [0, 0],
  prompts: [0, 0],
  ping: [0, 0],
  call: [1, Infinity],
  read: [1, 1],
  get: [1, Infinity],
};

/** Connects, does what was asked for, and leaves. */
export async function runInspect(args: InspectArguments, io: CliIo): Promise<void> {
  const [what, ...words] = args.what;
  if (what !== undefined) checkWords(what, words);
  if (args.json !== undefined && what !== "call" && what !== "get") {
    throw new UsageError("--json holds the arguments of a call: use it with call or get");
  }
  using chosen = await chooseEngine(io.env);
  const connection = await prepareConnection(args, { io, engine: chosen.engine });
  const client = new Client({ name: "cvm-inspect", version: VERSION });
  const stop = () => void client.close();
  io.signal.addEventListener("abort", stop, { once: true });
  try {
    const started = performance.now();
    await client.connect(connection.transport, {
      timeout: args.timeoutMs,
      signal: io.signal,
    });
    const handshakeMs = performance.now() - started;
    const output = new Output(io, args.format);
    const session = new McpSession(client, output, io, args.timeoutMs);
    if (what === undefined) {
      await overview({ client, session, connection, handshakeMs, output });
    } else {
      await session.run(what, words, args.json);
    }
  } finally {
    io.signal.removeEventListener("abort", stop);
    await client.close();
    // The client closes its transport only once it is connected.
    await connection.transport.close();
  }
}

function checkWords(what: string, words: readonly string[]): void {
  const bounds = WORDS[what];
  if (bounds === undefined) {
    throw new UsageError(`there is no "${what}"; there are: ${Object.keys(WORDS).join(", ")}`);
  }
  const [min, max] = bounds;
  if (words.length < min) throw new UsageError(`"${what}" needs a name after it`);
  if (words.length > max) throw new UsageError(`"${words[max]}" is too much after "${what}"`);
}
