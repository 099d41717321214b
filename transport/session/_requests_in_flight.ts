/**
 * The requests of one client that its server works on.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { GiftWrapKind } from "../../crypto/gift_wrap.ts";
import type { RequestStream } from "../transfer/open_stream.ts";
import type { OutgoingTransfer } from "../transfer/outgoing_transfer.ts";
import type { ProgressToken, RequestId } from "../types.ts";
import type { Watched } from "./observer.ts";

/** A request that the server works on. */
export interface RequestInFlight {
  /** The id of its event, which is its id inside the server. */
  readonly eventId: string;
  /** The id that the client gave it. */
  readonly id: RequestId;
  /** Its method. */
  readonly method: string;
  /** The token that the client gave it. */
  readonly progressToken: ProgressToken | undefined;
  /** The gift wrap that it came in. */
  readonly wrapKind: GiftWrapKind | undefined;
  /** Tells an observer how it ends. */
  readonly watched?: Watched;
  /** Set once the server has answered and the answer is on its way. */
  answer?: OutgoingTransfer | "sent";
  /** The open stream beside it, once there is one. */
  stream?: RequestStream;
}

/** The requests of all clients together. */
export interface RequestTotal {
  /** How many there are. */
  count: number;
}

/** The requests that the server works on, by the event in which each came. */
export class RequestsInFlight {
  readonly #byEvent = new Map<string, RequestInFlight>();
  readonly #total: RequestTotal;
  #answered = 0;

  /** @param total Where the requests of all clients are counted. */
  constructor(total: RequestTotal) {
    this.#total = total;
  }

  /** How many there are. */
  get size(): number {
    return this.#byEvent.size;
  }

  /** How many are not answered yet; the answers of the others are on their way. */
  get waiting(): number {
    return this.#byEvent.size - this.#answered;
  }

  /** Those that are not answered yet. */
  get unanswered(): readonly RequestInFlight[] {
    return [...this.#byEvent.values()].filter(({ answer }) => answer === undefined);
  }

  /** Takes one in. */
  add(request: RequestInFlight): void {
    this.#byEvent.set(request.eventId, request);
    this.#total.count += 1;
  }

  /** The request that came in an event. */
  get(eventId: RequestId): RequestInFlight | undefined {
    return this.#byEvent.get(String(eventId));
  }

  /** The youngest request with an id of the client. */
  withId(id: RequestId): RequestInFlight | undefined {
    return this.#youngest((request) => request.id === id);
  }

  /** The youngest request with a progress token, as it stands in frames. */
  withToken(token: string): RequestInFlight | undefined {
    return this.#youngest(({ progressToken }) =>
      progressToken !== undefined && String(progressToken) === token
    );
  }

  /** The server has answered one. */
  answer(request: RequestInFlight, answer: NonNullable<RequestInFlight["answer"]>): void {
    request.answer = answer;
    this.#answered += 1;
  }

  /** Ends one. */
  delete({ eventId, stream, watched, answer }: RequestInFlight): void {
    if (this.#byEvent.delete(eventId)) {
      this.#total.count -= 1;
      if (answer !== undefined) this.#answered -= 1;
      watched?.settle();
    }
    stream?.end(new SessionError("CLOSED", "the call was answered, and its stream is over"));
  }

  /** Ends all, with the reason for their streams. */
  clear(end: (stream: RequestStream) => void): void {
    for (const { stream, watched } of this.#byEvent.values()) {
      if (stream !== undefined) end(stream);
      watched?.settle();
    }
    this.#total.count -= this.#byEvent.size;
    this.#byEvent.clear();
    this.#answered = 0;
  }

  #youngest(matches: (request: RequestInFlight) => boolean): RequestInFlight | undefined {
    return [...this.#byEvent.values()].findLast(matches);
  }
}
