/**
 * The line to one worker, and the tasks that are on it.
 *
 * @module
 */
import type { NostrEvent } from "./event.ts";
import type {
  StartMessage,
  TaskBody,
  TaskMessage,
  WorkerEngineName,
  WorkerMessage,
} from "./_worker_protocol.ts";

/** How often in a row a worker is found silent before it counts as dead. */
const LOOKS = 4;

/** The longest delay that `setTimeout` takes, milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;

/** A task as the main thread knows it. */
export interface Task {
  /** What the worker is to do. */
  readonly body: TaskBody;
  /** Takes the worker's result. */
  readonly done: (result: boolean | NostrEvent) => void;
  /** Does the task here, for a worker that did not. */
  readonly doHere: () => void;
}

/** How a {@linkcode WorkerLine} works. */
export interface WorkerLineOptions {
  /** Starts the worker. */
  readonly newWorker: () => Worker;
  /** What it works with. */
  readonly engine: WorkerEngineName;
  /** How long it may take to start, in milliseconds. */
  readonly startTimeoutMs: number;
  /** How long a worker with tasks may be silent, in milliseconds. */
  readonly silenceMs: number;
  /** Called once, when it is no use any more; its tasks are done here after that. Not after `close()`. */
  readonly onDead: (reason: string) => void;
}

/** One worker. Whatever becomes of it, each of its tasks is done once. */
export class WorkerLine {
  /** Settles when the worker has started, or is over. */
  readonly started: Promise<void>;
  readonly #options: WorkerLineOptions;
  readonly #worker: Worker;
  readonly #tasks = new Map<number, Task>();
  readonly #markStarted: () => void;
  #lastId = 0;
  #isReady = false;
  #isOver = false;
  /** How many messages have come from it. */
  #heard = 0;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #startTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param options How it works. Throws what `newWorker` throws. */
  constructor(options: WorkerLineOptions) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.started = promise;
    this.#markStarted = resolve;
    this.#options = options;
    this.#worker = options.newWorker();
    this.#worker.onerror = (event) => {
      event.preventDefault(); // or else it would end this process, too
      this.#die(event.message);
    };
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#say({ engine: options.engine });
    this.#awaitStart();
  }

  /** Whether it takes tasks. */
  get isReady(): boolean {
    return this.#isReady && !this.#isOver;
  }

  /** The tasks that are on it. */
  get load(): number {
    return this.#tasks.size;
  }

  /** Hands a task over; one that can't leave this thread is done here at once. */
  send(task: Task): void {
    const id = ++this.#lastId;
    try {
      this.#say({ id, ...task.body });
    } catch {
      return task.doHere(); // what can't be cloned, such as an event that a signer has hung functions on
    }
    this.#tasks.set(id, task);
    if (this.#watch === undefined) this.#watchFor();
  }

  /** Ends the worker; what it has not done is done here. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#markStarted();
    clearTimeout(this.#startTimer);
    clearTimeout(this.#watch);
    this.#worker.terminate();
    const left = [...this.#tasks.values()];
    this.#tasks.clear();
    for (const task of left) task.doHere();
  }

  #say(message: StartMessage | TaskMessage): void {
    this.#worker.postMessage(message);
  }

  #hear(message: WorkerMessage): void {
    if (this.#isOver) return;
    this.#heard += 1;
    if ("ready" in message) {
      this.#isReady = true;
      clearTimeout(this.#startTimer);
      this.#markStarted();
    } else if ("id" in message) this.#settle(message);
    else this.#die(message.failed);
  }

  #settle(message: Extract<WorkerMessage, { readonly id: number }>): void {
    const task = this.#tasks.get(message.id);
    this.#tasks.delete(message.id);
    // What failed there fails here in the same way, with an error that callers know.
    if ("failed" in message) task?.doHere();
    else task?.done(message.result);
  }

  /**
   * A runtime may say nothing of a module that is not loaded, because a policy forbids it or it never
   * comes. The time is cut into pieces for a thread that was too busy to hear of the start.
   */
  #awaitStart(looksLeft = LOOKS): void {
    const { startTimeoutMs } = this.#options;
    this.#startTimer = setTimeout(() => {
      if (looksLeft > 1) this.#awaitStart(looksLeft - 1);
      else this.#die(`it did not start within ${startTimeoutMs} ms`);
    }, Math.min(startTimeoutMs / LOOKS, MAX_TIMER_MS));
  }

  /**
   * A thread may end without a word. It is listened for several times: this
   * thread may have been busy, and what the worker said still waits.
   */
  #watchFor(looksLeft = LOOKS): void {
    const heard = this.#heard;
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      if (this.#tasks.size === 0) return;
      if (this.#heard !== heard) this.#watchFor();
      else if (looksLeft > 1) this.#watchFor(looksLeft - 1);
      else this.#die(`it was silent for ${this.#options.silenceMs} ms with ${this.load} tasks`);
    }, Math.min(this.#options.silenceMs / LOOKS, MAX_TIMER_MS));
  }

  #die(reason: string): void {
    if (this.#isOver) return;
    this.#options.onDead(reason);
    this.close();
  }
}
