/**
 * The last events of an HTTP session, so that a client whose stream broke off
 * can take it up again (`Last-Event-ID`).
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
import type { EventStore } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";

/** A message in the type of the official SDK. */
type Message = Parameters<EventStore["storeEvent"]>[1];

/** Bounds of an {@linkcode EventMemory}. */
export interface EventMemoryOptions {
  /**
   * How many events are kept.
   * @default {1_000}
   */
  readonly maxEvents?: number;
  /**
   * How large the events may be together, in UTF-16 code units of JSON. The youngest one is
   * always kept.
   * @default {4_194_304}
   */
  readonly maxSize?: number;
}

interface Kept {
  readonly streamId: string;
  readonly message: Message;
  readonly size: number;
}

/** Keeps the youngest events of all streams of one session, or messages that wait. */
export class EventMemory implements EventStore {
  readonly #maxEvents: number;
  readonly #maxSize: number;
  /** By id, oldest first. */
  readonly #events = new Map<string, Kept>();
  #count = 0;
  #size = 0;

  /** @param options The bounds. */
  constructor({ maxEvents = 1_000, maxSize = 4_194_304 }: EventMemoryOptions = {}) {
    this.#maxEvents = maxEvents;
    this.#maxSize = maxSize;
  }

  /** Keeps an event. @returns Its id, unique in the session. */
  storeEvent(streamId: string, message: Message): Promise<string> {
    const id = String(++this.#count);
    const size = JSON.stringify(message).length;
    this.#events.set(id, { streamId, message, size });
    this.#size += size;
    for (const [oldest, event] of this.#events) {
      const fits = this.#events.size <= this.#maxEvents && this.#size <= this.#maxSize;
      if (fits || oldest === id) break;
      this.#events.delete(oldest);
      this.#size -= event.size;
    }
    return Promise.resolve(id);
  }

  /** Takes all messages out, the oldest first. */
  takeAll(): readonly Message[] {
    const messages = [...this.#events.values()].map(({ message }) => message);
    this.#events.clear();
    this.#size = 0;
    return messages;
  }

  /** The stream of an event; `undefined` when it is not kept any more. */
  streamOf(eventId: string): string | undefined {
    return this.#events.get(eventId)?.streamId;
  }

  /** The same as {@linkcode EventMemory.streamOf}, as the SDK asks for it. */
  getStreamIdForEventId(eventId: string): Promise<string | undefined> {
    return Promise.resolve(this.streamOf(eventId));
  }

  /** Sends the events of the same stream that came after an event. @returns The stream. */
  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (eventId: string, message: Message) => Promise<void> },
  ): Promise<string> {
    const streamId = this.streamOf(lastEventId);
    if (streamId === undefined) throw new Error("the event is not kept any more");
    for (const [id, event] of [...this.#events]) {
      if (event.streamId !== streamId || Number(id) <= Number(lastEventId)) continue;
      // The empty message stands for the first event of a stream, which has nothing to say.
      if (Object.keys(event.message).length > 0) await send(id, event.message);
    }
    return streamId;
  }
}
