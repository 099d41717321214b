/**
 * A relay's side of NIP-42: what proves who a client is, and who may read what.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { Filter } from "../relay/filter.ts";

/** The kind of an authentication event (NIP-42). */
export const AUTH_KIND = 22242;

/** The kind of a stored gift wrap (NIP-59). */
export const GIFT_WRAP_KIND = 1059;

/** How far `created_at` of an authentication event may be from now, seconds (NIP-42). */
const AUTH_WINDOW_SECONDS = 600;

/**
 * Who must authenticate (NIP-42).
 *
 * - `false`: nobody.
 * - `true`: everybody, before anything else.
 * - `"1059"`: who wants to read kind 1059, and gets only those addressed to or written by its own
 *   key, as with stock strfry. A subscription to other kinds too is granted, without them.
 */
export type RequireAuth = boolean | "1059";

/** What an authentication event is checked against. */
export interface AuthExpectation {
  /** The challenge that was sent. */
  readonly challenge: string;
  /** The relay's own URLs. Empty: any URL will do. */
  readonly urls: readonly string[];
  /** Now, seconds since the epoch. */
  readonly nowSeconds: number;
}

/**
 * What is wrong with an authentication event (NIP-42), its signature apart.
 *
 * @param event The event.
 * @param expected What it must say.
 * @returns The reason, or `undefined` when nothing is wrong.
 */
export function findAuthProblem(event: NostrEvent, expected: AuthExpectation): string | undefined {
  if (event.kind !== AUTH_KIND) return `authentication is an event of kind ${AUTH_KIND}`;
  const value = (name: string) => event.tags.find((tag) => tag[0] === name)?.[1];
  if (value("challenge") !== expected.challenge) return "the challenge is not the one I sent";
  if (Math.abs(event.created_at - expected.nowSeconds) > AUTH_WINDOW_SECONDS) {
    return `created_at is more than ${AUTH_WINDOW_SECONDS} seconds from now`;
  }
  const relay = canonicalUrl(value("relay") ?? "");
  if (relay === undefined) return "the relay tag holds no URL";
  if (expected.urls.length > 0 && !expected.urls.some((url) => canonicalUrl(url) === relay)) {
    return "the relay tag names another relay";
  }
  return undefined;
}

/**
 * Whether a client may be shown an event.
 *
 * @param event The event.
 * @param requireAuth Who must authenticate.
 * @param pubkeys The keys that the client has proved to hold.
 * @returns `false` for a gift wrap of somebody else where those are guarded.
 */
export function mayRead(
  event: NostrEvent,
  requireAuth: RequireAuth,
  pubkeys: ReadonlySet<string>,
): boolean {
  if (requireAuth !== "1059" || event.kind !== GIFT_WRAP_KIND) return true;
  return pubkeys.has(event.pubkey) ||
    event.tags.some(([name, value]) => name === "p" && value !== undefined && pubkeys.has(value));
}

/**
 * Why a subscription is refused.
 *
 * @param filters Its filters.
 * @param requireAuth Who must authenticate.
 * @param pubkeys The keys that the client has proved to hold.
 * @returns The reason with the prefix of NIP-42, or `undefined` when it is granted.
 */
export function findReadProblem(
  filters: readonly Filter[],
  requireAuth: RequireAuth,
  pubkeys: ReadonlySet<string>,
): string | undefined {
  if (requireAuth === true && pubkeys.size === 0) {
    return "auth-required: this relay serves only clients that authenticate";
  }
  if (requireAuth !== "1059") return undefined;
  const guarded = filters.filter((filter) =>
    filter.kinds !== undefined && filter.kinds.length > 0 &&
    filter.kinds.every((kind) => kind === GIFT_WRAP_KIND)
  );
  if (guarded.length === 0) return undefined;
  if (pubkeys.size === 0) {
    return `auth-required: kind ${GIFT_WRAP_KIND} is shown only to its recipient`;
  }
  const forOthers = (filter: Filter) =>
    filter["#p"] !== undefined && !filter["#p"].some((pubkey) => pubkeys.has(pubkey));
  if (guarded.some(forOthers)) {
    return `restricted: kind ${GIFT_WRAP_KIND} is shown only to its recipient`;
  }
  return undefined;
}

/** A relay URL in a form that can be compared; loopback hosts are one. `undefined`: not a URL. */
function canonicalUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  const host = loopback ? "localhost" : url.hostname;
  return `${url.protocol}//${host}:${url.port}${url.pathname.replace(/\/+$/, "")}`;
}
