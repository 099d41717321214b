/**
 * A worker of {@linkcode CryptoWorkers}: a module that is run in a thread of
 * its own, not imported.
 *
 * @module
 */
import type { CryptoEngine } from "./engine.ts";
import { type NostrEvent, verifyEvent } from "./event.ts";
import { wrapEvent } from "./gift_wrap.ts";
import { pureEngine } from "./pure_engine.ts";
import type { StartMessage, TaskMessage, WorkerMessage } from "./_worker_protocol.ts";

globalThis.addEventListener("message", (event: Event) => {
  if (event instanceof MessageEvent) void start(event.data);
}, { once: true });

async function start({ engine: name, port }: StartMessage): Promise<void> {
  const say = (message: WorkerMessage) => port.postMessage(message);
  try {
    const engine = name === "wasm"
      ? await import("./wasm_engine.ts").then(({ loadWasmEngine }) => loadWasmEngine())
      : pureEngine;
    port.onmessage = ({ data }) => say(answer(data, engine));
    say({ ready: true });
  } catch (error) {
    say({ failed: textOf(error) });
  }
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
  if ("verify" in task) return verifyEvent(task.verify, engine);
  const { wrap, recipient, kind, now } = task;
  return wrapEvent(wrap, recipient, { kind, engine, now: () => now });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
