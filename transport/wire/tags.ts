/**
 * Tags of ContextVM events: routing (`p`, `e`) and discovery (CEP-6, CEP-19,
 * CEP-35).
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";

/** A list of tags. */
export type Tags = readonly (readonly string[])[];

/** Says that the sender understands gift wraps (CEP-4). */
export const SUPPORT_ENCRYPTION = "support_encryption";
/** Says that the sender understands ephemeral gift wraps (CEP-19). */
export const SUPPORT_ENCRYPTION_EPHEMERAL = "support_encryption_ephemeral";

/** Says that the sender takes messages in parts (CEP-22). */
export const SUPPORT_OVERSIZED_TRANSFER = "support_oversized_transfer";
/**
 * Says that a server knows progress tokens that ask for nothing but to be
 * answered in parts. This package's own: see `transferToken()`.
 */
export const SUPPORT_TRANSFER_TOKEN = "support_transfer_token";
/** Says that the sender takes open streams (CEP-41). */
export const SUPPORT_OPEN_STREAM = "support_open_stream";

/**
 * Names the process of a server, which runs each event once: with its first message to a client, and
 * with each answer to `ping`, so that a client can tell whether a request that it asks again could
 * run twice. This package's own.
 */
export const SERVER_PROCESS = "server_process";

/** Makes equal messages different events; it says nothing of its sender. */
export const SALT = "salt";

const NOT_DISCOVERY = new Set(["p", "e", SALT, SERVER_PROCESS]);
const SUPPORT_PREFIX = "support_";

/** The first value of a tag, or `undefined` when there is no such tag. */
export function tagValue(tags: Tags, name: string): string | undefined {
  return tags.find((tag) => tag[0] === name)?.[1];
}

/** The first values of all tags of a name. */
export function tagValues(tags: Tags, name: string): string[] {
  return tags.flatMap((tag) => tag[0] === name && tag[1] !== undefined ? [tag[1]] : []);
}

/** Whether a flag is set. Flags count only as tags of one element: `["support_encryption"]`. */
export function hasFlag(tags: Tags, name: string): boolean {
  return tags.some((tag) => tag.length === 1 && tag[0] === name);
}

/** Whether an event is addressed to a public key by a `p` tag. */
export function isAddressedTo(event: NostrEvent, publicKey: string): boolean {
  return event.tags.some((tag) => tag[0] === "p" && tag[1] === publicKey);
}

/** Whether an event has any `p` tag at all. */
export function isAddressed(event: NostrEvent): boolean {
  return event.tags.some((tag) => tag[0] === "p");
}

/** What an `a` tag calls a replaceable event (NIP-01). */
export function addressOf(kind: number, author: string): string {
  return `${kind}:${author}:`;
}

/** What a message's tags say about its sender: all of them but `p`, `e`, `salt` and `server_process` (CEP-35). Unknown ones are kept. */
export function discoveryTags(tags: Tags): Tags {
  return tags.filter((tag) => tag.length > 0 && !NOT_DISCOVERY.has(tag[0]!));
}

/** Whether tags open a session's discovery exchange: any `support_…` flag is among them (CEP-35). */
export function hasSupportFlag(tags: Tags): boolean {
  return tags.some((tag) => tag.length === 1 && tag[0]!.startsWith(SUPPORT_PREFIX));
}
