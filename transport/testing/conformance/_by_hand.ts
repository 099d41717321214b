/**
 * How a client that is played by hand begins.
 *
 * @module
 */
import type { Stage, StagedServer } from "./stage.ts";
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
