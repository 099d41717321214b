/**
 * Prices, as servers advertise them in `cap` tags (CEP-8).
 *
 * @module
 */
import type { Tags } from "./tags.ts";

/** Prices that are read from one event; a longer list is cut. */
const MAX_PRICES = 1_000;

const KINDS = ["tool", "prompt", "resource"] as const;
const AMOUNT = /^(\d{1,15}(?:\.\d{1,9})?)(?:-(\d{1,15}(?:\.\d{1,9})?))?$/;

/** What a capability costs. It is a hint: what is really asked for comes with the call. */
export interface Price {
  /** What is priced, as in `"tool:get_weather"`. */
  readonly capability: string;
  /** What kind of thing that is. */
  readonly kind: "tool" | "prompt" | "resource";
  /** Its name; the URI of a resource. */
  readonly name: string;
  /** The least that it costs. */
  readonly min: number;
  /** The most that it costs; the same as `min` for a fixed price. */
  readonly max: number;
  /** The unit of both, as in `"sats"`. */
  readonly unit: string;
}

/** The prices among tags, the first 1,000. A tag that can't be read is left out; of several for one capability the first counts. */
export function parsePrices(tags: Tags): readonly Price[] {
  const prices = new Map<string, Price>();
  for (const [tag, capability, amount, unit] of tags) {
    if (tag !== "cap" || capability === undefined || unit === undefined) continue;
    if (prices.has(capability)) continue;
    const kind = KINDS.find((kind) => capability.startsWith(`${kind}:`));
    const [, min, max = min] = AMOUNT.exec(amount ?? "") ?? [];
    if (kind === undefined || min === undefined || Number(max) < Number(min)) continue;
    const name = capability.slice(kind.length + 1);
    prices.set(capability, { capability, kind, name, min: Number(min), max: Number(max), unit });
    if (prices.size === MAX_PRICES) break;
  }
  return [...prices.values()];
}
