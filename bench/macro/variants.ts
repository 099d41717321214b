/**
 * What is compared with what.
 *
 * @module
 */
import type { Variant } from "./task.ts";

const ours = {
  library: "ours",
  runtime: "deno",
  engine: "pure",
  socket: "ws",
  base: "sdk, Deno",
} as const;

const onNode = { ...ours, runtime: "node", socket: "builtin", base: "sdk, Node" } as const;

/** The implementations, by their names in tables. */
export const VARIANTS = {
  pure: { ...ours, name: "ours, pure" },
  wasm: { ...ours, name: "ours, WASM", engine: "wasm" },
  native: { ...ours, name: "ours, native", engine: "native" },
  builtin: { ...ours, name: "ours, pure, built-in WebSocket", socket: "builtin" },
  shared: { ...ours, name: "ours, native, one MCP server", engine: "native", shared: true },
  pureNode: { ...onNode, name: "ours, pure, Node" },
  wasmNode: { ...onNode, name: "ours, WASM, Node", engine: "wasm" },
  sdk: { ...ours, name: "sdk, Deno", library: "sdk" },
  sdkNode: { ...onNode, name: "sdk, Node", library: "sdk" },
} as const satisfies Record<string, Variant>;
