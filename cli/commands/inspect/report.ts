/**
 * What was found out about a server, as one value for programs.
 *
 * @module
 */
import { formatNprofile, formatNpub } from "../../../crypto/keys.ts";
import {
  type SchemaCheck,
  verifyCommonSchemas,
} from "../../../transport/discovery/common_schema.ts";
import { parsePrices, type Price } from "../../../transport/wire/prices.ts";
import { type Tags, tagValue, tagValues } from "../../../transport/wire/tags.ts";
import type { Findings } from "./findings.ts";
import type { Item } from "./mcp_session.ts";
import type { Latency } from "./pings.ts";

/** What the flags mean. */
export const FEATURES: ReadonlyMap<string, string> = new Map([
  ["support_encryption", "CEP-4 encryption"],
  ["support_encryption_ephemeral", "CEP-19 ephemeral gift wraps"],
  ["support_oversized_transfer", "CEP-22 messages in parts"],
  ["support_open_stream", "CEP-41 open streams"],
  ["support_transfer_token", "answers in parts to whoever asks for it alone"],
]);

/** What the findings are for programs. */
export function reportOf({ answers, failure, nostr }: Findings) {
  const description = nostr?.record?.description;
  const announcement = description?.announcement;
  const allTags = [...nostr?.tags ?? [], ...announcement?.tags ?? []];
  return {
    ...(nostr === undefined ? {} : {
      publicKey: nostr.publicKey,
      npub: formatNpub(nostr.publicKey),
      nprofile: formatNprofile(
        nostr.publicKey,
        nostr.relays.filter(({ inUse }) => inUse).map(({ url }) => url),
      ),
    }),
    name: nostr?.name ?? announcement?.name ?? null,
    server: answers?.server ?? null,
    instructions: answers?.instructions ?? null,
    capabilities: answers?.capabilities ?? {},
    answers: answers !== undefined,
    ...(failure === undefined
      ? {}
      : { failure: failure instanceof Error ? failure.message : String(failure) }),
    handshakeMs: answers?.handshakeMs ?? null,
    ...(answers?.latency === undefined ? {} : { latency: numbersOf(answers.latency) }),
    ...(nostr === undefined ? {} : {
      tags: nostr.tags,
      engine: nostr.engine,
      encryption: nostr.wrap === "plain" ? "plain text" : `gift wraps of kind ${nostr.wrap}`,
      supports: supportsOf(allTags),
      payments: [...new Set(tagValues(allTags, "pmi"))],
      website: tagValue(allTags, "website") ?? null,
      announcement: announcement === undefined ? null : {
        publishedAt: announcement.event.created_at,
        name: announcement.name ?? null,
        about: announcement.about ?? null,
        supportsEncryption: announcement.supportsEncryption,
        supportsEphemeral: announcement.supportsEphemeral,
      },
      categories: description?.categories ?? [],
      profile: description?.profile?.metadata ?? null,
      reviews: nostr.record?.reviews ?? null,
      prices: pricesOf(description?.prices ?? [], nostr.tags),
      relays: nostr.relays.map(({ latency, ...relay }) => ({
        ...relay,
        state: relay.reachable ? "open" : "unreachable",
        software: relay.info?.software ?? null,
        latency: latency === undefined ? null : numbersOf(latency),
      })),
    }),
    ...(answers?.lists ?? { tools: [], resources: [], templates: [], prompts: [] }),
    commonSchemas: claimsOf(answers?.lists.tools ?? []).map(({ tool, verdict, hash }) => ({
      tool,
      verdict,
      hash: hash ?? null,
    })),
  };
}

/** The tools that claim a common schema, and whether they have it. */
export function claimsOf(tools: readonly Item[]): readonly SchemaCheck[] {
  return verifyCommonSchemas(tools).filter(({ claimed }) => claimed !== undefined);
}

function supportsOf(tags: Tags): readonly string[] {
  const flags = tags.filter(({ length }) => length === 1).flatMap(([name]) => name ?? []);
  return [...new Set(flags)].filter((name) => name.startsWith("support_"));
}

/** The prices of the announcement and of the first message; the announced one counts where both say one. */
function pricesOf(announced: readonly Price[], tags: Tags): readonly Price[] {
  const prices = new Map(parsePrices(tags).map((price) => [price.capability, price]));
  for (const price of announced) prices.set(price.capability, price);
  return [...prices.values()];
}

function numbersOf({ error, ...numbers }: Latency) {
  const reason = error instanceof Error ? error.message : undefined;
  return { ...numbers, ...(reason === undefined ? {} : { reason }) };
}
