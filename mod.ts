/**
 * ContextVM: the Model Context Protocol over Nostr.
 *
 * An MCP server needs a key and a relay: no domain, no open port, no account.
 * A client needs the server's public key.
 *
 * - {@linkcode serve} gives each client of a server an MCP server of its own.
 * - {@linkcode NostrClientTransport} is an MCP transport to a server.
 * - {@linkcode McpGateway} puts an existing MCP server on Nostr.
 * - {@linkcode McpProxy} lets an MCP host that knows nothing of Nostr use one.
 *
 * @module
 */
export * from "./crypto/mod.ts";
export * from "./transport/mod.ts";
export * from "./errors.ts";
export {
  type GatewayStatus,
  McpGateway,
  type McpGatewayOptions,
  type OpenUpstream,
  type RestartOptions,
} from "./transport/gateway.ts";
export { McpProxy, type McpProxyOptions } from "./transport/proxy.ts";
