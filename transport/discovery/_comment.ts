/**
 * Comments on a server's announcement, as tags: how they are written, and how
 * one that somebody else wrote is read (CEP-24, NIP-22).
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { COMMENT_KIND, SERVER_ANNOUNCEMENT_KIND } from "../wire/kinds.ts";
import { type Tags, tagValues } from "../wire/tags.ts";

const ROOT_KIND = String(SERVER_ANNOUNCEMENT_KIND);
const REPLY_KIND = String(COMMENT_KIND);

const HEX_ID = /^[0-9a-f]{64}$/;
const ADDRESS = new RegExp(`^${ROOT_KIND}:([0-9a-f]{64}):$`);

/** A comment whose tags are in order; what it says of its parent is not proven yet. */
export interface Comment {
  /** The event. */
  readonly event: NostrEvent;
  /** What it replies to; `undefined` for a comment on the server itself. */
  readonly parent: ParentReference | undefined;
}

/** The comment that a reply names. */
export interface ParentReference {
  /** Its id. */
  readonly id: string;
  /** Keys, one of which wrote it by the reply's word; empty when the reply does not say. */
  readonly authors: readonly string[];
  /** The key that wrote it by the word of the `e` tag. */
  readonly author: string | undefined;
}

/** The address of a server's announcement: what reviews are attached to. */
export function announcementAddress(server: string): string {
  return `${ROOT_KIND}:${server}:`;
}

/** The tags that name the server as the root of a thread. */
export function rootTags(server: string, hint: readonly string[]): Tags {
  return [
    ["A", announcementAddress(server), ...hint],
    ["K", ROOT_KIND],
    ["P", server, ...hint],
  ];
}

/** The tags that name the server as what is commented on, and its announcement where there is one. */
export function serverTags(
  server: string,
  hint: readonly string[],
  announcementId: string | undefined,
): Tags {
  return [
    ["a", announcementAddress(server), ...hint],
    ...(announcementId === undefined ? [] : [["e", announcementId, hint[0] ?? "", server]]),
    ["k", ROOT_KIND],
    ["p", server, ...hint],
  ];
}

/** The tags that name the comment that is replied to. */
export function parentTags(parent: NostrEvent, hint: readonly string[]): Tags {
  return [
    ["e", parent.id, hint[0] ?? "", parent.pubkey],
    ["k", REPLY_KIND],
    ["p", parent.pubkey, ...hint],
  ];
}

/** The server on which an event comments; `undefined` when it is no such comment. */
export function commentedServer(event: NostrEvent): string | undefined {
  const [address = ""] = tagValues(event.tags, "A");
  const server = ADDRESS.exec(address)?.[1];
  return server !== undefined && readComment(event, server) !== undefined ? server : undefined;
}

/**
 * Reads a comment on a server. Authors' tags (`P`, `p`) and the `a` tag may be
 * missing, as some programs leave them out; where they are, they must agree.
 *
 * @returns The comment; `undefined` when the event is none, or none on this server.
 */
export function readComment(event: NostrEvent, server: string): Comment | undefined {
  const { kind, tags } = event;
  const address = announcementAddress(server);
  const isRooted = kind === COMMENT_KIND && allAre(tags, "A", address) &&
    tagValues(tags, "A").length > 0 && onlyValue(tags, "K") === ROOT_KIND &&
    allAre(tags, "P", server) && tagValues(tags, "I").length === 0;
  if (!isRooted) return undefined;
  const parentKind = onlyValue(tags, "k");
  const authors = tagValues(tags, "p");
  if (parentKind === ROOT_KIND) {
    const isOnServer = allAre(tags, "a", address) && allAre(tags, "i") &&
      tagValues(tags, "a").length + tagValues(tags, "e").length > 0 &&
      (authors.length === 0 || authors.includes(server));
    return isOnServer ? { event, parent: undefined } : undefined;
  }
  const [named, second] = tags.filter((tag) => tag[0] === "e");
  const id = named?.[1] ?? "";
  if (parentKind !== REPLY_KIND || second !== undefined || !HEX_ID.test(id)) return undefined;
  return { event, parent: { id, authors, author: named?.[3] || undefined } };
}

/** The value of a tag that must be there once. */
function onlyValue(tags: Tags, name: string): string | undefined {
  const [value, second] = new Set(tagValues(tags, name));
  return second === undefined ? value : undefined;
}

/** Whether no tag of a name has another value. */
function allAre(tags: Tags, name: string, expected?: string): boolean {
  return tagValues(tags, name).every((value) => value === expected);
}
