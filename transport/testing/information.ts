/**
 * What a relay says about itself (NIP-11).
 *
 * @module
 */
import type { RelayLimits } from "./limits.ts";

/** A relay's information document (NIP-11), the part that ours fills in. */
export interface RelayInformation {
  /** The relay's name. */
  readonly name: string;
  /** What it is for. */
  readonly description: string;
  /** The operator's public key, 64 hex digits. */
  readonly pubkey?: string;
  /** How to reach the operator. */
  readonly contact?: string;
  /** Numbers of the NIPs that it follows. */
  readonly supported_nips: readonly number[];
  /** The software. */
  readonly software: string;
  /** The version of the software. */
  readonly version?: string;
  /** What it takes at most. */
  readonly limitation: RelayLimitation;
}

/** A relay's limits as NIP-11 names them. */
export interface RelayLimitation {
  /** The longest frame, bytes. */
  readonly max_message_length: number;
  /** The longest content of an event, characters. */
  readonly max_content_length: number;
  /** Open subscriptions of one connection. */
  readonly max_subscriptions: number;
  /** The longest subscription id, characters. */
  readonly max_subid_length: number;
  /** The most that a filter's `limit` counts. */
  readonly max_limit: number;
  /** Stored events for a filter without `limit`. */
  readonly default_limit: number;
  /** How far in the past `created_at` may be, seconds; absent when it may be anything. */
  readonly created_at_lower_limit?: number;
  /** How far in the future `created_at` may be, seconds; absent when it may be anything. */
  readonly created_at_upper_limit?: number;
  /** Whether a client must authenticate (NIP-42) before anything else. */
  readonly auth_required: boolean;
  /** Whether it takes money. */
  readonly payment_required: boolean;
  /** Whether some events are refused by a policy. */
  readonly restricted_writes: boolean;
}

/** What an operator may say about a relay. */
export type RelayDescription = Partial<
  Pick<RelayInformation, "name" | "description" | "pubkey" | "contact" | "software" | "version">
>;

/**
 * Builds a relay's information document (NIP-11).
 *
 * @param description What the operator says.
 * @param limits The relay's limits.
 * @param options Whether it asks for authentication, and whether a policy refuses events.
 * @returns The document, ready for `JSON.stringify`.
 */
export function buildRelayInformation(
  description: RelayDescription,
  limits: RelayLimits,
  options: { readonly authRequired: boolean; readonly restrictedWrites: boolean },
): RelayInformation {
  return {
    name: "cvm relay",
    description: "A small relay for ContextVM",
    supported_nips: [1, 9, 11, 42],
    software: "@cvm/toolkit",
    ...description,
    limitation: {
      max_message_length: limits.maxFrameBytes,
      max_content_length: limits.maxEventBytes,
      max_subscriptions: limits.maxSubscriptions,
      max_subid_length: limits.maxSubscriptionIdLength,
      max_limit: limits.maxLimit,
      default_limit: limits.maxLimit,
      ...(Number.isFinite(limits.maxAgeSeconds) &&
        { created_at_lower_limit: limits.maxAgeSeconds }),
      ...(Number.isFinite(limits.maxFutureSeconds) &&
        { created_at_upper_limit: limits.maxFutureSeconds }),
      auth_required: options.authRequired,
      payment_required: false,
      restricted_writes: options.restrictedWrites,
    },
  };
}
