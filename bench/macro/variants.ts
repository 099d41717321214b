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

/** The implementations, by their names in tables. */
export const VARIANTS = {
  pure: { ...ours, name: "ours, pure" },
  wasm: { ...ours, name: "ours, WASM", engine: "wasm" },
  native: { ...ours, name: "ours, native", engine: "native" },
  builtin: { ...ours, name: "ours, pure, built-in WebSocket", socket: "builtin" },
  shared: { ...ours, name: "ours, native, one MCP server", engine: "native", shared: true },
  pureNode: { ...ours, name: "ours, pure, Node", runtime: "node", base: "sdk, Node" },
  wasmNode: {
    ...ours,
    name: "ours, WASM, Node",
    runtime: "node",
    engine: "wasm",
    base: "sdk, Node",
  },
  sdk: { ...ours, name: "sdk, Deno", library: "sdk" },
  sdkNode: { ...ours, name: "sdk, Node", library: "sdk", runtime: "node", base: "sdk, Node" },
} as const satisfies Record<string, Variant>;
