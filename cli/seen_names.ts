/**
 * Remembers the names in what a server answers, for completions.
 *
 * @module
 */
import type { NameCache, SeenServer } from "./name_cache.ts";
import { NAME_KINDS, type NameKind, type NameList, namesIn } from "./server_names.ts";

/** The lists that one server has shown. */
export class SeenNames {
  readonly #cache: NameCache;
  readonly #server: Pick<SeenServer, "publicKey" | "calledAs">;
  readonly #names = new Map<NameKind, NameList>();
  readonly #partial = new Set<NameKind>();

  /**
   * @param cache Where they are kept.
   * @param server The server.
   */
  constructor(cache: NameCache, server: Pick<SeenServer, "publicKey" | "calledAs">) {
    this.#cache = cache;
    this.#server = server;
  }

  /**
   * Takes a page of a list.
   *
   * @param list What the list is of; one that is not completed is passed over.
   * @param items The entries.
   * @param page `isLast`: whether the list ends with it.
   */
  add(
    list: string,
    items: readonly Readonly<Record<string, unknown>>[],
    { isLast }: { readonly isLast: boolean },
  ): void {
    const kind = NAME_KINDS.find((one) => one === list);
    if (kind === undefined) return;
    const before = this.#names.get(kind) ?? new Map<string, readonly string[]>();
    const room = this.#cache.maxNames - before.size;
    this.#names.set(kind, new Map([...before, ...namesIn(kind, items, room)]));
    if (isLast) this.#partial.delete(kind);
    else this.#partial.add(kind);
  }

  /** Keeps them. Never fails. */
  async save(): Promise<void> {
    if (this.#names.size === 0) return;
    await this.#cache.add([{
      ...this.#server,
      names: Object.fromEntries(this.#names),
      partial: [...this.#partial],
      source: "server",
    }]);
  }
}
