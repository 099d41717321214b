/**
 * A worker of {@linkcode CryptoWorkers}: a module that is run in a thread of
 * its own, not imported.
 *
 * @module
 */
import type { CryptoEngine } from "./engine.ts";
import { type NostrEvent, verifyRest } from "./event.ts";
import { wrapEvent } from "./gift_wrap.ts";
import { pureEngine } from "./pure_engine.ts";
import type {
  StartMessage,
  TaskMessage,
  WorkerEngineName,
  WorkerMessage,
} from "./_worker_protocol.ts";

/** Serves whoever started this thread; the type of its scope is that of a window, in most sets of types. */
function serve(scope: EventTarget): void {
  let engine: CryptoEngine | undefined;
  const say = (message: WorkerMessage) => {
    if ("postMessage" in scope && typeof scope.postMessage === "function") {
      scope.postMessage(message);
    }
  };
  const start = async ({ engine: name }: StartMessage) => {
    try {
      engine = await loadEngine(name);
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

async function loadEngine(name: WorkerEngineName): Promise<CryptoEngine> {
  if (name === "pure") return pureEngine;
  const { loadWasmEngine } = await import("./wasm_engine.ts");
  return await loadWasmEngine();
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

serve(globalThis);
