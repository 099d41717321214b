/**
 * How the servers are doing that are one server to clients.
 *
 * @module
 */
import type { MemberStatus } from "../../../transport/gateway.ts";

/** One of several servers under one key. */
export interface MemberState {
  /** What the file calls it. */
  readonly server: string;
  /** With a server for each client: `up` as long as one works, `closed` while there is none. */
  readonly state: MemberStatus["state"];
  /** How often it was started again. */
  readonly restarts: number;
}

/** Keeps count of them. */
export class Members {
  readonly #states: Map<string, { state: MemberStatus["state"]; up: number; restarts: number }>;

  /** @param names What the file calls them. */
  constructor(names: readonly string[]) {
    this.#states = new Map(names.map((name) => [name, { state: "starting", up: 0, restarts: 0 }]));
  }

  /** How they are doing, in the order of the file. */
  get all(): readonly MemberState[] {
    return [...this.#states].map(([server, { state, up, restarts }]) => ({
      server,
      state: up > 0 ? "up" : state,
      restarts,
    }));
  }

  /** Takes note of a change; with a server for each client it may be any of them. */
  note(
    name: string,
    { state, before }: {
      readonly state: MemberStatus["state"];
      readonly before: MemberStatus["state"] | undefined;
    },
  ): void {
    const member = this.#states.get(name);
    if (member === undefined) return;
    if (before === "up") member.up--;
    if (state === "up") member.up++;
    if (state === "up" && before === "down") member.restarts++;
    member.state = state;
  }
}
