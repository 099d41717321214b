/**
 * The sessions of a listener, by client.
 *
 * @module
 */
import type { JsonRpcMessage } from "../types.ts";
import type { ServerSession } from "./server_session.ts";

/** Earlier sessions of one client whose requests are still worked on; with more, it has to wait. */
const MAX_DRAINING = 4;

/**
 * For each client the session that it uses, and those that it has left and
 * that still have work to do. All of them together are bounded.
 */
export class SessionTable {
  readonly #maxSessions: number;
  readonly #used = new Map<string, ServerSession>();
  readonly #draining = new Map<string, Set<ServerSession>>();
  #drainingCount = 0;

  /** @param maxSessions How many there may be. */
  constructor(maxSessions: number) {
    this.#maxSessions = maxSessions;
  }

  /** Those that clients use. */
  get used(): readonly ServerSession[] {
    return [...this.#used.values()];
  }

  /** Those too that clients have left. */
  get all(): readonly ServerSession[] {
    const draining = [...this.#draining.values()].flatMap((sessions) => [...sessions]);
    return [...this.#used.values(), ...draining];
  }

  /** The session that a client uses. */
  get(key: string): ServerSession | undefined {
    return this.#used.get(key);
  }

  /** The session of a client that waits for a message, be it one that the client has left; else the one that it uses. */
  expecting(key: string, message: JsonRpcMessage): ServerSession | undefined {
    const used = this.#used.get(key);
    if (used?.expects(message) === true) return used;
    return [...this.#draining.get(key) ?? []].find((old) => old.expects(message)) ?? used;
  }

  /** Takes in the session that a client uses from now on. */
  add(key: string, session: ServerSession): void {
    this.#used.set(key, session);
  }

  /** Takes a client's session out of use; false when too many of its earlier ones still have work to do. */
  retire(key: string): boolean {
    const session = this.#used.get(key);
    if (session === undefined) return true;
    const draining = this.#draining.get(key) ?? new Set();
    if (!session.idle && (draining.size >= MAX_DRAINING || this.#isFull)) return false;
    this.#used.delete(key);
    this.#draining.set(key, draining.add(session));
    this.#drainingCount += 1;
    session.drain({ replaced: true });
    return true;
  }

  /** Drops a session that has ended. */
  forget(key: string, session: ServerSession): void {
    if (this.#used.get(key) === session) this.#used.delete(key);
    const draining = this.#draining.get(key);
    if (draining?.delete(session)) {
      this.#drainingCount -= 1;
      if (draining.size === 0) this.#draining.delete(key);
    }
  }

  /** Whether there is room for one more client; the idle session unused for the longest time makes it. */
  makeRoom(): boolean {
    if (!this.#isFull) return true;
    let oldest: ServerSession | undefined;
    for (const session of this.#used.values()) {
      if (session.idle && (oldest === undefined || session.usedAt < oldest.usedAt)) {
        oldest = session;
      }
    }
    void oldest?.close();
    return oldest !== undefined;
  }

  /** Closes those that nobody has used since a time, and that have nothing to do or were left. */
  closeUnused(since: number): void {
    for (const session of this.#used.values()) {
      if (session.idle && session.usedAt < since) void session.close();
    }
    for (const sessions of this.#draining.values()) {
      for (const session of sessions) if (session.usedAt < since) void session.close();
    }
  }

  get #isFull(): boolean {
    return this.#used.size + this.#drainingCount >= this.#maxSessions;
  }
}
