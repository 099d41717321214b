/**
 * Which messages a gateway has run, in a SQLite file, so that none of them
 * runs again after a restart.
 *
 * @module
 */
import { dirname } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { CvmError } from "../errors.ts";
import type { KeptEvents, ReplayMemory } from "../transport/session/replay_guard.ts";

/** How long another process may keep the file busy, in milliseconds. */
const BUSY_TIMEOUT_MS = 1_000;

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS};
  CREATE TABLE IF NOT EXISTS replay_events (
    id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS replay_events_by_time ON replay_events (created_at);
  CREATE TABLE IF NOT EXISTS replay_floor (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    floor INTEGER NOT NULL
  ) STRICT;
`;

/** A {@linkcode ReplayMemory} in a file. It is as large as the memory of the listener that uses it. */
export class ReplayFile implements ReplayMemory, Disposable {
  readonly #db: DatabaseSync;
  readonly #add: StatementSync;
  readonly #raise: StatementSync;
  readonly #drop: StatementSync;
  #closed = false;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#add = db.prepare("INSERT OR IGNORE INTO replay_events (id, created_at) VALUES (?, ?)");
    this.#raise = db.prepare(
      "INSERT INTO replay_floor VALUES (1, ?) ON CONFLICT DO UPDATE SET floor = max(floor, excluded.floor)",
    );
    this.#drop = db.prepare("DELETE FROM replay_events WHERE created_at <= ?");
  }

  /**
   * Opens a file, and creates it and its folder when they are not there.
   * Loads `node:sqlite` only now.
   *
   * @param path The file.
   * @throws {CvmError} CONFIG_INVALID when it can't be opened or is no such file.
   */
  static async open(path: string): Promise<ReplayFile> {
    let db: DatabaseSync | undefined;
    try {
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const { DatabaseSync } = await import("node:sqlite");
      db = new DatabaseSync(path);
      db.exec(SCHEMA);
      return new ReplayFile(db);
    } catch (cause) {
      db?.close();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CvmError("CONFIG_INVALID", `the file ${path} can't be used: ${reason}`, { cause });
    }
  }

  load(): KeptEvents {
    const floor = this.#db.prepare("SELECT floor FROM replay_floor").get()?.floor;
    const rows = this.#db.prepare("SELECT id, created_at FROM replay_events").all();
    return {
      floor: typeof floor === "number" ? floor : undefined,
      events: rows.map(({ id, created_at }) => [String(id), Number(created_at)] as const),
    };
  }

  add(id: string, createdAt: number): void {
    this.#add.run(id, createdAt);
  }

  forget(floor: number): void {
    // The floor first: what is dropped must not be new again, whatever happens in between.
    this.#raise.run(floor);
    this.#drop.run(floor);
  }

  /** Closes the file. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
