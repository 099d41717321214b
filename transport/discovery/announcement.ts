/**
 * What a server announces of itself (CEP-6), read by clients.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { RelayPool } from "../relay/pool.ts";
import {
  PROMPTS_LIST_KIND,
  RESOURCE_TEMPLATES_LIST_KIND,
  RESOURCES_LIST_KIND,
  SERVER_ANNOUNCEMENT_KIND,
  TOOLS_LIST_KIND,
} from "../wire/kinds.ts";
import { parseObject } from "../wire/json.ts";
import {
  discoveryTags,
  hasFlag,
  SUPPORT_ENCRYPTION,
  SUPPORT_ENCRYPTION_EPHEMERAL,
  type Tags,
  tagValue,
} from "../wire/tags.ts";
import { type LookupOptions, newestGenuine } from "./relay_list.ts";

/** One of the lists that a server announces. */
export interface AnnouncedList {
  /** The kind of its event. */
  readonly kind: number;
  /** The MCP method that it is the result of. */
  readonly method: string;
  /** The field of the result that holds the items. */
  readonly field: string;
  /** The server capability without which there is no such list. */
  readonly capability: string;
  /** The notification after which it has to be renewed. */
  readonly changed: string;
}

/** The lists that a server announces (CEP-6). */
export const ANNOUNCED_LISTS: readonly AnnouncedList[] = [
  {
    kind: TOOLS_LIST_KIND,
    method: "tools/list",
    field: "tools",
    capability: "tools",
    changed: "notifications/tools/list_changed",
  },
  {
    kind: RESOURCES_LIST_KIND,
    method: "resources/list",
    field: "resources",
    capability: "resources",
    changed: "notifications/resources/list_changed",
  },
  {
    kind: RESOURCE_TEMPLATES_LIST_KIND,
    method: "resources/templates/list",
    field: "resourceTemplates",
    capability: "resources",
    changed: "notifications/resources/list_changed",
  },
  {
    kind: PROMPTS_LIST_KIND,
    method: "prompts/list",
    field: "prompts",
    capability: "prompts",
    changed: "notifications/prompts/list_changed",
  },
];

/** A server's announcement (kind 11316), verified. */
export interface Announcement {
  /** The signed event. */
  readonly event: NostrEvent;
  /** The server's `initialize` result; `undefined` when the content is not one. */
  readonly initializeResult: Readonly<Record<string, unknown>> | undefined;
  /** Its name, from the tags. */
  readonly name: string | undefined;
  /** What it does, from the tags. */
  readonly about: string | undefined;
  /** Whether it understands gift wraps. */
  readonly supportsEncryption: boolean;
  /** Whether it understands ephemeral gift wraps. */
  readonly supportsEphemeral: boolean;
  /** All tags, unknown ones too. */
  readonly tags: Tags;
}

/** Options of {@linkcode fetchAnnouncement}. */
export interface AnnouncementLookupOptions extends LookupOptions {
  /** Told once what the relays that are connected know, while others can't be reached yet. */
  readonly onHeard?: (announcement: Announcement | undefined) => void;
}

/**
 * Looks up the announcement of a server.
 *
 * @param pool The relays to ask; all of them are waited for, up to the deadline.
 * @param server The server's public key, hex.
 * @param options The deadline, the engine, and whom to tell before all have answered.
 * @returns The newest announcement whose signature holds; `undefined` when there is none.
 * @throws {RelayError} RELAY_UNREACHABLE when no relay could be asked.
 */
export async function fetchAnnouncement(
  pool: RelayPool,
  server: string,
  options: AnnouncementLookupOptions = {},
): Promise<Announcement | undefined> {
  const { onHeard, engine, ...wait } = options;
  const filter = { kinds: [SERVER_ANNOUNCEMENT_KIND], authors: [server] };
  const read = (events: readonly NostrEvent[]) => {
    const event = newestGenuine(events, engine);
    return event && parseAnnouncement(event);
  };
  return read(
    await pool.query([filter], { ...wait, onHeard: (events) => onHeard?.(read(events)) }),
  );
}

/** Reads an announcement; the event must have been verified. */
export function parseAnnouncement(event: NostrEvent): Announcement {
  return {
    event,
    initializeResult: parseObject(event.content),
    name: tagValue(event.tags, "name"),
    about: tagValue(event.tags, "about"),
    supportsEncryption: hasFlag(event.tags, SUPPORT_ENCRYPTION),
    supportsEphemeral: hasFlag(event.tags, SUPPORT_ENCRYPTION_EPHEMERAL),
    tags: discoveryTags(event.tags),
  };
}
