/**
 * The publishes of one relay.
 *
 * @module
 */
import type { Publish } from "./_publish.ts";

/** The publishes of one relay that are not done, in order, and by the id of their event. */
export class PublishQueue implements Iterable<Publish> {
  readonly #all = new Set<Publish>();
  readonly #byId = new Map<string, Set<Publish>>();

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  /** Adds one. The same event may be published twice at a time. */
  add(publish: Publish): void {
    const { id } = publish.event;
    this.#byId.set(id, (this.#byId.get(id) ?? new Set<Publish>()).add(publish));
    this.#all.add(publish);
  }

  /** Takes one out. */
  delete(publish: Publish): void {
    const { id } = publish.event;
    const sameId = this.#byId.get(id);
    sameId?.delete(publish);
    if (sameId?.size === 0) this.#byId.delete(id);
    this.#all.delete(publish);
  }

  /** Sends what can be sent. */
  flush(): void {
    for (const publish of this) publish.flush();
  }

  /** The relay's answer to an event. */
  onOk(id: string, accepted: boolean, reason: string): void {
    for (const publish of [...this.#byId.get(id) ?? []]) publish.onOk(accepted, reason);
  }

  /** Cancels all. */
  clear(): void {
    for (const publish of this.#all) publish.cancel();
    this.#all.clear();
    this.#byId.clear();
  }

  /** All of them, as of now. */
  [Symbol.iterator](): IterableIterator<Publish> {
    return [...this.#all].values();
  }
}
