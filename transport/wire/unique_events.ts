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
  readonly #made = new Map<string, number>();

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
    const key = JSON.stringify([template.kind, template.tags, template.content]);
    const copies = this.#made.get(key) ?? 0;
    this.#made.set(key, copies + 1);
    const parts = [this.#salt, copies === 0 ? undefined : String(copies)];
    const salt = parts.filter((part) => part !== undefined).join("-");
    return salt === "" ? template : { ...template, tags: [...template.tags, [SALT, salt]] };
  }
}
