/**
 * Publishing a single public event: signed, sized, and with word of who took it.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { Signer } from "../../crypto/signer.ts";
import { InputError } from "../../errors.ts";
import type { PublishOptions, PublishReceipt, RelayPool } from "../relay/pool.ts";
import { EVENT_FRAME_BYTES, signedEventBytes } from "../wire/event_size.ts";
import type { Tags } from "../wire/tags.ts";

/** Who signs a public event, where it goes, and how long that may take. */
export interface SignedPublishOptions extends PublishOptions {
  /** The author's key. */
  readonly signer: Signer;
  /**
   * The clock, milliseconds since the epoch.
   * @default {Date.now}
   */
  readonly now?: () => number;
}

/** An event that at least one relay has taken. */
export interface EventReceipt extends PublishReceipt {
  /** The signed event. */
  readonly event: NostrEvent;
}

/** What an event says, before it has a time and an author. */
export interface EventDraft {
  /** What the event is. */
  readonly kind: number;
  /** Its tags. */
  readonly tags: Tags;
  /** Its content. */
  readonly content: string;
  /** The earliest time that it may bear, seconds: later than the version that it replaces. */
  readonly notBefore?: number;
}

/**
 * Signs an event and publishes it.
 *
 * @param pool Where it goes.
 * @param draft What it says.
 * @param options Who signs, and how long it may take.
 * @returns The event and who took it.
 * @throws {InputError} MESSAGE_TOO_LARGE when relays would refuse the event for its size.
 * @throws {RelayError} PUBLISH_REFUSED or PUBLISH_TIMEOUT when no relay took it.
 */
export async function publishDraft(
  pool: RelayPool,
  draft: EventDraft,
  options: SignedPublishOptions,
): Promise<EventReceipt> {
  const { signer, now = Date.now, ...publishing } = options;
  const { kind, notBefore = 0 } = draft;
  const template = {
    kind,
    created_at: Math.max(Math.floor(now() / 1000), notBefore),
    tags: draft.tags,
    content: draft.content.toWellFormed(),
  };
  const bytes = signedEventBytes(template);
  const maxBytes = pool.limits().maxMessageBytes - EVENT_FRAME_BYTES;
  if (bytes > maxBytes) {
    throw new InputError(
      "MESSAGE_TOO_LARGE",
      `the event of kind ${kind} would have ${bytes} bytes, and the relays take ${maxBytes}; shorten it`,
    );
  }
  const event = await signer.signEvent(template);
  return { event, ...await pool.publish(event, publishing) };
}

/**
 * A text for people.
 *
 * @throws {TypeError} When there is nothing in it.
 */
export function checkText(text: string): string {
  if (text.trim() === "") throw new TypeError("the text is empty");
  return text;
}

/** The relay that a tag recommends: the first one of the pool that others can reach, or none. */
export function relayHint(pool: RelayPool): readonly string[] {
  return pool.urls.filter((url) => url.startsWith("wss:")).slice(0, 1);
}
