/**
 * How cases begin.
 *
 * @module
 */
import type { McpCaller } from "./mcp_caller.ts";
import type { ScriptedServer, ScriptedServerOptions } from "./scripted_server.ts";
import type { OpenClientOptions, Stage, StagedServer } from "./stage.ts";
import type { WirePeer } from "./wire_peer.ts";

/** An `initialize` request. */
export function initialize(capabilities: object = {}) {
  const clientInfo = { name: "by hand", version: "1.0.0" };
  const params = { protocolVersion: "2025-06-18", capabilities, clientInfo };
  return { jsonrpc: "2.0", id: 0, method: "initialize", params } as const;
}

/** The server under test in its default modes, and a peer to talk to it. */
export async function startServer(
  stage: Stage,
): Promise<{ server: StagedServer; peer: WirePeer }> {
  return { server: await stage.server(), peer: await stage.peer() };
}

/** A server that is played by hand, and the client under test after its handshake. */
export async function startClient(
  stage: Stage,
  server: ScriptedServerOptions = {},
  client: OpenClientOptions = {},
): Promise<{ server: ScriptedServer; caller: McpCaller }> {
  const scripted = await stage.scripted(server);
  return { server: scripted, caller: await stage.client(scripted.peer.publicKey, client) };
}

/** The server under test in its default modes, and the client under test after its handshake. */
export async function startPair(
  stage: Stage,
  client: OpenClientOptions = {},
): Promise<{ server: StagedServer; caller: McpCaller }> {
  const server = await stage.server();
  return { server, caller: await stage.client(server.publicKey, client) };
}
