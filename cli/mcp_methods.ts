/**
 * The requests of MCP that a client may send (protocol 2025-11-25).
 *
 * @module
 */

/** Their methods: the only ones that are labels of metrics, and those that are completed. */
export const REQUEST_METHODS: ReadonlySet<string> = new Set([
  "completion/complete",
  "initialize",
  "logging/setLevel",
  "ping",
  "prompts/get",
  "prompts/list",
  "resources/list",
  "resources/read",
  "resources/subscribe",
  "resources/templates/list",
  "resources/unsubscribe",
  "tasks/cancel",
  "tasks/get",
  "tasks/list",
  "tasks/result",
  "tools/call",
  "tools/list",
]);
