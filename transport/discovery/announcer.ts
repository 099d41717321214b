/**
 * Announces a server: what it is, all that it offers, and where it can be
 * reached (CEP-6, CEP-17). Keeps the announcement true while the server lives,
 * and takes it back when asked to.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type EventTemplate, type NostrEvent, verifyEvent } from "../../crypto/event.ts";
import type { Signer } from "../../crypto/signer.ts";
import { CvmError, type RelayFailure } from "../../errors.ts";
import type { Filter } from "../relay/filter.ts";
import { RelayPool, type RelayPoolOptions } from "../relay/pool.ts";
import { normalizeRelayUrl } from "../relay/url.ts";
import type { ResultDecorator } from "../session/result_decorator.ts";
import type { Transport } from "../types.ts";
import {
  DELETION_KIND,
  PROFILE_KIND,
  RELAY_LIST_KIND,
  SERVER_ANNOUNCEMENT_KIND,
} from "../wire/kinds.ts";
import { addressOf, type Tags } from "../wire/tags.ts";
import { McpReader } from "./_mcp_reader.ts";
import { ANNOUNCED_LISTS, type AnnouncedList } from "./announcement.ts";
import { deletionDraft } from "./deletion.ts";
import { checkProfile, profileDraft, type ProfileMetadata } from "./profile.ts";
import type { EventDraft } from "./publish_event.ts";
import { newestGenuine, relayListTemplate } from "./relay_list.ts";

const logger = getLogger(["cvm", "discovery"]);

/** Changes that come within so many milliseconds are announced together. */
const SETTLE_MS = 200;

/** How a server is announced. */
export interface AnnounceOptions {
  /**
   * Whether to publish the list of relays on which the server can be reached,
   * or which of them to list: two to four are enough, and clients read 8 at most.
   * @default {true}
   */
  readonly relayList?: boolean | readonly string[];
  /**
   * What to say of the server in its profile (CEP-23), which other Nostr
   * programs show. Added to the profile that its key has. Default: no profile is published.
   */
  readonly profile?: ProfileMetadata;
  /** Further relays to publish to, so that the server is found; it does not listen there. */
  readonly bootstrapRelays?: readonly string[];
  /**
   * How long the MCP server may take for each answer, in milliseconds.
   * @default {10000}
   */
  readonly requestTimeoutMs?: number;
}

/** Options of an {@linkcode Announcer}. */
export interface AnnouncerOptions extends AnnounceOptions {
  /** A connection to the MCP server, for the announcer alone. */
  readonly source: Transport;
  /** The server's key. */
  readonly signer: Signer;
  /** The relays on which the server listens. */
  readonly pool: RelayPool;
  /** How to connect to the bootstrap relays. */
  readonly poolOptions?: RelayPoolOptions;
  /** What the server says of itself. */
  readonly serverTags: Tags;
  /** Adds to the lists before they are announced. */
  readonly decorateResult?: ResultDecorator;
  /** The clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
  /** Called when a renewal fails. */
  readonly onError?: (error: Error) => void;
}

/** What became of an announcement. */
export interface AnnouncementReceipt {
  /** The events that at least one relay has taken. */
  readonly published: readonly NostrEvent[];
  /** Why the others were not taken, relay by relay. */
  readonly failures: readonly RelayFailure[];
}

/** Announces a server and keeps the announcement true. */
export class Announcer implements AsyncDisposable {
  readonly #options: AnnouncerOptions;
  readonly #reader: McpReader;
  readonly #pools: readonly RelayPool[];
  readonly #now: () => number;
  readonly #stop = new AbortController();
  readonly #current = new Map<number, NostrEvent>();
  /** By kind: when an earlier run made its newest event, or deleted it, seconds. */
  readonly #earlier = new Map<number, number>();
  readonly #stale = new Set<AnnouncedList>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #work: Promise<unknown> = Promise.resolve();

  /** Prepares it; nothing happens yet. @param options The server, its key, and where to publish. */
  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    const extra = new RelayPool(options.bootstrapRelays ?? [], {
      signer: options.signer,
      ...options.poolOptions,
    });
    this.#pools = extra.urls.length === 0 ? [options.pool] : [options.pool, extra];
    this.#reader = new McpReader(options.source, {
      timeoutMs: options.requestTimeoutMs ?? 10_000,
      onNotification: (method) => this.#noticeChange(method),
    });
  }

  /**
   * Asks the server what it has and publishes it.
   *
   * @returns What was published, as soon as one relay has taken each event; the other relays follow.
   * @throws {SessionError} SERVER_NOT_ANSWERING when the MCP server does not answer.
   * @throws {InputError} CONFIG_INVALID when a field of the profile is not what it should be.
   */
  async start(): Promise<AnnouncementReceipt> {
    const { profile } = this.#options;
    if (profile !== undefined) checkProfile(profile);
    const initializeResult = await this.#reader.initialize();
    const capabilities = initializeResult.capabilities;
    const offered = ANNOUNCED_LISTS.filter(({ capability }) =>
      typeof capabilities === "object" && capabilities !== null && capability in capabilities
    );
    const [found = []] = await Promise.all([this.#findOwn(this.#kinds), this.#noteDeletions()]);
    for (const { kind, created_at } of found) this.#noteEarlier(kind, created_at);
    const templates = [
      this.#template(
        SERVER_ANNOUNCEMENT_KIND,
        JSON.stringify(initializeResult),
        this.#options.serverTags,
      ),
    ];
    for (const list of offered) {
      const template = await this.#listTemplate(list);
      if (template !== undefined) templates.push(template);
    }
    const { relayList = true, pool } = this.#options;
    if (relayList !== false) {
      const urls = relayList === true ? pool.urls : relayList.map(normalizeRelayUrl);
      templates.push(relayListTemplate(urls, this.#createdAt(RELAY_LIST_KIND)));
    }
    if (profile !== undefined) templates.push(...await this.#profileTemplates(profile));
    const receipt = await this.#publishAll(templates);
    await this.#deleteStale(found);
    for (const pool of this.#pools) void this.#followReconnects(pool);
    return receipt;
  }

  /**
   * Deletes the announcement from every relay that holds a part of it, also
   * what an earlier run of the server published.
   *
   * @param reason Why, for people.
   * @returns The deletion and the relays that did not take it; nothing is published where there is nothing to delete.
   */
  async withdraw(reason = "The server is not offered any more"): Promise<AnnouncementReceipt> {
    clearTimeout(this.#timer);
    const kinds = this.#options.profile === undefined
      ? this.#kinds
      : [...this.#kinds, PROFILE_KIND];
    const found = await this.#findOwn(kinds);
    const receipt = await this.#delete([...this.#current.values(), ...found ?? []], reason);
    this.#current.clear();
    return receipt;
  }

  /** Stops renewing. The announcement stays on the relays. Idempotent. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stop.abort();
    await this.#reader.close();
    await this.#work;
    for (const pool of this.#pools.slice(1)) await pool.close();
  }

  /** The same as {@linkcode Announcer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #noticeChange(method: string): void {
    for (const list of ANNOUNCED_LISTS) if (list.changed === method) this.#stale.add(list);
    if (this.#stale.size === 0 || this.#stop.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#work = this.#work.then(() => this.#renew()).catch((error) => this.#report(error));
    }, SETTLE_MS);
  }

  async #renew(): Promise<void> {
    const lists = [...this.#stale];
    this.#stale.clear();
    const templates: EventTemplate[] = [];
    for (const list of lists) {
      const template = await this.#listTemplate(list);
      if (template === undefined) continue;
      if (this.#current.get(list.kind)?.content !== template.content) templates.push(template);
    }
    const { failures } = await this.#publishAll(templates);
    for (const { url, reason } of failures) logger.warn("{url}: {reason}", { url, reason });
  }

  async #listTemplate(list: AnnouncedList): Promise<EventTemplate | undefined> {
    const read = await this.#reader.list(list);
    if (read === undefined) return undefined;
    const { decorateResult } = this.#options;
    const { result, tags } = decorateResult?.(list.method, read) ?? { result: read, tags: [] };
    return this.#template(list.kind, JSON.stringify(result), tags);
  }

  #template(kind: number, content: string, tags: Tags = []): EventTemplate {
    return { kind, created_at: this.#createdAt(kind), tags, content };
  }

  /** Now, or later than what it replaces: of two events of one second, chance would decide which one counts. */
  #createdAt(kind: number): number {
    const last = this.#current.get(kind)?.created_at ?? this.#earlier.get(kind) ?? -1;
    return Math.max(this.#seconds(), last + 1);
  }

  async #publishAll(templates: readonly EventTemplate[]): Promise<AnnouncementReceipt> {
    const receipts = await Promise.all(templates.map((template) => this.#publish(template)));
    return mergeReceipts(receipts);
  }

  async #publish(template: EventTemplate): Promise<AnnouncementReceipt> {
    const event = await this.#options.signer.signEvent(template);
    this.#current.set(event.kind, event);
    return mergeReceipts(
      await Promise.all(this.#pools.map((pool) => this.#publishTo(pool, event))),
    );
  }

  async #publishTo(
    pool: RelayPool,
    event: NostrEvent,
    options: { relays?: readonly string[]; all?: boolean } = {},
  ): Promise<AnnouncementReceipt> {
    try {
      const { refused } = await pool.publish(event, { ...options, signal: this.#stop.signal });
      return { published: [event], failures: refused };
    } catch (error) {
      if (!(error instanceof CvmError && "failures" in error)) throw error;
      return { published: [], failures: error.failures as readonly RelayFailure[] };
    }
  }

  /** The kinds that are announced. */
  get #kinds(): readonly number[] {
    const kinds = [SERVER_ANNOUNCEMENT_KIND, ...ANNOUNCED_LISTS.map(({ kind }) => kind)];
    return this.#options.relayList === false ? kinds : [...kinds, RELAY_LIST_KIND];
  }

  /** Deletes the lists that an earlier run announced and this one does not have. */
  async #deleteStale(found: readonly NostrEvent[]): Promise<void> {
    const stale = found.filter(({ kind }) => !this.#current.has(kind));
    await this.#delete(stale, "The server does not offer this any more");
  }

  async #delete(events: readonly NostrEvent[], reason: string): Promise<AnnouncementReceipt> {
    if (events.length === 0) return { published: [], failures: [] };
    const deletion = await this.#options.signer.signEvent(
      this.#dated(deletionDraft(events, reason)),
    );
    return mergeReceipts(
      await Promise.all(
        this.#pools.map((pool) => this.#publishTo(pool, deletion, { all: true })),
      ),
    );
  }

  /** The new profile; nothing where no relay tells what it would take the place of. */
  async #profileTemplates(profile: ProfileMetadata): Promise<EventTemplate[]> {
    const found = await this.#findOwn([PROFILE_KIND]);
    return found === undefined ? [] : [this.#dated(profileDraft(profile, newestGenuine(found)))];
  }

  /** What was deleted in this very second could not be announced in it: a deletion holds up to its own time. */
  async #noteDeletions(): Promise<void> {
    const author = await this.#options.signer.getPublicKey();
    const addresses = new Map(
      [...this.#kinds, PROFILE_KIND].map((kind) => [addressOf(kind, author), kind]),
    );
    const deletions = await this.#findOwn([DELETION_KIND], { "#a": [...addresses.keys()] }) ?? [];
    for (const { created_at, tags } of deletions) {
      for (const [name, value = ""] of tags) {
        const kind = name === "a" ? addresses.get(value) : undefined;
        if (kind !== undefined) this.#noteEarlier(kind, created_at);
      }
    }
  }

  #noteEarlier(kind: number, createdAt: number): void {
    this.#earlier.set(kind, Math.max(createdAt, this.#earlier.get(kind) ?? 0));
  }

  /** The server's own genuine events that relays have; `undefined` when none of them can be asked, which is reported. */
  async #findOwn(
    kinds: readonly number[],
    tags: Filter = {},
  ): Promise<readonly NostrEvent[] | undefined> {
    const filter = { ...tags, kinds, authors: [await this.#options.signer.getPublicKey()] };
    let found: NostrEvent[] | undefined;
    for (const pool of this.#pools) {
      try {
        const events = await pool.query([filter], { signal: this.#stop.signal });
        found = [...found ?? [], ...events.filter((event) => verifyEvent(event))];
      } catch (error) {
        if (!(error instanceof CvmError)) throw error;
        this.#report(error);
      }
    }
    return found;
  }

  /** A relay that comes back, or comes late, gets what it missed. */
  async #followReconnects(pool: RelayPool): Promise<void> {
    // Which connection of each relay has got everything, by when it was opened.
    const served = new Map<string, number>();
    for (const { url, state, since } of pool.snapshot()) {
      if (state === "open") served.set(url, since);
    }
    try {
      for await (const { url, state, since } of pool.status({ signal: this.#stop.signal })) {
        if (state !== "open" || served.get(url) === since) continue;
        served.set(url, since);
        for (const event of this.#current.values()) {
          await this.#publishTo(pool, event, { relays: [url] });
        }
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#report(error);
    }
  }

  #dated({ kind, tags, content, notBefore = 0 }: EventDraft): EventTemplate {
    return { kind, created_at: Math.max(this.#createdAt(kind), notBefore), tags, content };
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1000);
  }

  #report(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const failure = error instanceof Error ? error : new Error(String(error));
    logger.warn("the announcement could not be renewed: {error}", { error: failure });
    this.#options.onError?.(failure);
  }
}

function mergeReceipts(receipts: readonly AnnouncementReceipt[]): AnnouncementReceipt {
  const published = new Map(
    receipts.flatMap((receipt) => receipt.published.map((event) => [event.id, event] as const)),
  );
  return {
    published: [...published.values()],
    failures: receipts.flatMap(({ failures }) => failures),
  };
}
