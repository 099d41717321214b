/**
 * The engines that can be had where the tests run.
 *
 * @module
 */
import { openNativeEngine } from "../../cli/crypto/mod.ts";
import type { CryptoEngine, EngineOptions } from "../../crypto/engine.ts";
import { createPureEngine } from "../../crypto/pure_engine.ts";
import { loadWasmEngine } from "../../crypto/wasm_engine.ts";
import { CvmError } from "../../errors.ts";

/** Engines, the pure one first, which are closed at the end of the scope. */
export async function openEngines(
  options: EngineOptions = {},
): Promise<{ readonly all: readonly CryptoEngine[] } & Disposable> {
  const wasm = await loadWasmEngine(options).catch((error) => {
    if (error instanceof CvmError && error.code === "ENGINE_UNAVAILABLE") return undefined;
    throw error;
  });
  const native = openNativeEngine(options);
  if (wasm === undefined) console.log("SKIPPED: the WASM engine needs --allow-read");
  if (native === undefined) {
    console.log("SKIPPED: the native engine needs libsecp256k1 and --allow-ffi");
  }
  const engines = [createPureEngine(options), wasm, native];
  return {
    all: engines.filter((engine) => engine !== undefined),
    [Symbol.dispose]: () => native?.close(),
  };
}
