/**
 * The way of a session's messages to the MCP server.
 *
 * @module
 */
import type { JsonRpcMessage } from "../types.ts";

/** Options of a {@linkcode Delivery}. */
export interface DeliveryOptions {
  /** How many messages may wait for the start (`limits.maxQueued`). */
  readonly max: number;
  /** Takes each message, in order. */
  readonly handOn: (message: JsonRpcMessage) => void;
  /** Told when that throws: a fault of who takes a message ends nothing here. */
  readonly onError: (error: unknown) => void;
}

/** Hands messages on once the MCP server is there; until then they wait. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #waiting: JsonRpcMessage[] = [];
  #hasStarted = false;

  /** @param options Where messages go. */
  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Hands on what has been waiting, and from now on everything at once. */
  start(): void {
    this.#hasStarted = true;
    for (const message of this.#waiting.splice(0)) this.handOn(message);
  }

  /** Takes a message; false when too many wait already. */
  take(message: JsonRpcMessage): boolean {
    if (this.#hasStarted) this.handOn(message);
    else if (this.#waiting.length < this.#options.max) this.#waiting.push(message);
    else return false;
    return true;
  }

  /** Hands a message on, whether or not others wait. */
  handOn(message: JsonRpcMessage): void {
    try {
      this.#options.handOn(message);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting.length = 0;
  }
}
