/**
 * What a server asks one client: sampling, elicitation, roots and the like.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { JsonRpcError, JsonRpcRequest, RequestId } from "../types.ts";
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
  readonly #ids = new Map<RequestId, RequestId>();
  #count = 0;

  /** @param max How many may wait at the same time (`limits.maxInFlight`). */
  constructor(max: number) {
    this.#max = max;
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
   * @param id The id that the server gave the question.
   * @returns The id that it has on the wire. Never 0: clients of the official MCP SDK take no cancellation of a request with that id.
   * @throws {SessionError} LIMIT_REACHED when too many wait.
   */
  add(id: RequestId): RequestId {
    if (this.size >= this.#max) {
      throw new SessionError(
        "LIMIT_REACHED",
        `${this.size} questions to the client are unanswered; limits.maxInFlight is the bound`,
      );
    }
    this.#ids.set(++this.#count, id);
    return this.#count;
  }

  /** Ends the wait for an answer; returns the id that the server gave the question. */
  take(id: RequestId): RequestId | undefined {
    const given = this.#ids.get(id);
    this.#ids.delete(id);
    return given;
  }

  /** Takes a question of the server back; returns its ids on the wire. */
  withdraw(given: RequestId): readonly RequestId[] {
    const ids = [...this.#ids].filter(([, own]) => own === given).map(([id]) => id);
    for (const id of ids) this.#ids.delete(id);
    return ids;
  }

  /** Forgets all. */
  clear(): void {
    this.#ids.clear();
  }
}
