/**
 * Two equal messages inside one second would have the same event id, and
 * relays and peers would take the second for a copy of the first. This makes
 * every event differ (faults F19).
 *
 * @module
 */
import { bytesToHex, randomBytes } from "@noble/hashes/utils.js";
import type { EventTemplate } from "../../crypto/event.ts";
import { SALT } from "./tags.ts";

/** A salt for the events of one process: two programs that share a key must not make equal events. */
export function randomSalt(): string {
  return bytesToHex(randomBytes(6));
}

/** Makes the events of one author unique within each second. */
export class UniqueEvents {
  readonly #salt: string | undefined;
  #second = 0;
  /**
   * By content: what was sent with it or, when that were several events, how often with which kind
   * and tags. Contents are keys themselves: to escape a large one takes long.
   */
  readonly #made = new Map<string, EventTemplate | Map<string, number>>();

  /** With a salt, every event carries it; without one, only those do that would equal another. */
  constructor(salt?: string) {
    this.#salt = salt;
  }

  /**
   * Adds what makes an event differ from all others.
   *
   * @param template An event about to be signed.
   * @returns The event itself, or the event with one more tag, which peers ignore.
   */
  stamp(template: EventTemplate): EventTemplate {
    if (template.created_at !== this.#second) {
      this.#second = template.created_at;
      this.#made.clear();
    }
    const copies = this.#count(template);
    const parts = [this.#salt, copies === 0 ? undefined : String(copies)];
    const salt = parts.filter((part) => part !== undefined).join("-");
    return salt === "" ? template : { ...template, tags: [...template.tags, [SALT, salt]] };
  }

  /** How many equal events there were in this second. */
  #count(template: EventTemplate): number {
    const { content } = template;
    const made = this.#made.get(content);
    if (made === undefined) {
      this.#made.set(content, template); // most contents come once: nothing is serialized for them
      return 0;
    }
    const counts = made instanceof Map ? made : new Map([[keyOf(made), 1]]);
    const key = keyOf(template);
    const copies = counts.get(key) ?? 0;
    this.#made.set(content, counts.set(key, copies + 1));
    return copies;
  }
}

function keyOf({ kind, tags }: EventTemplate): string {
  return JSON.stringify([kind, tags]);
}
