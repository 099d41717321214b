/**
 * Which engine the command line works with: the fastest that can be had.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { CryptoWorkers, type EventWorkers } from "../../crypto/workers.ts";
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

/** The variable that says how many workers a gateway under load has. */
const WORKERS_VARIABLE = "CVM_WORKERS";

/** An engine, which is closed at the end of the scope. */
export interface ChosenEngine extends Disposable {
  /** The engine. */
  readonly engine: CryptoEngine;
  /** Its workers; `undefined` for the native one, which is faster than the way to a worker. */
  readonly workers?: EventWorkers;
}

/**
 * Takes the native engine where Deno may load libsecp256k1 and it is there,
 * else WebAssembly, else plain JavaScript; or the one that `CVM_ENGINE` names.
 *
 * @param env The environment.
 * @returns The engine, with `node:crypto` beside it.
 * @throws {InputError} CONFIG_INVALID when `CVM_ENGINE` names no engine, or `CVM_WORKERS` is no number of them.
 * @throws {CvmError} ENGINE_UNAVAILABLE when the one that it names can't be had.
 */
export async function chooseEngine(env: Environment): Promise<ChosenEngine> {
  const count = countOf(env.get(WORKERS_VARIABLE) ?? "");
  const chosen = withWorkers(await engineByName(env.get(VARIABLE) ?? ""), count);
  logger.debug("the crypto engine is {name}", { name: chosen.engine.name });
  return chosen;
}

/** How many workers are wanted; `undefined` for as many as there are cores for. */
function countOf(text: string): number | undefined {
  if (text === "" || text === "auto") return undefined;
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new InputError("CONFIG_INVALID", `${WORKERS_VARIABLE} is auto or a number, not ${text}`);
}

function withWorkers(chosen: ChosenEngine, count: number | undefined): ChosenEngine {
  const { engine } = chosen;
  if (engine.name === "native") {
    if (count) {
      logger.warning("{variable} is ignored: the native engine needs no workers", {
        variable: WORKERS_VARIABLE,
      });
    }
    return chosen;
  }
  const workers = new CryptoWorkers({ engine, count, newWorker: startWorker });
  return {
    engine,
    workers,
    [Symbol.dispose]: () => {
      void workers.close();
      chosen[Symbol.dispose]();
    },
  };
}

/** A worker that has `node:crypto`, too. `scripts/compile.ts` knows its module. */
function startWorker(): Worker {
  return new Worker(new URL("./_worker.ts", import.meta.url), { type: "module" });
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
