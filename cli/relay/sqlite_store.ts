/**
 * A relay's events in a SQLite file, over `node:sqlite`.
 *
 * @module
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { NostrEvent } from "../../crypto/event.ts";
import { CvmError } from "../../errors.ts";
import type { Filter } from "../../transport/relay/filter.ts";
import {
  type AddResult,
  compareNewestFirst,
  DELETION_KIND,
  deletionTargets,
  eventAddress,
  type EventStore,
} from "../../transport/testing/store.ts";

/** The version of the tables below, kept in the file's `user_version`. */
const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    pubkey TEXT NOT NULL,
    kind INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    address TEXT UNIQUE,
    json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_author ON events (pubkey, kind, created_at);
  CREATE INDEX events_by_kind ON events (kind, created_at);
  CREATE INDEX events_by_time ON events (created_at);
  CREATE TABLE tags (
    tag TEXT NOT NULL,
    event INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    PRIMARY KEY (tag, event)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_event ON tags (event);
  CREATE TABLE deletions (
    target TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Settings of a {@linkcode SqliteEventStore}. */
export interface SqliteEventStoreOptions {
  /**
   * How many events are kept; the oldest go first.
   * @default {1_000_000}
   */
  readonly maxEvents?: number;
}

/** An {@linkcode EventStore} in a SQLite file: write-ahead log, and it survives restarts. */
export class SqliteEventStore implements EventStore {
  readonly #db: DatabaseSync;
  readonly #maxEvents: number;
  #size: number;
  #closed = false;

  private constructor(db: DatabaseSync, maxEvents: number) {
    this.#db = db;
    this.#maxEvents = maxEvents;
    this.#size = Number(db.prepare("SELECT count(*) AS count FROM events").get()?.count);
  }

  /**
   * Opens a file, and creates it when it is not there. Loads `node:sqlite` only now.
   *
   * @param path The file, or `":memory:"`.
   * @param options How much to keep.
   * @returns The store.
   * @throws {CvmError} CONFIG_INVALID when the file can't be opened, is no database, or was made
   * by a newer version.
   */
  static async open(
    path: string,
    options: SqliteEventStoreOptions = {},
  ): Promise<SqliteEventStore> {
    const { maxEvents = 1_000_000 } = options;
    if (!(maxEvents >= 1)) {
      throw new RangeError(`maxEvents is ${maxEvents}; it must be at least 1`);
    }
    const { DatabaseSync } = await import("node:sqlite");
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path);
      prepareDatabase(db, path);
      return new SqliteEventStore(db, maxEvents);
    } catch (error) {
      db?.close();
      if (error instanceof CvmError) throw error;
      const text = error instanceof Error ? error.message : String(error);
      throw new CvmError(
        "CONFIG_INVALID",
        `The relay's database ${path} can't be opened: ${text}. Name a file that can be written`,
        { cause: error },
      );
    }
  }

  /** How many events are stored. */
  get size(): number {
    return this.#size;
  }

  /**
   * Stores an event and does what it implies, all or nothing.
   * @param event A verified event that is not ephemeral.
   * @returns What happened.
   */
  add(event: NostrEvent): AddResult {
    const sizeBefore = this.#size;
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = this.#add(event);
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      this.#size = sizeBefore;
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /**
   * The events that match any of the filters.
   * @param filters The filters.
   * @param maxLimit The limit of a filter that has none, and the highest that counts.
   * @returns Each event once, newest first.
   */
  query(filters: readonly Filter[], maxLimit: number): NostrEvent[] {
    const found = new Map<string, NostrEvent>();
    for (const filter of filters) {
      const { where, values } = buildConditions(filter);
      const limit = Math.min(filter.limit ?? maxLimit, maxLimit);
      const rows = this.#db.prepare(
        `SELECT id, json FROM events WHERE ${where} ORDER BY created_at DESC, id ASC LIMIT ?`,
      ).all(...values, limit);
      for (const { id, json } of rows) {
        if (!found.has(String(id))) found.set(String(id), JSON.parse(String(json)));
      }
    }
    return [...found.values()].sort(compareNewestFirst);
  }

  /** Closes the file. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#db.close();
  }

  #add(event: NostrEvent): AddResult {
    const { id, pubkey, kind, created_at } = event;
    if (this.#get("SELECT 1 FROM events WHERE id = ?", id) !== undefined) return "duplicate";
    const address = eventAddress(event);
    if (this.#isDeleted(event, address)) return "deleted";
    if (address !== undefined) {
      const held = this.#get("SELECT json FROM events WHERE address = ?", address);
      if (held !== undefined) {
        if (compareNewestFirst(JSON.parse(String(held.json)), event) < 0) return "superseded";
        this.#remove("address = ?", address);
      }
    }
    const { lastInsertRowid } = this.#db.prepare(
      "INSERT INTO events (id, pubkey, kind, created_at, address, json) VALUES (?, ?, ?, ?, ?, ?)",
    ).run(id, pubkey, kind, created_at, address ?? null, JSON.stringify(event));
    this.#size++;
    const insertTag = this.#db.prepare("INSERT OR IGNORE INTO tags (tag, event) VALUES (?, ?)");
    for (const [name, value] of event.tags) {
      if (name?.length === 1 && value !== undefined) {
        insertTag.run(`${name}:${value}`, lastInsertRowid);
      }
    }
    if (kind === DELETION_KIND) this.#delete(event);
    if (this.#size > this.#maxEvents) {
      const oldest = "seq IN (SELECT seq FROM events ORDER BY created_at ASC, id DESC LIMIT ?)";
      this.#remove(oldest, this.#size - this.#maxEvents);
    }
    return "stored";
  }

  #isDeleted(event: NostrEvent, address: string | undefined): boolean {
    if (event.kind === DELETION_KIND) return false;
    const byId = this.#get("SELECT 1 FROM deletions WHERE target = ?", deletionOfId(event));
    if (byId !== undefined) return true;
    if (address === undefined) return false;
    const found = this.#get("SELECT created_at FROM deletions WHERE target = ?", address);
    return found !== undefined && event.created_at <= Number(found.created_at);
  }

  #delete(request: NostrEvent): void {
    const { ids, addresses } = deletionTargets(request);
    const remember = this.#db.prepare(
      `INSERT INTO deletions (target, created_at) VALUES (?, ?)
       ON CONFLICT (target) DO UPDATE SET created_at = max(created_at, excluded.created_at)`,
    );
    for (const id of ids) {
      remember.run(deletionOfId({ id, pubkey: request.pubkey }), request.created_at);
      this.#remove(`id = ? AND pubkey = ? AND kind <> ${DELETION_KIND}`, id, request.pubkey);
    }
    for (const address of addresses) {
      remember.run(address, request.created_at);
      this.#remove("address = ? AND created_at <= ?", address, request.created_at);
    }
  }

  #get(sql: string, ...values: SQLInputValue[]): Record<string, unknown> | undefined {
    return this.#db.prepare(sql).get(...values);
  }

  #remove(where: string, ...values: SQLInputValue[]): void {
    const { changes } = this.#db.prepare(`DELETE FROM events WHERE ${where}`).run(...values);
    this.#size -= Number(changes);
  }
}

function deletionOfId({ id, pubkey }: { readonly id: string; readonly pubkey: string }): string {
  return `${pubkey}:${id}`;
}

/** Sets the file up, or checks that it is one of ours. */
function prepareDatabase(db: DatabaseSync, path: string): void {
  db.exec("PRAGMA busy_timeout = 2000; PRAGMA foreign_keys = ON");
  const version = Number(db.prepare("PRAGMA user_version").get()?.user_version);
  if (version > SCHEMA_VERSION) {
    throw new CvmError(
      "CONFIG_INVALID",
      `The relay's database ${path} has schema ${version}, this version knows ${SCHEMA_VERSION}. ` +
        "Update cvm, or name another file",
    );
  }
  const tables = Number(db.prepare("SELECT count(*) AS count FROM sqlite_schema").get()?.count);
  if (version === 0 && tables > 0) {
    throw new CvmError(
      "CONFIG_INVALID",
      `${path} is a database of another program. Name another file for the relay`,
    );
  }
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  if (version === 0) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
}

interface Conditions {
  readonly where: string;
  readonly values: readonly SQLInputValue[];
}

/** A filter in SQL. Lists go in as JSON, so that no list is too long for SQLite's parameters. */
function buildConditions(filter: Filter): Conditions {
  const where: string[] = ["1"];
  const values: SQLInputValue[] = [];
  const add = (condition: string, value: SQLInputValue) => {
    where.push(condition);
    values.push(value);
  };
  const list = "(SELECT value FROM json_each(?))";
  if (filter.ids !== undefined) add(`id IN ${list}`, JSON.stringify(filter.ids));
  if (filter.authors !== undefined) add(`pubkey IN ${list}`, JSON.stringify(filter.authors));
  if (filter.kinds !== undefined) add(`kind IN ${list}`, JSON.stringify(filter.kinds));
  if (filter.since !== undefined) add("created_at >= ?", filter.since);
  if (filter.until !== undefined) add("created_at <= ?", filter.until);
  for (const [field, wanted] of Object.entries(filter)) {
    if (!field.startsWith("#") || !Array.isArray(wanted)) continue;
    const tags = wanted.map((value) => `${field.slice(1)}:${value}`);
    add(`seq IN (SELECT event FROM tags WHERE tag IN ${list})`, JSON.stringify(tags));
  }
  return { where: where.join(" AND "), values };
}
