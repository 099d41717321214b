/**
 * `cvm proxy`: stdio or HTTP on one side, servers on Nostr on the other.
 *
 * @module
 */
import { formatNpub } from "../../../crypto/keys.ts";
import { CvmError } from "../../../errors.ts";
import { McpProxy } from "../../../transport/proxy.ts";
import { UsageError } from "../../exit_codes.ts";
import { type CliIo, untilAborted } from "../../io.ts";
import { StdioTransport } from "../../stdio_transport.ts";
import { prepareProxyRoute } from "./_routes.ts";
import type { ProxyArguments } from "./command.ts";

/** How often it is looked whether the host still lives, in milliseconds. */
const PARENT_CHECK_MS = 1_000;

/** Runs the proxy, over stdio or HTTP, or enters it in a host's configuration. */
export async function runProxy(args: ProxyArguments, io: CliIo): Promise<void> {
  checkArguments(args);
  if (args.install !== undefined) {
    return await (await import("./install.ts")).installProxy(args, args.install, io);
  }
  if (args.http === undefined) return await runStdioProxy(args, io);
  await (await import("./http_action.ts")).runHttpProxy(args, args.http, io);
}

function checkArguments(args: ProxyArguments): void {
  const ofHttp = {
    "--http-bearer-file": args.httpBearerFile,
    "--http-origin": args.httpOrigin.at(0),
    "--http-max-sessions": args.httpMaxSessions,
    "--http-idle": args.httpIdleTimeoutMs,
  };
  for (const [option, value] of Object.entries(ofHttp)) {
    if (value !== undefined && args.http === undefined) {
      throw new UsageError(`${option} does nothing without --http`);
    }
  }
  if (args.install !== undefined) {
    if (args.http === undefined) return;
    throw new UsageError("--install is for stdio: a host that starts the proxy needs no --http");
  }
  if (args.installFile !== undefined) {
    throw new UsageError("--install-file does nothing without --install");
  }
  if (args.name !== undefined) throw new UsageError("--name does nothing without --install");
  if (args.dryRun) throw new UsageError("--dry-run does nothing without --install");
}

/** Runs the proxy until standard input ends, the host dies, or the connection does. */
async function runStdioProxy(args: ProxyArguments, io: CliIo): Promise<void> {
  const parent = io.parentPid?.(); // now: a host may die while the way is prepared
  const { open, servers, key } = await prepareProxyRoute(args, io);
  if (key.warning !== undefined) await io.stderr.write(`cvm: ${key.warning}\n`);
  await io.stderr.write(
    `cvm: proxy to ${servers.map(formatNpub).join(", ")} as ${
      formatNpub(key.signer.pubkey)
    } (${key.source})\n`,
  );
  const host = new StdioTransport({ input: io.stdin, output: io.stdout });
  await using proxy = new McpProxy({ host, client: open() });
  const orphaned = Promise.withResolvers<void>();
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
