/**
 * Who a server is, for people: its profile (CEP-23, NIP-01, NIP-24).
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { parsePublicKey } from "../../crypto/keys.ts";
import { InputError } from "../../errors.ts";
import type { RelayPool } from "../relay/pool.ts";
import { PROFILE_KIND } from "../wire/kinds.ts";
import { parseObject } from "../wire/json.ts";
import { isShortEnough } from "./_listing.ts";
import type { ReadOptions } from "./list_options.ts";
import {
  type EventDraft,
  type EventReceipt,
  publishDraft,
  type SignedPublishOptions,
} from "./publish_event.ts";
import { newestGenuine } from "./relay_list.ts";

const MAX_URL_LENGTH = 2_048;
const URL_FIELDS = new Set(["picture", "banner", "website"]);
const ADDRESS_FIELDS = new Set(["nip05", "lud16"]);
const TEXT_FIELDS = new Set(["name", "display_name", "about"]);

/** What a key says of itself, for people. Fields beside the known ones pass untouched. */
export interface ProfileMetadata {
  /** The name. */
  readonly name?: string;
  /** A longer name. */
  readonly display_name?: string;
  /** A few sentences. */
  readonly about?: string;
  /** The picture's URL, `https:`. */
  readonly picture?: string;
  /** The URL of a wide picture, `https:`. */
  readonly banner?: string;
  /** The website's URL, `https:`. */
  readonly website?: string;
  /** A name at a domain that vouches for the key, `name@domain` (NIP-05). */
  readonly nip05?: string;
  /** Where to send tips, `name@domain` (LUD-16). */
  readonly lud16?: string;
  /** Whether a program writes what the key publishes. */
  readonly bot?: boolean;
  /** Any other field. */
  readonly [field: string]: unknown;
}

/** A profile, genuine. */
export interface Profile {
  /** The signed event. */
  readonly event: NostrEvent;
  /**
   * What it says, without known fields that are not what they should be. Texts
   * are as their author wrote them: escape them before they go to a terminal
   * or a page. Nobody has vouched for `nip05`.
   */
  readonly metadata: ProfileMetadata;
}

/** Options of {@linkcode publishProfile}. */
export interface PublishProfileOptions extends SignedPublishOptions {
  /**
   * Whether fields of the profile that is on the relays are kept where the new
   * one says nothing of them. `false` replaces the whole profile unseen.
   * @default {true}
   */
  readonly merge?: boolean;
}

/**
 * Publishes the profile of a key. By default it is added to the one that is
 * there, so that what another program has written is not lost.
 *
 * @param pool Where it goes, and where the present one is looked up.
 * @param profile What to say.
 * @param options The key, and whether to merge.
 * @returns The event and who took it.
 * @throws {InputError} CONFIG_INVALID when a field is not what it should be; MESSAGE_TOO_LARGE when
 *   the profile does not fit an event.
 * @throws {RelayError} When no relay could be asked for the present profile, or none took the new one.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { fetchProfile, publishProfile } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const signer = PrivateKeySigner.generate();
 * await publishProfile(pool, { name: "Weather", website: "https://weather.example" }, { signer });
 * await publishProfile(pool, { about: "Forecasts for MCP clients" }, { signer });
 * const profile = await fetchProfile(pool, signer.pubkey);
 * assertEquals(profile?.metadata, {
 *   name: "Weather",
 *   website: "https://weather.example",
 *   about: "Forecasts for MCP clients",
 * });
 * ```
 */
export async function publishProfile(
  pool: RelayPool,
  profile: ProfileMetadata,
  options: PublishProfileOptions,
): Promise<EventReceipt> {
  const { merge = true, ...publishing } = options;
  checkProfile(profile);
  let existing: NostrEvent | undefined;
  if (merge) {
    const { signer, signal } = options;
    const author = await signer.getPublicKey();
    const found = await pool.query([profileFilter(author)], { signal });
    existing = newestGenuine(found, signer.engine);
  }
  return await publishDraft(pool, profileDraft(profile, existing), publishing);
}

/**
 * Looks up the profile of a key.
 *
 * @param pool The relays to ask; all of them are waited for, up to the deadline.
 * @param publicKey The key, in any form that `parsePublicKey` reads.
 * @param options The bounds, the deadline and the engine.
 * @returns The newest profile whose signature holds; `undefined` when there is none.
 * @throws {InputError} KEY_INVALID when it is no public key.
 * @throws {RelayError} RELAY_UNREACHABLE or SUBSCRIPTION_REFUSED when no relay answered.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { fetchProfile, publishProfile } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const signer = PrivateKeySigner.generate();
 * assertEquals(await fetchProfile(pool, signer.pubkey), undefined);
 * await publishProfile(pool, { name: "Weather" }, { signer });
 * assertEquals((await fetchProfile(pool, signer.pubkey))?.metadata.name, "Weather");
 * ```
 */
export async function fetchProfile(
  pool: RelayPool,
  publicKey: string,
  options: ReadOptions = {},
): Promise<Profile | undefined> {
  const events = await pool.query([profileFilter(parsePublicKey(publicKey))], options);
  const short = events.filter((event) => isShortEnough(event, options));
  const event = newestGenuine(short, options.engine);
  return event && parseProfile(event);
}

/**
 * Checks what a profile says.
 *
 * @throws {InputError} CONFIG_INVALID with the field and what it should be.
 */
export function checkProfile(profile: ProfileMetadata): void {
  for (const [field, value] of Object.entries(profile)) {
    const expected = value === undefined ? undefined : problemOf(field, value);
    if (expected !== undefined) {
      throw new InputError("CONFIG_INVALID", `${field} of a profile must be ${expected}`);
    }
  }
}

/** What asks for a key's profile. */
export function profileFilter(author: string): { kinds: number[]; authors: string[] } {
  return { kinds: [PROFILE_KIND], authors: [author] };
}

/** A profile that has been checked, over what the existing one says, as an event that replaces it. */
export function profileDraft(profile: ProfileMetadata, existing?: NostrEvent): EventDraft {
  const kept = existing === undefined ? undefined : parseObject(existing.content);
  const said = Object.entries(profile).filter(([, value]) => value !== undefined);
  return {
    kind: PROFILE_KIND,
    tags: [],
    content: JSON.stringify({ ...kept, ...Object.fromEntries(said) }),
    notBefore: existing === undefined ? 0 : existing.created_at + 1,
  };
}

/** Reads a profile; the event must have been verified. */
export function parseProfile(event: NostrEvent): Profile {
  const entries = Object.entries(parseObject(event.content) ?? {});
  const sound = entries.filter(([field, value]) => problemOf(field, value) === undefined);
  return { event, metadata: Object.fromEntries(sound) };
}

/** What a field should be and is not; `undefined` when nothing is wrong with it. */
function problemOf(field: string, value: unknown): string | undefined {
  if (TEXT_FIELDS.has(field)) return typeof value === "string" ? undefined : "a text";
  if (URL_FIELDS.has(field)) return isHttps(value) ? undefined : "an https URL";
  if (ADDRESS_FIELDS.has(field)) return isAddress(value) ? undefined : "name@domain";
  if (field === "bot") return typeof value === "boolean" ? undefined : "true or false";
  return undefined;
}

function isHttps(value: unknown): boolean {
  if (typeof value !== "string" || value.length > MAX_URL_LENGTH) return false;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url?.protocol === "https:" && url.username === "" && url.password === "";
}

function isAddress(value: unknown): boolean {
  return typeof value === "string" && value.length <= MAX_URL_LENGTH &&
    /^[^\s@]+@[^\s@]+$/.test(value);
}
