/**
 * Faster cryptography where the operating system has it: libsecp256k1 by
 * Deno's foreign functions, and the symmetric operations of `node:crypto`.
 * Exported as `./crypto/native`; needs Deno.
 *
 * @module
 */
export type { NativeEngine, NativeEngineOptions } from "./native_engine.ts";
export { openNativeEngine } from "./native_engine.ts";
export { nodeSymmetric } from "./node_symmetric.ts";
