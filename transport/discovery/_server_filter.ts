/**
 * Which servers a search is for.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { Filter } from "../relay/filter.ts";
import { isObject, parseObject } from "../wire/json.ts";
import { SERVER_ANNOUNCEMENT_KIND, TOOLS_LIST_KIND } from "../wire/kinds.ts";
import type { Price } from "../wire/prices.ts";
import type { Tags } from "../wire/tags.ts";
import { COMMON_SCHEMA } from "./common_schema.ts";
import { ANNOUNCEMENT_KINDS, type PublicList, type PublicServer } from "./public_server.ts";

/** What a server may cost. */
export interface PriceFilter {
  /** The most that a call may cost; 0 for what is free. What has no price is free. */
  readonly max: number;
  /**
   * The unit. A price in another one can't be compared, so it is too much.
   * @default {"sats"}
   */
  readonly unit?: string;
  /** The capability that is meant, as in `"tool:get_weather"`. Default: the tool that is searched for, else all that the server has prices for. */
  readonly capability?: string;
}

/** Which servers a search is for: those that satisfy each field that is there. */
export interface ServerFilter {
  /** A capability of MCP that the server has, as in `"prompts"`. */
  readonly capability?: string;
  /** A tool that the server has, by name. */
  readonly tool?: string;
  /** Tags of its announcement: each must begin like one of these, as in `["support_encryption"]` or `["pmi", "…"]`. */
  readonly tags?: Tags;
  /** Words that all occur in what the server says of itself and its tools, resources and prompts, whatever their case. */
  readonly text?: string;
  /** The hash of a common schema that one of its tools implements, which is verified (CEP-15). */
  readonly schemaHash?: string;
  /** Whether one of its tools must implement a common schema, whichever (CEP-15). */
  readonly hasCommonSchema?: boolean;
  /** A category that the server names itself (CEP-15). */
  readonly category?: string;
  /** What it may cost. */
  readonly price?: PriceFilter;
  /** How old its newest event may be, milliseconds. */
  readonly maxAgeMs?: number;
}

/** What to ask relays for, to find these servers. */
export function relayFilter(filter: ServerFilter, now: number, limit: number): Filter {
  const { schemaHash, hasCommonSchema, category, maxAgeMs } = filter;
  if (schemaHash !== undefined || hasCommonSchema || category !== undefined) {
    return {
      kinds: [TOOLS_LIST_KIND],
      limit,
      ...(schemaHash === undefined ? {} : { "#i": [schemaHash] }),
      ...(hasCommonSchema ? { "#k": [COMMON_SCHEMA] } : {}),
      ...(category === undefined ? {} : { "#t": [category] }),
    };
  }
  if (maxAgeMs === undefined) return { kinds: [SERVER_ANNOUNCEMENT_KIND], limit };
  const since = Math.max(0, Math.floor((now - maxAgeMs) / 1000));
  return { kinds: ANNOUNCEMENT_KINDS, since, limit };
}

/** Whether an event may be of such a server, as far as it can be said without its other events; costs little. */
export function mayMatch(event: NostrEvent, filter: ServerFilter): boolean {
  if (event.kind !== SERVER_ANNOUNCEMENT_KIND) return true;
  return hasTags(event.tags, filter.tags) &&
    (filter.capability === undefined ||
      hasCapability(parseObject(event.content), filter.capability));
}

/** Whether a server is one of those that the search is for. */
export function matchesServer(server: PublicServer, filter: ServerFilter): boolean {
  const { capability, tool, tags, schemaHash, hasCommonSchema, category, maxAgeMs } = filter;
  const { announcement, schemas } = server;
  const implemented = schemas.filter(({ verdict }) => verdict === "matches");
  return (maxAgeMs === undefined || server.ageMs <= maxAgeMs) &&
    (capability === undefined || hasCapability(announcement?.initializeResult, capability)) &&
    (tool === undefined || server.tools?.items.some(({ name }) => name === tool) === true) &&
    (tags === undefined || hasTags(announcement?.event.tags ?? [], tags)) &&
    (schemaHash === undefined || implemented.some(({ hash }) => hash === schemaHash)) &&
    (!hasCommonSchema || implemented.length > 0) &&
    (category === undefined || server.categories.includes(category)) &&
    isAffordable(server.prices, filter) && hasWords(server, filter.text);
}

function hasCapability(result: Readonly<Record<string, unknown>> | undefined, name: string) {
  return isObject(result?.capabilities) && Object.hasOwn(result.capabilities, name);
}

function hasTags(tags: Tags, wanted: Tags = []): boolean {
  return wanted.every((prefix) =>
    tags.some((tag) => prefix.every((part, index) => tag[index] === part))
  );
}

function isAffordable(prices: readonly Price[], { price, tool }: ServerFilter): boolean {
  if (price === undefined) return true;
  const { max, unit = "sats" } = price;
  const meant = price.capability ?? (tool === undefined ? undefined : `tool:${tool}`);
  return prices.every((stated) =>
    (meant !== undefined && stated.capability !== meant) ||
    (stated.max <= max && stated.unit.toLowerCase() === unit.toLowerCase())
  );
}

function hasWords(server: PublicServer, text: string | undefined): boolean {
  const words = fold(text ?? "").split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return true;
  const { announcement } = server;
  const lists = [server.tools, server.resources, server.resourceTemplates, server.prompts];
  const said = fold(
    [
      announcement?.name,
      announcement?.about,
      announcement?.initializeResult?.instructions,
      ...wordsOf(announcement?.initializeResult?.serverInfo),
      ...lists.flatMap(itemsOf).flatMap(wordsOf),
    ].filter((value) => typeof value === "string").join("\n"),
  );
  return words.every((word) => said.includes(word));
}

function itemsOf(list: PublicList | undefined): readonly unknown[] {
  return list?.items ?? [];
}

function wordsOf(item: unknown): readonly unknown[] {
  return isObject(item) ? [item.name, item.title, item.description] : [];
}

function fold(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}
