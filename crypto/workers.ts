/**
 * Verification and gift wraps in other threads, for servers under load: Web
 * Workers, as browsers, Deno and Bun have them. Exported as
 * `./crypto/workers`, apart from `./crypto`.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "./engine.ts";
import { type NostrEvent, verifyRest } from "./event.ts";
import type { EventWorkers, VerifyTask, WrapTask } from "./event_workers.ts";
import { wrapEvent } from "./gift_wrap.ts";
import { pureEngine } from "./pure_engine.ts";
import { type Task, WorkerLine, type WorkerLineOptions } from "./_worker_line.ts";
import type { TaskBody, WorkerEngineName } from "./_worker_protocol.ts";
import { CvmError } from "../errors.ts";

export type { EventWorkers, VerifyTask, WrapTask } from "./event_workers.ts";

const logger = getLogger(["cvm", "crypto"]);

/** More workers than this have nothing to do: the main thread can't feed them. */
const MAX_DEFAULT_WORKERS = 3;

/** How {@linkcode CryptoWorkers} work. */
export interface CryptoWorkersOptions {
  /**
   * What does here what is not handed over; the workers load one of the same
   * name, so it has to be the pure one or that of `./crypto/wasm`. A native one
   * is faster than the way to a worker and back.
   * @default {pureEngine}
   */
  readonly engine?: CryptoEngine;
  /**
   * How many workers there are. Default: one for each core but one, at most 3.
   */
  readonly count?: number;
  /**
   * With so many events waiting, one is handed over: below that the way to a
   * worker and back takes longer than it saves.
   * @default {4}
   */
  readonly handOverFrom?: number;
  /**
   * How many tasks a worker has at most; what comes beyond is done here.
   * @default {32}
   */
  readonly maxTasks?: number;
  /**
   * How long a worker may take to start, in milliseconds; one that takes longer is ended, and all
   * that it would have done is done here.
   * @default {10_000}
   */
  readonly startTimeoutMs?: number;
  /**
   * How long a worker that has tasks may be silent until it counts as dead, in milliseconds.
   * @default {5_000}
   */
  readonly silenceMs?: number;
  /**
   * Starts a worker, where a bundler has moved the module, or another one does its work. Default: from the
   * file beside this one, with plain JavaScript for what an engine does not do.
   */
  readonly newWorker?: () => Worker;
}

/**
 * Workers that verify and wrap events. They never see a private key but those
 * that they make for a wrap. Whoever makes them closes them; a worker that dies
 * is not replaced, and its tasks are done in this thread. Deno reads their
 * module from a file, for which it asks for `--allow-read`; Node.js has no Web
 * Workers.
 *
 * @example
 * ```ts ignore
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { loadWasmEngine } from "@cvm/toolkit/crypto/wasm";
 * import { CryptoWorkers } from "@cvm/toolkit/crypto/workers";
 * import { serve } from "@cvm/toolkit/transport/server";
 *
 * const engine = await loadWasmEngine();
 * await using workers = new CryptoWorkers({ engine });
 * const signer = PrivateKeySigner.generate({ engine });
 * await using server = await serve(makeMcpServer, { signer, workers, relays });
 * ```
 */
export class CryptoWorkers implements EventWorkers, AsyncDisposable {
  readonly #engine: CryptoEngine;
  readonly #handOverFrom: number;
  readonly #maxTasks: number;
  readonly #start: () => readonly WorkerLine[];
  /** `undefined` before the first time that many events wait. */
  #lines: readonly WorkerLine[] | undefined;
  #handedOver = 0;

  /**
   * Prepares them. They are started when many events wait for the first time;
   * until they are there, everything is done here.
   *
   * @param options How many, and when they are used.
   * @throws {CvmError} ENGINE_UNAVAILABLE when this runtime has no Web Workers.
   * @throws {TypeError} When the workers can't load the engine.
   * @throws {RangeError} When a number is out of range.
   */
  constructor(options: CryptoWorkersOptions = {}) {
    if (typeof Worker === "undefined") {
      throw new CvmError("ENGINE_UNAVAILABLE", "This runtime has no Web Workers");
    }
    const { engine = pureEngine, handOverFrom = 4, maxTasks = 32 } = options;
    const { count = defaultCount(), newWorker = startWorker } = options;
    const { startTimeoutMs = 10_000, silenceMs = 5_000 } = options;
    checkWhole("count", count, 0);
    checkWhole("handOverFrom", handOverFrom, 1);
    checkWhole("maxTasks", maxTasks, 1);
    checkWhole("startTimeoutMs", startTimeoutMs, 1);
    checkWhole("silenceMs", silenceMs, 1);
    this.#engine = engine;
    this.#handOverFrom = handOverFrom;
    this.#maxTasks = maxTasks;
    const name = workerEngine(engine);
    this.#start = () =>
      Array.from(
        { length: count },
        () => this.#open({ newWorker, engine: name, startTimeoutMs, silenceMs }),
      )
        .filter((line) => line !== undefined);
  }

  /** The workers that have been started and live. */
  get size(): number {
    return this.#lines?.length ?? 0;
  }

  /** How many events have been handed over to workers so far. */
  get handedOver(): number {
    return this.#handedOver;
  }

  /** Starts the workers now, and settles when each is there or has failed, after `startTimeoutMs` at the latest. */
  async ready(): Promise<void> {
    this.#lines ??= this.#start();
    await Promise.all(this.#lines.map((line) => line.started));
  }

  verify(event: NostrEvent, { waiting, checked }: VerifyTask): boolean | Promise<boolean> {
    const here = () => verifyRest(event, { checked, engine: this.#engine });
    const line = this.#lineFor(waiting);
    if (line === undefined) return here();
    // What only the id depends on need not be copied to another thread when that has been checked.
    const verify = checked === "id" ? { ...event, tags: [], content: "" } : event;
    return this.#handOver(line, { verify, checked }, { here, is: (result) => result === true });
  }

  wrap(inner: NostrEvent, task: WrapTask): NostrEvent | Promise<NostrEvent> {
    const { recipient, kind, now, waiting } = task;
    const here = () => wrapEvent(inner, recipient, { kind, engine: this.#engine, now: () => now });
    const line = this.#lineFor(waiting);
    if (line === undefined) return here();
    return this.#handOver(line, { wrap: inner, recipient, kind, now }, {
      here,
      is: (result) => typeof result === "object" ? result : here(),
    });
  }

  /** Ends the workers; what they have not done is done here. Idempotent. */
  close(): Promise<void> {
    const lines = this.#lines;
    this.#lines = [];
    for (const line of lines ?? []) line.close();
    return Promise.resolve();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(options: Omit<WorkerLineOptions, "onDead">): WorkerLine | undefined {
    try {
      const line: WorkerLine = new WorkerLine({
        ...options,
        onDead: (reason) => {
          this.#lines = this.#lines?.filter((other) => other !== line);
          logger.warning("a crypto worker is lost, {left} are left: {reason}", {
            reason,
            left: this.size,
          });
        },
      });
      return line;
    } catch (error) {
      // No permission to read the module, or no memory: work goes on here.
      logger.warning("a crypto worker can't be started: {error}", { error });
      return undefined;
    }
  }

  /** The worker with the least to do; `undefined` when it is better done here. */
  #lineFor(waiting: number): WorkerLine | undefined {
    if (waiting < this.#handOverFrom) return undefined;
    this.#lines ??= this.#start();
    let best: WorkerLine | undefined;
    for (const line of this.#lines) {
      if (!line.isReady || line.load >= this.#maxTasks) continue;
      if (best === undefined || line.load < best.load) best = line;
    }
    return best;
  }

  #handOver<T>(
    line: WorkerLine,
    body: TaskBody,
    { here, is }: { readonly here: () => T; readonly is: (result: boolean | NostrEvent) => T },
  ): Promise<T> {
    this.#handedOver += 1;
    return new Promise((resolve, reject) => {
      const settle = (run: () => T) => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      };
      const task: Task = {
        body,
        done: (result) => settle(() => is(result)),
        doHere: () => settle(here),
      };
      line.send(task);
    });
  }
}

function startWorker(): Worker {
  return new Worker(new URL("./_worker.ts", import.meta.url), { type: "module" });
}

function defaultCount(): number {
  return Math.min(MAX_DEFAULT_WORKERS, Math.max(0, navigator.hardwareConcurrency - 1));
}

function workerEngine({ name }: CryptoEngine): WorkerEngineName {
  if (name === "pure" || name === "wasm") return name;
  throw new TypeError(`Workers have the engines pure and wasm, not ${name}`);
}

function checkWhole(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new RangeError(`${name} is a whole number from ${min} up, not ${value}`);
  }
}
