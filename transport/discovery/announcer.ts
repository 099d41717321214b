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
import type { Transport } from "../types.ts";
import { PROFILE_KIND, RELAY_LIST_KIND, SERVER_ANNOUNCEMENT_KIND } from "../wire/kinds.ts";
import type { Tags } from "../wire/tags.ts";
import { McpReader } from "./_mcp_reader.ts";
import { ANNOUNCED_LISTS, type AnnouncedList } from "./announcement.ts";
import { deletionDraft } from "./deletion.ts";
import { checkProfile, profileDraft, profileFilter, type ProfileMetadata } from "./profile.ts";
import type { EventDraft } from "./publish_event.ts";
import { newestGenuine, relayListTemplate } from "./relay_list.ts";

const logger = getLogger(["cvm", "discovery"]);

/** Changes that come within so many milliseconds are announced together. */
const SETTLE_MS = 200;

/** How a server is announced. */
export interface AnnounceOptions {
  /**
   * Whether to publish the list of relays on which the server can be reached.
   * @default {true}
   */
  readonly relayList?: boolean;
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
    const templates = [
      this.#template(
        SERVER_ANNOUNCEMENT_KIND,
        JSON.stringify(initializeResult),
        this.#options.serverTags,
      ),
    ];
    for (const list of offered) {
      const result = await this.#reader.list(list);
      if (result !== undefined) templates.push(this.#template(list.kind, JSON.stringify(result)));
    }
    if (this.#options.relayList ?? true) {
      templates.push(relayListTemplate(this.#options.pool.urls, this.#seconds()));
    }
    if (profile !== undefined) templates.push(...await this.#profileTemplates(profile));
    const receipt = await this.#publishAll(templates);
    await this.#deleteStale();
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
    const kinds = [SERVER_ANNOUNCEMENT_KIND, ...ANNOUNCED_LISTS.map(({ kind }) => kind)];
    if (this.#options.relayList ?? true) kinds.push(RELAY_LIST_KIND);
    if (this.#options.profile !== undefined) kinds.push(PROFILE_KIND);
    const receipt = await this.#delete(kinds, reason);
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
      const result = await this.#reader.list(list);
      if (result === undefined) continue;
      const content = JSON.stringify(result);
      if (this.#current.get(list.kind)?.content !== content) {
        templates.push(this.#template(list.kind, content));
      }
    }
    const { failures } = await this.#publishAll(templates);
    for (const { url, reason } of failures) logger.warn("{url}: {reason}", { url, reason });
  }

  #template(kind: number, content: string, tags: Tags = []): EventTemplate {
    const last = this.#current.get(kind)?.created_at ?? 0;
    return { kind, created_at: Math.max(this.#seconds(), last + 1), tags, content };
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

  /** Deletes the lists that an earlier run announced and this one does not have. */
  async #deleteStale(): Promise<void> {
    const gone = ANNOUNCED_LISTS.map(({ kind }) => kind).filter((kind) => !this.#current.has(kind));
    if (gone.length > 0) await this.#delete(gone, "The server does not offer this any more");
  }

  async #delete(kinds: readonly number[], reason: string): Promise<AnnouncementReceipt> {
    const author = await this.#options.signer.getPublicKey();
    const events = await this.#find({ kinds, authors: [author] }) ?? [];
    for (const kind of kinds) {
      const event = this.#current.get(kind);
      if (event !== undefined) events.push(event);
    }
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
    const found = await this.#find(profileFilter(await this.#options.signer.getPublicKey()));
    return found === undefined ? [] : [this.#dated(profileDraft(profile, newestGenuine(found)))];
  }

  /** Genuine events that the relays have; `undefined` when none of them can be asked, which is reported. */
  async #find(filter: Filter): Promise<NostrEvent[] | undefined> {
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
    return { kind, created_at: Math.max(this.#seconds(), notBefore), tags, content };
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
