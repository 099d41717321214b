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
  /** How often a content was sent, by kind and tags. Contents are keys themselves: to escape a large one takes long. */
  readonly #made = new Map<string, Map<string, number>>();

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
  #count({ kind, tags, content }: EventTemplate): number {
    const key = JSON.stringify([kind, tags]);
    let contents = this.#made.get(key);
    if (contents === undefined) this.#made.set(key, contents = new Map());
    const copies = contents.get(content) ?? 0;
    contents.set(content, copies + 1);
    return copies;
  }
}
