/**
 * What a worker of `CryptoWorkers` does: the body of the modules that are run
 * in threads of their own.
 *
 * @module
 */
import type { CryptoEngine } from "./engine.ts";
import { type NostrEvent, verifyRest } from "./event.ts";
import { wrapEvent } from "./gift_wrap.ts";
import { createPureEngine } from "./pure_engine.ts";
import type { SymmetricEngine } from "./symmetric.ts";
import type {
  StartMessage,
  TaskMessage,
  WorkerEngineName,
  WorkerMessage,
} from "./_worker_protocol.ts";

/**
 * Serves whoever started this thread.
 *
 * @param scope The thread's `globalThis`; in most sets of types it is that of a window.
 * @param symmetric What hashes and encrypts beside the engine. Default: the pure one.
 */
export function serveWorker(scope: EventTarget, symmetric?: SymmetricEngine): void {
  let engine: CryptoEngine | undefined;
  const say = (message: WorkerMessage) => {
    if ("postMessage" in scope && typeof scope.postMessage === "function") {
      scope.postMessage(message);
    }
  };
  const start = async ({ engine: name }: StartMessage) => {
    try {
      engine = await loadEngine(name, symmetric);
      say({ ready: true });
    } catch (error) {
      say({ failed: textOf(error) });
    }
  };
  scope.addEventListener("message", (event) => {
    if (!(event instanceof MessageEvent)) return;
    const message: StartMessage | TaskMessage = event.data;
    if ("engine" in message) void start(message);
    else if (engine !== undefined) say(answer(message, engine));
  });
}

async function loadEngine(
  name: WorkerEngineName,
  symmetric?: SymmetricEngine,
): Promise<CryptoEngine> {
  if (name === "pure") return createPureEngine({ symmetric });
  const { loadWasmEngine } = await import("./wasm_engine.ts");
  return await loadWasmEngine({ symmetric });
}

function answer(task: TaskMessage, engine: CryptoEngine): WorkerMessage {
  const { id } = task;
  try {
    return { id, result: perform(task, engine) };
  } catch (error) {
    return { id, failed: textOf(error) };
  }
}

function perform(task: TaskMessage, engine: CryptoEngine): boolean | NostrEvent {
  if ("verify" in task) return verifyRest(task.verify, { checked: task.checked, engine });
  const { wrap, recipient, kind, now } = task;
  return wrapEvent(wrap, recipient, { kind, engine, now: () => now });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
