/**
 * Announcing events, for people.
 *
 * @module
 */
import type { NostrEvent } from "../../../crypto/event.ts";
import { ageText } from "../../ages.ts";
import { sanitizeLine, toSafeJson } from "../../sanitize.ts";

/** What is shown of one content, UTF-16 code units. */
const MAX_SHOWN = 20_000;

/** What the kinds are called. */
export const KIND_NAMES: ReadonlyMap<number, string> = new Map([
  [0, "profile"],
  [10002, "relay list"],
  [11316, "server"],
  [11317, "tools"],
  [11318, "resources"],
  [11319, "resource templates"],
  [11320, "prompts"],
]);

/** An event in a few lines. */
export function eventLines({ kind, created_at, tags, content }: NostrEvent): readonly string[] {
  return [
    `kind ${kind}  ${KIND_NAMES.get(kind) ?? ""}  ${ageText(created_at)}`,
    ...tags.map((tag) => `  ${toSafeJson(tag)}`),
    ...(content === "" ? [] : [`  ${sanitizeLine(content, MAX_SHOWN)}`]),
  ];
}
