/**
 * Announces a server: what it is, all that it offers, and where it can be
 * reached (CEP-6, CEP-17). Keeps the announcement true while the server lives,
 * and takes it back when asked to.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "../../crypto/engine.ts";
import type { EventTemplate, NostrEvent } from "../../crypto/event.ts";
import type { Signer } from "../../crypto/signer.ts";
import { CvmError, type RelayFailure } from "../../errors.ts";
import { settleWithin } from "../relay/_timer.ts";
import { RelayPool, type RelayPoolOptions } from "../relay/pool.ts";
import { normalizeRelayUrl } from "../relay/url.ts";
import type { ResultDecorator } from "../session/result_decorator.ts";
import type { Transport } from "../types.ts";
import { PROFILE_KIND, RELAY_LIST_KIND, SERVER_ANNOUNCEMENT_KIND } from "../wire/kinds.ts";
import type { Tags } from "../wire/tags.ts";
import { EarlierRuns, OTHER_RELAYS_WAIT_MS } from "./_earlier_runs.ts";
import { McpReader } from "./_mcp_reader.ts";
import { ANNOUNCED_LISTS, type AnnouncedList } from "./announcement.ts";
import { deletionDraft } from "./deletion.ts";
import { checkProfile, profileDraft, type ProfileMetadata } from "./profile.ts";
import type { EventDraft } from "./publish_event.ts";
import { newestGenuine, relayListDraft } from "./relay_list.ts";

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
  /** The engine that verifies. */
  readonly engine?: CryptoEngine;
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
  readonly #earlier: EarlierRuns;
  readonly #stale = new Set<AnnouncedList>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #isWithdrawn = false;

  /** Prepares it; nothing happens yet. @param options The server, its key, and where to publish. */
  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    const extra = new RelayPool(options.bootstrapRelays ?? [], {
      signer: options.signer,
      ...options.poolOptions,
    });
    this.#pools = extra.urls.length === 0 ? [options.pool] : [options.pool, extra];
    this.#earlier = new EarlierRuns({
      pools: this.#pools,
      signer: options.signer,
      engine: options.engine,
      kinds: [...this.#kinds, ...(options.profile === undefined ? [] : [PROFILE_KIND])],
      isCurrent: ({ kind, id }) => this.#current.get(kind)?.id === id,
      report: (error) => this.#report(error),
      signal: this.#stop.signal,
    });
    this.#reader = new McpReader(options.source, {
      timeoutMs: options.requestTimeoutMs ?? 10_000,
      onNotification: (method) => this.#noticeChange(method),
    });
  }

  /**
   * Asks the server what it has and publishes it. A relay that can't be reached or is silent holds
   * it up for a second at most: what it may know of earlier runs, and a profile, which must
   * not take the place of a newer one, are seen to when it has answered or its time is over.
   *
   * @returns What was published, as soon as one relay has taken each event; the other relays follow.
   * @throws {SessionError} SERVER_NOT_ANSWERING when the MCP server does not answer.
   * @throws {InputError} CONFIG_INVALID when a field of the profile is not what it should be.
   */
  async start(): Promise<AnnouncementReceipt> {
    const { profile } = this.#options;
    if (profile !== undefined) checkProfile(profile);
    const search = this.#earlier.search();
    const [drafts, isAll] = await Promise.all([this.#readServer(), search.heard]);
    const receipt = await this.#publishAll(drafts);
    for (const pool of this.#pools) void this.#followReconnects(pool);
    if (isAll) return mergeReceipts([receipt, await this.#followUp(await search.all)]);
    this.#do(async () => logFailures(await this.#followUp(await search.all)));
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
    this.#isWithdrawn = true;
    clearTimeout(this.#timer);
    const [found = []] = await Promise.all([this.#earlier.search().all, this.#work]);
    const events = [...this.#current.values(), ...found];
    const receipt = await this.#delete(events, { reason, all: true });
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
    if (this.#stale.size === 0 || this.#isWithdrawn || this.#stop.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#do(() => this.#renew()), SETTLE_MS);
  }

  /** Does something when everything before it is done. */
  #do(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error) => this.#report(error));
  }

  async #renew(): Promise<void> {
    const lists = [...this.#stale];
    this.#stale.clear();
    const drafts: EventDraft[] = [];
    for (const list of lists) {
      const draft = await this.#readList(list);
      if (draft === undefined) continue;
      if (this.#current.get(list.kind)?.content !== draft.content) drafts.push(draft);
    }
    logFailures(await this.#publishAll(drafts));
  }

  /** All that there is to announce but the profile. */
  async #readServer(): Promise<readonly EventDraft[]> {
    const initializeResult = await this.#reader.initialize();
    const { capabilities } = initializeResult;
    const offered = ANNOUNCED_LISTS.filter(({ capability }) =>
      typeof capabilities === "object" && capabilities !== null && capability in capabilities
    );
    const { relayList = true, pool, serverTags } = this.#options;
    const content = JSON.stringify(initializeResult);
    const drafts: EventDraft[] = [{ kind: SERVER_ANNOUNCEMENT_KIND, tags: serverTags, content }];
    for (const list of offered) {
      const draft = await this.#readList(list);
      if (draft !== undefined) drafts.push(draft);
    }
    if (relayList !== false) {
      drafts.push(
        relayListDraft(relayList === true ? pool.urls : relayList.map(normalizeRelayUrl)),
      );
    }
    return drafts;
  }

  async #readList(list: AnnouncedList): Promise<EventDraft | undefined> {
    const read = await this.#reader.list(list);
    if (read === undefined) return undefined;
    const { decorateResult } = this.#options;
    const { result, tags } = decorateResult?.(list.method, read) ?? { result: read, tags: [] };
    return { kind: list.kind, tags, content: JSON.stringify(result) };
  }

  /** Now, or later than what it replaces: of two events of one second, chance would decide which one counts. */
  #createdAt(kind: number): number {
    const current = this.#current.get(kind)?.created_at ?? -1;
    const earlier = this.#earlier.timeOf(kind) ?? -1;
    return Math.max(this.#seconds(), current + 1, earlier + 1);
  }

  async #publishAll(drafts: readonly EventDraft[]): Promise<AnnouncementReceipt> {
    return mergeReceipts(await Promise.all(drafts.map((draft) => this.#publish(draft))));
  }

  async #publish(draft: EventDraft): Promise<AnnouncementReceipt> {
    const event = await this.#options.signer.signEvent(this.#dated(draft));
    this.#current.set(event.kind, event);
    const receipts: AnnouncementReceipt[] = [];
    const taken = Promise.withResolvers<void>();
    let isOut = false;
    const sent = Promise.all(this.#pools.map(async (pool) => {
      const receipt = await this.#publishTo(pool, event);
      if (isOut) logFailures(receipt);
      else receipts.push(receipt);
      if (receipt.published.length > 0) taken.resolve();
    }));
    // Bootstrap relays that say nothing hold nobody up.
    const soon = taken.promise.then(() => settleWithin(sent, OTHER_RELAYS_WAIT_MS));
    await Promise.race([sent, soon]);
    isOut = true;
    return mergeReceipts(receipts);
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

  /** What is left to do when all is known that relays have of earlier runs. */
  async #followUp(found: readonly NostrEvent[] | undefined): Promise<AnnouncementReceipt> {
    // A relay that answered late may have had something newer than what was published.
    const overtaken = [...this.#current.values()].filter(({ kind, created_at }) =>
      created_at <= (this.#earlier.timeOf(kind) ?? -1)
    );
    const drafts: EventDraft[] = [...overtaken];
    const { profile } = this.#options;
    // Where no relay tells what it would take the place of, it is left.
    if (profile !== undefined && found !== undefined) {
      const before = found.filter(({ kind }) => kind === PROFILE_KIND);
      drafts.push(profileDraft(profile, newestGenuine(before, this.#options.engine)));
    }
    const stale = (found ?? []).filter(({ kind }) =>
      this.#kinds.includes(kind) && !this.#current.has(kind)
    );
    const [receipt] = await Promise.all([
      this.#publishAll(drafts),
      this.#delete(stale, { reason: "The server does not offer this any more" }),
    ]);
    return receipt;
  }

  async #delete(
    events: readonly NostrEvent[],
    { reason, all }: { readonly reason: string; readonly all?: boolean },
  ): Promise<AnnouncementReceipt> {
    if (events.length === 0) return { published: [], failures: [] };
    const deletion = await this.#options.signer.signEvent(
      this.#dated(deletionDraft(events, reason)),
    );
    return mergeReceipts(
      await Promise.all(
        this.#pools.map((pool) => this.#publishTo(pool, deletion, { all })),
      ),
    );
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
        // None of them waits for another, nor for another relay.
        for (const event of this.#current.values()) {
          this.#publishTo(pool, event, { relays: [url] }).catch((error) => this.#report(error));
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

function logFailures({ failures }: AnnouncementReceipt): void {
  for (const { url, reason } of failures) logger.warn("{url}: {reason}", { url, reason });
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
