/**
 * `cvm proxy`: stdio or HTTP on one side, a server on Nostr on the other.
 *
 * @module
 */
import { formatNpub } from "../../../crypto/keys.ts";
import { CvmError } from "../../../errors.ts";
import { McpProxy } from "../../../transport/proxy.ts";
import { prepareConnection } from "../../connection.ts";
import { chooseEngine } from "../../crypto/choose_engine.ts";
import { type CliIo, untilAborted } from "../../io.ts";
import { StdioTransport } from "../../stdio_transport.ts";
import type { ProxyArguments } from "./command.ts";

/** How often it is looked whether the host still lives, in milliseconds. */
const PARENT_CHECK_MS = 1_000;

/** Runs the proxy, over stdio or HTTP. */
export async function runProxy(args: ProxyArguments, io: CliIo): Promise<void> {
  if (args.http === undefined) return await runStdioProxy(args, io);
  await (await import("./http_action.ts")).runHttpProxy(args, args.http, io);
}

/** Runs the proxy until standard input ends, the host dies, or the connection does. */
async function runStdioProxy(args: ProxyArguments, io: CliIo): Promise<void> {
  using chosen = await chooseEngine(io.env);
  const { transport, key } = await prepareConnection(args, { io, engine: chosen.engine });
  if (key.warning !== undefined) await io.stderr.write(`cvm: ${key.warning}\n`);
  await io.stderr.write(
    `cvm: proxy to ${formatNpub(transport.serverPublicKey)} as ${
      formatNpub(key.signer.pubkey)
    } (${key.source})\n`,
  );
  const host = new StdioTransport({ input: io.stdin, output: io.stdout });
  await using proxy = new McpProxy({ host, client: transport });
  const orphaned = Promise.withResolvers<void>();
  const parent = io.parentPid?.();
  const watch = setInterval(() => {
    if (io.parentPid?.() !== parent) orphaned.resolve();
  }, PARENT_CHECK_MS);
  try {
    await Promise.race([
      proxy.start().then(() => proxy.closed, (error) => {
        // A host that leaves while the connection is made has all that it wanted.
        if (!(error instanceof CvmError && error.code === "CLOSED")) throw error;
      }),
      untilAborted(io.signal),
      orphaned.promise,
    ]);
  } finally {
    clearInterval(watch);
  }
  io.signal.throwIfAborted();
}
