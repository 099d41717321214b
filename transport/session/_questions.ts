/**
 * What a server asks one client: sampling, elicitation, roots and the like.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { JsonRpcError, JsonRpcNotification, JsonRpcRequest, RequestId } from "../types.ts";
import { errorResponse, METHOD_NOT_FOUND } from "../wire/message.ts";

/** The client capability that a server's request needs (MCP). */
const NEEDED_CAPABILITY: Readonly<Record<string, string>> = {
  "sampling/createMessage": "sampling",
  "elicitation/create": "elicitation",
  "roots/list": "roots",
};

/**
 * @param request What the server wants to ask.
 * @param initializeParams What the client said of itself; `undefined` for a stateless client.
 * @returns The answer for the server where the client can't answer; else `undefined`.
 */
export function missingCapability(
  request: JsonRpcRequest,
  initializeParams: Readonly<Record<string, unknown>> | undefined,
): JsonRpcError | undefined {
  const needed = NEEDED_CAPABILITY[request.method];
  const declared = initializeParams?.capabilities;
  if (needed === undefined) return undefined;
  if (typeof declared === "object" && declared !== null && needed in declared) return undefined;
  return errorResponse(
    request.id,
    METHOD_NOT_FOUND,
    `The client has not declared the capability "${needed}" that ${request.method} needs`,
  );
}

/** The questions that wait for an answer: their ids on the wire, and those that the server gave them. */
export class Questions {
  readonly #max: number;
  readonly #post: (message: JsonRpcRequest | JsonRpcNotification) => Promise<void>;
  readonly #ids = new Map<RequestId, RequestId>();
  #count = 0;

  /**
   * @param max How many may wait at the same time (`limits.maxInFlight`).
   * @param post Sends to the client.
   */
  constructor(
    max: number,
    post: (message: JsonRpcRequest | JsonRpcNotification) => Promise<void>,
  ) {
    this.#max = max;
    this.#post = post;
  }

  /** How many wait. */
  get size(): number {
    return this.#ids.size;
  }

  /** Whether a question with this id on the wire waits. */
  has(id: RequestId): boolean {
    return this.#ids.has(id);
  }

  /**
   * Sends a question. Its id on the wire is never 0: clients of the official
   * MCP SDK take no cancellation of a request with that id.
   *
   * @throws {SessionError} LIMIT_REACHED when too many wait.
   */
  async ask(question: JsonRpcRequest): Promise<void> {
    if (this.size >= this.#max) {
      throw new SessionError(
        "LIMIT_REACHED",
        `${this.size} questions to the client are unanswered; limits.maxInFlight is the bound`,
      );
    }
    const id = ++this.#count;
    this.#ids.set(id, question.id);
    try {
      await this.#post({ ...question, id });
    } catch (error) {
      this.#ids.delete(id);
      throw error;
    }
  }

  /** Ends the wait for an answer; returns the id that the server gave the question. */
  take(id: RequestId): RequestId | undefined {
    const given = this.#ids.get(id);
    this.#ids.delete(id);
    return given;
  }

  /** Takes a question of the server back, and tells the client with the server's notification. */
  async withdraw(given: RequestId, notification: JsonRpcNotification): Promise<void> {
    const ids = [...this.#ids].filter(([, own]) => own === given).map(([id]) => id);
    for (const requestId of ids) {
      this.#ids.delete(requestId);
      await this.#post({ ...notification, params: { ...notification.params, requestId } });
    }
  }

  /** Forgets all. */
  clear(): void {
    this.#ids.clear();
  }
}
