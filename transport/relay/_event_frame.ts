/**
 * An event as relays are told it.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";

/** The frame around an event; however many relays get it, its text is made once. */
export class EventFrame {
  /** The event. */
  readonly event: NostrEvent;
  #text: string | undefined;

  /** @param event The event. */
  constructor(event: NostrEvent) {
    this.event = event;
  }

  /** The text, made when the first relay is ready for it. */
  get text(): string {
    return this.#text ??= JSON.stringify(["EVENT", this.event]);
  }
}
