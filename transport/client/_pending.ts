/**
 * The requests of a client that wait for an answer.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { GiftWrapKind } from "../../crypto/gift_wrap.ts";
import type { SessionError } from "../../errors.ts";
import type { RequestStream } from "../transfer/open_stream.ts";
import type { JsonRpcRequest, ProgressToken, RequestId } from "../types.ts";
import { progressTokenOf } from "../wire/message.ts";
import type { ClientCall } from "./_call.ts";

/** A request that waits for its answer. */
export interface Pending {
  /** The id of the event that it left in, or, of a request in parts, of the last part. */
  readonly eventId: string;
  /** Its id. */
  readonly id: RequestId;
  /** Its method. */
  readonly method: string;
  /** The token that it left with. */
  readonly token: string | undefined;
  /** The token that the MCP client above gave it, which wants to hear of progress. */
  readonly callersToken: ProgressToken | undefined;
  /** Ends the wait for the relay's OK: the server has the request. */
  readonly onArrived: () => void;
  /** The call of the transport itself that it belongs to; without it, the answer goes to the MCP client above. */
  readonly call: ClientCall | undefined;
  /** The open stream beside it, once there is one. */
  stream?: RequestStream;
  /** The signed event, and the gift wrap that it left in. */
  readonly left: {
    readonly event: NostrEvent;
    readonly wrapKind: GiftWrapKind | undefined;
    /** Which process the server was, where it says so. */
    readonly process: string | undefined;
  };
  /** The highest progress that the caller has been told. */
  progress: number;
  /** Fails the request when the server stays silent; only the first one and `initialize` have it. */
  timer?: ReturnType<typeof setTimeout>;
  /** Sends the request in the other gift wrap too. */
  retryTimer?: ReturnType<typeof setTimeout>;
}

/** The requests that wait, by the event in which each left. */
export class PendingRequests {
  readonly #byEvent = new Map<string, Pending>();
  /** Streams of which the answer has overtaken something, by their tokens. */
  readonly #overtaken = new Map<string, RequestStream>();

  /**
   * Begins the wait.
   *
   * @param left The event that an answer will refer to, and its gift wrap.
   * @param request The request as the caller made it.
   * @param sent The request as it left.
   * @param onArrived Called when the server is known to have the request.
   * @param call The call of the transport itself that the request belongs to.
   */
  add(
    left: Pending["left"],
    { request, sent, onArrived, call }: {
      readonly request: JsonRpcRequest;
      readonly sent: JsonRpcRequest;
      readonly onArrived: () => void;
      readonly call: ClientCall | undefined;
    },
  ): Pending {
    const eventId = left.event.id;
    const token = progressTokenOf(sent);
    const pending: Pending = {
      eventId,
      left,
      id: request.id,
      method: request.method,
      token: token === undefined ? undefined : String(token),
      callersToken: call === undefined ? progressTokenOf(request) : undefined,
      onArrived,
      call,
      stream: call?.stream,
      progress: 0,
    };
    this.#byEvent.set(eventId, pending);
    return pending;
  }

  /** The request that left in an event. */
  get(eventId: string | undefined): Pending | undefined {
    return eventId === undefined ? undefined : this.#byEvent.get(eventId);
  }

  /** The requests with a progress token, as it stands on the wire. */
  withToken(token: string): readonly Pending[] {
    return [...this.#byEvent.values()].filter((pending) => pending.token === token);
  }

  /** The stream of a request that is answered, of which something may still come. */
  overtakenStream(token: string): RequestStream | undefined {
    return this.#overtaken.get(token);
  }

  /** All of them. */
  get all(): readonly Pending[] {
    return [...this.#byEvent.values()];
  }

  /** The requests with an id. */
  withId(id: RequestId): readonly Pending[] {
    return [...this.#byEvent.values()].filter((pending) => pending.id === id);
  }

  /** Ends the wait for one request. */
  settle(pending: Pending): void {
    stopTimers(pending);
    this.#byEvent.delete(pending.eventId);
    const { stream, token } = pending;
    stream?.answered();
    if (token === undefined || stream === undefined || stream.signal.aborted) return;
    this.#overtaken.set(token, stream);
    stream.signal.addEventListener("abort", () => {
      if (this.#overtaken.get(token) === stream) this.#overtaken.delete(token);
    }, { once: true });
  }

  /** The server has been heard: silence is no reason to fail any more. */
  stopTimers(): void {
    for (const pending of this.#byEvent.values()) stopTimers(pending);
  }

  /** Ends the wait for all, with the reason for their streams and calls. */
  clear(reason: SessionError): void {
    this.stopTimers();
    for (const { stream, call } of this.#byEvent.values()) {
      stream?.end(reason);
      call?.fail(reason);
    }
    for (const stream of this.#overtaken.values()) stream.end(reason);
    this.#byEvent.clear();
  }
}

function stopTimers({ timer, retryTimer }: Pending): void {
  clearTimeout(timer);
  clearTimeout(retryTimer);
}
