/**
 * Two equal messages inside one second would have the same event id, and
 * relays and peers would take the second for a copy of the first. This makes
 * every event of one author differ (faults F19).
 *
 * @module
 */
import type { EventTemplate } from "../../crypto/event.ts";

/** The tag that tells equal events of one second apart; peers ignore it. */
const COUNTER_TAG = "n";

/** Makes the events of one author unique within each second. */
export class UniqueEvents {
  #second = 0;
  readonly #made = new Map<string, number>();

  /**
   * @param template An event about to be signed.
   * @returns The event itself or, when an equal one was made in the same second, the event with one more tag.
   */
  stamp(template: EventTemplate): EventTemplate {
    if (template.created_at !== this.#second) {
      this.#second = template.created_at;
      this.#made.clear();
    }
    const key = JSON.stringify([template.kind, template.tags, template.content]);
    const copies = this.#made.get(key) ?? 0;
    this.#made.set(key, copies + 1);
    if (copies === 0) return template;
    return { ...template, tags: [...template.tags, [COUNTER_TAG, String(copies)]] };
  }
}
