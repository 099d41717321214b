/**
 * `cvm proxy --http` → a relay → `cvm gateway` → an MCP server, in this process.
 *
 * @module
 */
import { runCli } from "../../cli/app.ts";
import { Interrupt } from "../../cli/io.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { temporaryFolder, TestIo, until } from "../cli/helpers.ts";

/** A tunnel that is open. */
export interface Tunnel extends AsyncDisposable {
  /** Its HTTP endpoint. */
  readonly url: string;
  /** The address of the gateway on Nostr. */
  readonly server: string;
  /** The arguments of `cvm proxy` for this gateway. */
  readonly proxyArguments: readonly string[];
}

/**
 * Opens a tunnel.
 *
 * @param gateway The arguments of `cvm gateway` that say what is behind it.
 */
export async function openTunnel(gateway: readonly string[]): Promise<Tunnel> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const relay = stack.use(await serveRelay());
  const start = async (args: readonly string[], ready: RegExp): Promise<string> => {
    const io = new TestIo({ env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder.path } });
    const ended = runCli(args, io);
    stack.defer(async () => {
      io.controller.abort(new Interrupt("SIGTERM"));
      await ended;
    });
    return await until(() => ready.exec(io.err)?.[0], 20_000);
  };
  const server = await start(["gateway", "--relay", relay.url, ...gateway], /nprofile1[a-z0-9]+/);
  const proxyArguments = ["proxy", server];
  const url = await start([...proxyArguments, "--http", "0"], /http:\/\/127\.0\.0\.1:\d+\/mcp/);
  const open = stack.move();
  return {
    url,
    server,
    proxyArguments,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
