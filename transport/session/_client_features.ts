/**
 * What a client has said of itself (CEP-35), and so what may be sent to it.
 *
 * @module
 */
import {
  discoveryTags,
  hasFlag,
  hasSupportFlag,
  SUPPORT_ENCRYPTION_EPHEMERAL,
  SUPPORT_OPEN_STREAM,
  SUPPORT_OVERSIZED_TRANSFER,
  type Tags,
} from "../wire/tags.ts";
import { EPHEMERAL_GIFT_WRAP_KIND } from "../wire/kinds.ts";
import type { Inbound } from "./inbox.ts";

/** What a client has said of itself. */
export class ClientFeatures {
  /** The discovery tags of its first message. */
  readonly tags: Tags;
  #initializeParams: Readonly<Record<string, unknown>> | undefined;
  #takesEphemeral = false;
  #takesTransfers = false;
  #takesStreams = false;

  /** @param first The client's first message. */
  constructor(first: Inbound) {
    this.tags = discoveryTags(first.event.tags);
  }

  /** The parameters of its `initialize`; `undefined` for a stateless client. */
  get initializeParams(): Readonly<Record<string, unknown>> | undefined {
    return this.#initializeParams;
  }

  /** Whether it takes gift wraps of kind 21059 (CEP-19). */
  get takesEphemeral(): boolean {
    return this.#takesEphemeral;
  }

  /** Whether it takes messages in parts (CEP-22); `undefined` when it has said nothing of itself. */
  get takesTransfers(): boolean | undefined {
    return this.#takesTransfers || (this.#hasSpoken ? false : undefined);
  }

  /** Whether it takes open streams (CEP-41); `undefined` when it has said nothing of itself. */
  get takesStreams(): boolean | undefined {
    return this.#takesStreams || (this.#hasSpoken ? false : undefined);
  }

  /** Learns from a message. */
  learn({ event: { tags }, wrapKind }: Inbound): void {
    if (wrapKind === EPHEMERAL_GIFT_WRAP_KIND || hasFlag(tags, SUPPORT_ENCRYPTION_EPHEMERAL)) {
      this.#takesEphemeral = true;
    }
    if (hasFlag(tags, SUPPORT_OVERSIZED_TRANSFER)) this.#takesTransfers = true;
    if (hasFlag(tags, SUPPORT_OPEN_STREAM)) this.#takesStreams = true;
  }

  /** Notes the client's `initialize`. */
  initialize(params: Readonly<Record<string, unknown>>): void {
    this.#initializeParams = params;
  }

  get #hasSpoken(): boolean {
    return this.#initializeParams !== undefined || hasSupportFlag(this.tags);
  }
}
