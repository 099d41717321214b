/**
 * Which messages are encrypted, and in which kind of gift wrap (CEP-4, CEP-19).
 *
 * @module
 */
import type { GiftWrapKind } from "../../crypto/gift_wrap.ts";
import { InputError } from "../../errors.ts";
import { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND, MESSAGE_KIND } from "../wire/kinds.ts";
import {
  SUPPORT_ENCRYPTION,
  SUPPORT_ENCRYPTION_EPHEMERAL,
  SUPPORT_OPEN_STREAM,
  SUPPORT_OVERSIZED_TRANSFER,
  type Tags,
} from "../wire/tags.ts";

/**
 * Whether messages are encrypted.
 *
 * - `optional`: a client encrypts unless the server's announcement says that it can't; a server answers as it was asked.
 * - `required`: plain messages are neither sent nor accepted.
 * - `disabled`: encrypted messages are neither sent nor accepted.
 */
export type EncryptionMode = "optional" | "required" | "disabled";

/**
 * Which gift wraps are used: `ephemeral` (kind 21059, not stored by relays),
 * `persistent` (kind 1059), or `optional`: both are accepted and the ephemeral
 * one is preferred.
 */
export type GiftWrapMode = "optional" | "ephemeral" | "persistent";

const ENCRYPTION_MODES: readonly string[] = ["optional", "required", "disabled"];
const GIFT_WRAP_MODES: readonly string[] = ["optional", "ephemeral", "persistent"];

/** The two modes of one side, checked. */
export interface Modes {
  /** Whether messages are encrypted. */
  readonly encryption: EncryptionMode;
  /** Which gift wraps are used. */
  readonly giftWrap: GiftWrapMode;
}

/**
 * @param encryption Default `"optional"`.
 * @param giftWrap Default `"optional"`.
 * @returns Both modes.
 * @throws {InputError} CONFIG_INVALID when a value is not one of the modes; an unknown value is never read as a default.
 */
export function checkModes(
  encryption: EncryptionMode = "optional",
  giftWrap: GiftWrapMode = "optional",
): Modes {
  if (!ENCRYPTION_MODES.includes(encryption)) {
    throw new InputError(
      "CONFIG_INVALID",
      `encryption: unknown mode ${JSON.stringify(encryption)}; use ${ENCRYPTION_MODES.join(", ")}`,
    );
  }
  if (!GIFT_WRAP_MODES.includes(giftWrap)) {
    throw new InputError(
      "CONFIG_INVALID",
      `giftWrap: unknown mode ${JSON.stringify(giftWrap)}; use ${GIFT_WRAP_MODES.join(", ")}`,
    );
  }
  return { encryption, giftWrap };
}

/** The gift wraps that a side understands. */
export function acceptedWraps({ encryption, giftWrap }: Modes): readonly GiftWrapKind[] {
  if (encryption === "disabled") return [];
  if (giftWrap === "ephemeral") return [EPHEMERAL_GIFT_WRAP_KIND];
  if (giftWrap === "persistent") return [GIFT_WRAP_KIND];
  return [EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND];
}

/**
 * The kinds to subscribe to, as the filters of separate subscriptions: stored
 * gift wraps stand alone, so that a relay that withholds them from strangers
 * withholds nothing else (faults F37).
 */
export function subscribedKinds(modes: Modes): readonly (readonly number[])[] {
  const wraps = acceptedWraps(modes);
  const live = [
    ...(modes.encryption === "required" ? [] : [MESSAGE_KIND]),
    ...wraps.filter((kind) => kind === EPHEMERAL_GIFT_WRAP_KIND),
  ];
  return [live, wraps.filter((kind) => kind === GIFT_WRAP_KIND)].filter((kinds) =>
    kinds.length > 0
  );
}

/** The flags with which a side says what it understands (CEP-4, CEP-19). */
export function supportTags({ encryption, giftWrap }: Modes): Tags {
  if (encryption === "disabled") return [];
  if (giftWrap === "persistent") return [[SUPPORT_ENCRYPTION]];
  return [[SUPPORT_ENCRYPTION], [SUPPORT_ENCRYPTION_EPHEMERAL]];
}

/** What one side can do beside plain exchange; every one of them is there unless it is switched off. */
export interface Features {
  /**
   * Whether messages that do not fit an event are sent and taken in parts (CEP-22).
   * @default {true}
   */
  readonly oversizedTransfer?: boolean;
  /**
   * Whether data may stream beside a call (CEP-41).
   * @default {true}
   */
  readonly openStream?: boolean;
}

/** The flags with which a side says what it can do (CEP-22, CEP-41). */
export function featureTags({ oversizedTransfer = true, openStream = true }: Features): Tags {
  return [
    ...(oversizedTransfer ? [[SUPPORT_OVERSIZED_TRANSFER]] : []),
    ...(openStream ? [[SUPPORT_OPEN_STREAM]] : []),
  ];
}

/**
 * The gift wrap of an answer: none to a plain message, the forced one where
 * the mode forces it, the ephemeral one to a client that takes it, else the
 * kind that the client used (CEP-19).
 */
export function chooseReplyWrap(
  { giftWrap }: Modes,
  asked: GiftWrapKind | undefined,
  takesEphemeral: boolean,
): GiftWrapKind | undefined {
  if (asked === undefined) return undefined;
  if (giftWrap === "ephemeral") return EPHEMERAL_GIFT_WRAP_KIND;
  if (giftWrap === "persistent") return GIFT_WRAP_KIND;
  return takesEphemeral ? EPHEMERAL_GIFT_WRAP_KIND : asked;
}
