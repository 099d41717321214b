/**
 * What a server has made public about itself (CEP-6), put together from its
 * events.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import { SERVER_ANNOUNCEMENT_KIND, TOOLS_LIST_KIND } from "../wire/kinds.ts";
import { isObject, parseObject } from "../wire/json.ts";
import { parsePrices, type Price } from "../wire/prices.ts";
import type { Tags } from "../wire/tags.ts";
import {
  ANNOUNCED_LISTS,
  type AnnouncedList,
  type Announcement,
  parseAnnouncement,
} from "./announcement.ts";
import { type SchemaCheck, verifyCommonSchemas } from "./common_schema.ts";

/** Items that are taken from one list; a longer one is cut. */
const MAX_ITEMS = 1_000;

/** The kinds that a server announces itself with (CEP-6). */
export const ANNOUNCEMENT_KINDS: readonly number[] = [
  SERVER_ANNOUNCEMENT_KIND,
  ...ANNOUNCED_LISTS.map(({ kind }) => kind),
];

/** A list that a server announces (kinds 11317 to 11320), verified. */
export interface PublicList {
  /** The signed event. */
  readonly event: NostrEvent;
  /** The items as the server wrote them, those that are objects; 1,000 at most. Check each field before use. */
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** Whether the list was longer. */
  readonly truncated: boolean;
}

/** What a server has made public about itself. Everything stands in events whose signatures hold. */
export interface PublicServer {
  /** Its public key, hex. */
  readonly pubkey: string;
  /** Its announcement; a server may have announced lists and nothing else. */
  readonly announcement: Announcement | undefined;
  /** Its tools. */
  readonly tools: PublicList | undefined;
  /** Its resources. */
  readonly resources: PublicList | undefined;
  /** Its resource templates. */
  readonly resourceTemplates: PublicList | undefined;
  /** Its prompts. */
  readonly prompts: PublicList | undefined;
  /** What it asks for them (CEP-8); where two of its events differ, the newer one counts. */
  readonly prices: readonly Price[];
  /** Which of its tools implement the common schemas that they claim (CEP-15). */
  readonly schemas: readonly SchemaCheck[];
  /** What it says that it supports: the names of all `support_…` flags, those unknown here too. */
  readonly supports: readonly string[];
  /** What kinds of services it names itself (CEP-15, `t` tags). */
  readonly categories: readonly string[];
  /** When the newest of these events was made, seconds since the epoch. */
  readonly updatedAt: number;
  /** How long ago that was, milliseconds. */
  readonly ageMs: number;
}

/**
 * Puts together what a server's events say; they must have been verified.
 *
 * @param pubkey The server's public key.
 * @param events The newest event of each kind.
 * @param now The clock's time, in milliseconds.
 */
export function readPublicServer(
  pubkey: string,
  events: ReadonlyMap<number, NostrEvent>,
  now: number,
): PublicServer {
  const [tools, resources, resourceTemplates, prompts] = ANNOUNCED_LISTS.map((list) =>
    readList(list, events.get(list.kind))
  );
  const announced = ANNOUNCEMENT_KINDS.flatMap((kind) => events.get(kind) ?? [])
    .toSorted((a, b) => b.created_at - a.created_at);
  const announcement = events.get(SERVER_ANNOUNCEMENT_KIND);
  const updatedAt = announced[0]?.created_at ?? 0;
  const toolTags = events.get(TOOLS_LIST_KIND)?.tags ?? [];
  return {
    pubkey,
    announcement: announcement && parseAnnouncement(announcement),
    tools,
    resources,
    resourceTemplates,
    prompts,
    prices: parsePrices(announced.flatMap(({ tags }) => tags)),
    schemas: verifyCommonSchemas(tools?.items ?? [], { tags: toolTags }),
    supports: supportFlags(announcement?.tags ?? []),
    categories: [...new Set(toolTags.flatMap(([name, value]) => name === "t" && value || []))],
    updatedAt,
    ageMs: now - updatedAt * 1000,
  };
}

function readList(
  { field }: AnnouncedList,
  event: NostrEvent | undefined,
): PublicList | undefined {
  const listed = event && parseObject(event.content)?.[field];
  if (event === undefined || !Array.isArray(listed)) return undefined;
  const items = listed.slice(0, MAX_ITEMS).filter(isObject);
  return { event, items, truncated: listed.length > MAX_ITEMS };
}

function supportFlags(tags: Tags): readonly string[] {
  return tags.flatMap(([name, ...rest]) =>
    name !== undefined && name.startsWith("support_") && rest.length === 0 ? [name] : []
  );
}
