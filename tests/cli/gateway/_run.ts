/** Runs `cvm gateway` inside the test, and calls what it puts on Nostr. */
import { Client } from "@modelcontextprotocol/sdk/client";
import { runCli } from "../../../cli/app.ts";
import { Interrupt } from "../../../cli/io.ts";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { NostrClientTransport } from "../../../transport/client.ts";
import { HangupIo, serverCommand, until } from "../helpers.ts";

export { serverCommand, temporaryFolder, until } from "../helpers.ts";

/** Starts a gateway; it is stopped at the end of the scope. */
export function startGateway(
  args: readonly string[],
  { folder, env = {} }: { folder: string; env?: Record<string, string> },
) {
  const io = new HangupIo({ env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder, ...env } });
  const ended = runCli(["gateway", ...args], io);
  const interrupt = (by: string) => io.controller.abort(new Interrupt(by));
  return {
    io,
    ended,
    hangUp: () => io.hangUp(),
    /** The address of a server, once it can be reached. */
    address: (server: string): Promise<string> =>
      until(() => new RegExp(`server ${server} is on[^]*?(nprofile1[a-z0-9]+)`).exec(io.err)?.[1]),
    stop: async (by = "SIGTERM"): Promise<number> => {
      interrupt(by);
      return await ended;
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      interrupt("SIGTERM");
      await ended;
    },
  };
}

/** Connects an MCP client. */
export async function visit(server: string, signer = PrivateKeySigner.generate()) {
  const client = new Client({ name: "visitor", version: "1.0.0" });
  await client.connect(new NostrClientTransport({ signer, server, handshakeTimeoutMs: 5_000 }));
  const call = async (name: string, args: Record<string, unknown> = {}) => {
    const { content } = await client.callTool({ name, arguments: args });
    return (content as { text: string }[])[0]?.text;
  };
  return { client, call, signer, [Symbol.asyncDispose]: () => client.close() };
}

/** The entry of the tests' own server in a file of servers. */
export function entry(more: Record<string, unknown> = {}): Record<string, unknown> {
  const [command, ...args] = serverCommand();
  return { command, args, ...more };
}
