/**
 * Over HTTP each request of the client has a response stream of its own, and
 * what the server says while it works on a request belongs into that stream.
 * On Nostr there is one stream for everything; here it is told apart again.
 *
 * @module
 */
import type { JsonRpcMessage, ProgressToken, RequestId } from "../../transport/types.ts";
import {
  cancelledRequestOf,
  isRequest,
  isResponse,
  progressOf,
  progressTokenOf,
} from "../../transport/wire/message.ts";

/** Questions of the server whose streams are remembered. */
const MAX_QUESTIONS = 1_000;
/** What a server says without being asked: it belongs to no request. */
const UNRELATED = /^notifications\/(resources\/updated|[a-z]+\/list_changed)$/;

interface Waiting {
  readonly method: string;
  readonly progressToken: ProgressToken | undefined;
}

/** The requests of an HTTP client that wait for an answer, and what belongs to them. */
export class RelatedRequests {
  readonly #waiting = new Map<RequestId, Waiting>();
  /** Questions of the server, and the requests in whose streams they were asked. */
  readonly #questions = new Map<RequestId, RequestId | undefined>();

  /** How many requests wait for an answer. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether a request waits for its answer. */
  has(id: RequestId): boolean {
    return this.#waiting.has(id);
  }

  /** Takes note of a message of the client. */
  fromClient(message: JsonRpcMessage): void {
    if (isRequest(message)) {
      const progressToken = progressTokenOf(message);
      this.#waiting.set(message.id, { method: message.method, progressToken });
    } else if (isResponse(message) && message.id !== undefined) {
      this.#questions.delete(message.id);
    }
  }

  /** Takes note that a request has been answered. */
  answered(id: RequestId): void {
    this.#waiting.delete(id);
  }

  /**
   * The request that a notification or question of the server belongs to.
   *
   * Progress names its request, and a withdrawn question goes where it was
   * asked. Of anything else the wire does not say it: it belongs to the only
   * request under way, where there is one. With several, it goes to the
   * stream that the client keeps open for such messages, else to the youngest.
   *
   * @param message The server's message; no response.
   * @param options `listening`: whether the client keeps a stream open for what belongs to no request.
   * @returns The request's id; `undefined` for the stream of its own.
   */
  of(
    message: JsonRpcMessage,
    { listening }: { readonly listening: boolean },
  ): RequestId | undefined {
    const token = progressOf(message);
    if (token !== undefined) return this.#byToken(token);
    const withdrawn = cancelledRequestOf(message);
    if (withdrawn !== undefined) {
      const related = this.#questions.get(withdrawn);
      this.#questions.delete(withdrawn);
      return related !== undefined && this.has(related) ? related : undefined;
    }
    const related = this.#guess(message, listening);
    if (isRequest(message)) this.#remember(message.id, related);
    return related;
  }

  #byToken(token: ProgressToken): RequestId | undefined {
    for (const [id, { progressToken }] of this.#waiting) if (progressToken === token) return id;
    return undefined;
  }

  #guess(message: JsonRpcMessage, listening: boolean): RequestId | undefined {
    if (listening && "method" in message && UNRELATED.test(message.method)) return undefined;
    const calls = [...this.#waiting].filter(([, { method }]) => method === "tools/call");
    const candidates = calls.length > 0 ? calls : [...this.#waiting];
    if (candidates.length > 1 && listening) return undefined;
    return candidates.at(-1)?.[0];
  }

  #remember(question: RequestId, related: RequestId | undefined): void {
    this.#questions.set(question, related);
    if (this.#questions.size <= MAX_QUESTIONS) return;
    const oldest = this.#questions.keys().next();
    if (!oldest.done) this.#questions.delete(oldest.value);
  }
}
