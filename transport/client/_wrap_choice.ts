/**
 * How a client's messages leave: in plain text, or in which gift wrap.
 *
 * @module
 */
import { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND } from "../../crypto/gift_wrap.ts";
import type { GiftWrapKind } from "../../crypto/gift_wrap.ts";
import { SessionError } from "../../errors.ts";
import type { Announcement } from "../discovery/announcement.ts";
import type { Modes } from "../session/modes.ts";
import {
  hasFlag,
  SUPPORT_ENCRYPTION,
  SUPPORT_ENCRYPTION_EPHEMERAL,
  type Tags,
} from "../wire/tags.ts";

/**
 * Chooses from our modes, the server's announcement and what the server sends.
 * A choice for encryption is never taken back.
 */
export class WrapChoice {
  readonly #modes: Modes;
  #current: GiftWrapKind | undefined;
  #sure = false;
  #mismatch: SessionError | undefined;

  /** @param modes Our modes. */
  constructor(modes: Modes) {
    this.#modes = modes;
    this.#begin();
  }

  /** The kind of the next message's gift wrap; `undefined` for plain text. */
  get current(): GiftWrapKind | undefined {
    return this.#current;
  }

  /** Whether we speak in gift wraps, so that plain text from the server is refused. */
  get hasEncrypted(): boolean {
    return this.#current !== undefined;
  }

  /** Whether it is not known which gift wraps the server understands. */
  get isUnsure(): boolean {
    return !this.#sure;
  }

  /** ENCRYPTION_MISMATCH, when the server has announced what our modes rule out. */
  get mismatch(): SessionError | undefined {
    return this.#mismatch;
  }

  /**
   * Learns from the server's announcement, which must have been verified. Not
   * after the server itself was heard: an old announcement must not bring
   * encryption down. Of several only the last one counts: a relay may have given
   * an old one before another gives the newest.
   */
  learnAnnouncement({ supportsEncryption, supportsEphemeral }: Announcement): void {
    const { encryption, giftWrap } = this.#modes;
    if (encryption === "disabled") return;
    this.#begin();
    if (!supportsEncryption && !supportsEphemeral) {
      this.#sure = true;
      if (encryption === "optional") this.#current = undefined;
      else {
        this.#mismatch = mismatch(
          "the server announces no support for encryption and this client requires it " +
            "(encryption: required); use encryption: optional to speak in plain text",
        );
      }
    } else if (giftWrap === "optional") {
      this.#sure = true;
      this.#current = supportsEphemeral ? EPHEMERAL_GIFT_WRAP_KIND : GIFT_WRAP_KIND;
    } else if (giftWrap === "ephemeral" && !supportsEphemeral) {
      this.#mismatch = mismatch(
        "the server announces no support for ephemeral gift wraps and this client sends no others " +
          "(giftWrap: ephemeral); use giftWrap: optional",
      );
    }
  }

  /** Learns from a message of the server: its flags, and the wrap it came in. */
  learn(tags: Tags, wrapKind: GiftWrapKind | undefined): void {
    if (this.#modes.giftWrap !== "optional" || this.#current === undefined) return;
    const ephemeral = wrapKind === EPHEMERAL_GIFT_WRAP_KIND ||
      hasFlag(tags, SUPPORT_ENCRYPTION_EPHEMERAL);
    if (ephemeral) this.#current = EPHEMERAL_GIFT_WRAP_KIND;
    else if (!this.#sure || hasFlag(tags, SUPPORT_ENCRYPTION)) this.#current = GIFT_WRAP_KIND;
    this.#sure = true;
  }

  /** What our modes say, before anything is known of the server. */
  #begin(): void {
    const { encryption, giftWrap } = this.#modes;
    this.#mismatch = undefined;
    this.#sure = encryption === "disabled" || giftWrap !== "optional";
    this.#current = encryption === "disabled"
      ? undefined
      : giftWrap === "persistent"
      ? GIFT_WRAP_KIND
      : EPHEMERAL_GIFT_WRAP_KIND;
  }
}

function mismatch(why: string): SessionError {
  return new SessionError("ENCRYPTION_MISMATCH", why);
}
