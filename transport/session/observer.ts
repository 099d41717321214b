/**
 * Watching what clients ask and how it ends, for logs and metrics. An observer
 * sees neither arguments nor results.
 *
 * @module
 */
import type { JsonRpcRequest, JsonRpcResponse } from "../types.ts";

/** A request of a client, as an observer sees it. */
export interface ObservedRequest {
  /** The client's public key, hex. */
  readonly peer: string;
  /** The method, as the client wrote it. */
  readonly method: string;
  /** The name of the tool or prompt, as the client wrote it. */
  readonly name?: string;
}

/**
 * How a request ended.
 *
 * - `ok`: with a result.
 * - `tool-error`: with the result of a tool that says it failed.
 * - `error`: with a JSON-RPC error.
 * - `cancelled`: its client took it back.
 * - `refused`: it was not let in: no permission, a bound, or the server is about to end.
 * - `lost`: its answer could not be delivered, or its session ended before.
 */
export type RequestOutcome = "ok" | "tool-error" | "error" | "cancelled" | "refused" | "lost";

/** A request that has ended. */
export interface SettledRequest extends ObservedRequest {
  /** How it ended. */
  readonly outcome: RequestOutcome;
  /** The JSON-RPC code of its error. */
  readonly errorCode?: number;
  /** How long it took, until its answer was delivered, in milliseconds. */
  readonly durationMs: number;
}

/** Told of each request of a client. What it throws is reported and stops nothing. */
export interface RequestObserver {
  /** A request was let in. */
  readonly onRequest?: (request: ObservedRequest) => void;
  /** A request has ended. One that was refused has not been told of before. */
  readonly onSettled?: (request: SettledRequest) => void;
}

/** The end of a request that is under way; told once. */
export interface Watched {
  /** The answer, once there is one. */
  answer(response: JsonRpcResponse): void;
  /** How the request ends, when not as its answer says. */
  end(outcome: RequestOutcome): void;
  /** The request has ended. */
  settle(): void;
}

/** Tells an observer, if there is one. */
export class RequestWatch {
  readonly #observer: RequestObserver | undefined;
  readonly #now: () => number;
  readonly #report: (error: unknown) => void;

  /**
   * @param observer Who is told.
   * @param options The clock in milliseconds, and who is told of its faults.
   */
  constructor(
    observer: RequestObserver | undefined,
    options: { readonly now: () => number; readonly report: (error: unknown) => void },
  ) {
    this.#observer = observer;
    this.#now = options.now;
    this.#report = options.report;
  }

  /** A request was let in. */
  begin(peer: string, request: JsonRpcRequest): Watched | undefined {
    if (this.#observer === undefined) return undefined;
    const observed = describe(peer, request);
    const began = this.#now();
    let ending: { readonly outcome: RequestOutcome; readonly errorCode?: number } = {
      outcome: "lost",
    };
    this.#tell((observer) => observer.onRequest?.(observed));
    return {
      answer: (response) => void (ending = endingOf(response)),
      end: (outcome) => void (ending = { outcome }),
      settle: () => {
        const durationMs = Math.max(0, this.#now() - began);
        this.#tell((observer) => observer.onSettled?.({ ...observed, ...ending, durationMs }));
      },
    };
  }

  /** A request was not let in. */
  refused(peer: string, request: JsonRpcRequest): void {
    this.#tell((observer) =>
      observer.onSettled?.({ ...describe(peer, request), outcome: "refused", durationMs: 0 })
    );
  }

  #tell(say: (observer: RequestObserver) => void): void {
    if (this.#observer === undefined) return;
    try {
      say(this.#observer);
    } catch (error) {
      this.#report(error);
    }
  }
}

function describe(peer: string, { method, params }: JsonRpcRequest): ObservedRequest {
  const name = method === "tools/call" || method === "prompts/get" ? params?.name : undefined;
  return { peer, method, ...(typeof name === "string" ? { name } : {}) };
}

function endingOf(response: JsonRpcResponse) {
  if ("error" in response) return { outcome: "error" as const, errorCode: response.error.code };
  return { outcome: response.result.isError === true ? "tool-error" as const : "ok" as const };
}
