/**
 * The engines by name, as the programs of this folder take them.
 *
 * @module
 */
import { nodeSymmetric, openNativeEngine } from "../cli/crypto/mod.ts";
import { type CryptoEngine, pureEngine } from "../crypto/mod.ts";
import { loadWasmEngine } from "../crypto/wasm_engine.ts";

/**
 * WebAssembly and native as the command line uses them, with `node:crypto`
 * beside them; for any other name the library's default.
 */
export async function makeEngine(name: string | undefined): Promise<CryptoEngine> {
  if (name === "wasm") return await loadWasmEngine({ symmetric: nodeSymmetric });
  if (name !== "native") return pureEngine;
  const engine = openNativeEngine();
  if (engine === undefined) throw new Error("there is no libsecp256k1, or no --allow-ffi");
  return engine;
}
