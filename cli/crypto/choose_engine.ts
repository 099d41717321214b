/**
 * Which engine the command line works with: the fastest that can be had.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { createPureEngine } from "../../crypto/pure_engine.ts";
import { loadWasmEngine } from "../../crypto/wasm_engine.ts";
import { CvmError, InputError } from "../../errors.ts";
import { didYouMean } from "../did_you_mean.ts";
import type { Environment } from "../io.ts";
import { openNativeEngine } from "./native_engine.ts";
import { nodeSymmetric } from "./node_symmetric.ts";

const logger = getLogger(["cvm", "crypto"]);

/** The variable that names an engine, where the choice is not to be ours. */
const VARIABLE = "CVM_ENGINE";

/** An engine, which is closed at the end of the scope. */
export interface ChosenEngine extends Disposable {
  /** The engine. */
  readonly engine: CryptoEngine;
}

/**
 * Takes the native engine where Deno may load libsecp256k1 and it is there,
 * else WebAssembly, else plain JavaScript; or the one that `CVM_ENGINE` names.
 *
 * @param env The environment.
 * @returns The engine, with `node:crypto` beside it.
 * @throws {InputError} CONFIG_INVALID when `CVM_ENGINE` names no engine.
 * @throws {CvmError} ENGINE_UNAVAILABLE when the one that it names can't be had.
 */
export async function chooseEngine(env: Environment): Promise<ChosenEngine> {
  const name = env.get(VARIABLE) ?? "";
  const chosen = await engineByName(name);
  logger.debug("the crypto engine is {name}", { name: chosen.engine.name });
  return chosen;
}

async function engineByName(name: string): Promise<ChosenEngine> {
  switch (name) {
    case "":
      return native() ?? await wasm() ?? pure();
    case "native": {
      const engine = native();
      if (engine !== undefined) return engine;
      const reason = "libsecp256k1 is not in any of the usual places, or --allow-ffi is missing";
      throw new CvmError("ENGINE_UNAVAILABLE", `${VARIABLE} is native, but ${reason}`);
    }
    case "wasm":
      return chosen(await loadWasmEngine({ symmetric: nodeSymmetric }));
    case "pure":
      return pure();
    default:
      throw new InputError(
        "CONFIG_INVALID",
        `${VARIABLE} is native, wasm or pure, not ${JSON.stringify(name)}${
          didYouMean(name, ["native", "wasm", "pure"])
        }`,
      );
  }
}

function native(): ChosenEngine | undefined {
  const engine = openNativeEngine();
  return engine && { engine, [Symbol.dispose]: () => engine.close() };
}

async function wasm(): Promise<ChosenEngine | undefined> {
  try {
    return chosen(await loadWasmEngine({ symmetric: nodeSymmetric }));
  } catch (error) {
    if (!(error instanceof CvmError)) throw error;
    logger.debug("{reason}", { reason: error.message });
    return undefined;
  }
}

function pure(): ChosenEngine {
  return chosen(createPureEngine({ symmetric: nodeSymmetric }));
}

/** These have nothing to close. */
function chosen(engine: CryptoEngine): ChosenEngine {
  return { engine, [Symbol.dispose]: () => undefined };
}
