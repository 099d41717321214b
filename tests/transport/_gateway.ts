/** A gateway to fixture servers in this process. */
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { type GatewayStatus, McpGateway, type McpGatewayOptions } from "../../transport/gateway.ts";
import type { MemoryRelay } from "../../transport/testing/mod.ts";
import { fixtureServer, type Log, network } from "./_harness.ts";

/** A gateway to fixture servers in this process; `servers` has each one that was started. */
export async function startGateway(relay: MemoryRelay, options: Partial<McpGatewayOptions> = {}) {
  const servers: McpServer[] = [];
  const log: Log = { echoed: [], started: 0, cancelled: 0 };
  const states: GatewayStatus["state"][] = [];
  const gateway = new McpGateway({
    signer: PrivateKeySigner.generate(),
    upstream: async () => {
      const mcp = fixtureServer(log);
      servers.push(mcp);
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      await mcp.connect(theirs);
      return ours;
    },
    restart: { initialMs: 5, maxMs: 10 },
    ...network(relay),
    ...options,
  });
  const watching = (async () => {
    for await (const { state } of gateway.status()) if (state !== states.at(-1)) states.push(state);
  })();
  try {
    await gateway.start();
  } catch (error) {
    await watching;
    throw error;
  }
  return { gateway, servers, log, states, watching, [Symbol.asyncDispose]: () => gateway.close() };
}
