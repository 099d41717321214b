/**
 * How a relay must behave, as a table: each case runs against every relay of
 * this project, in memory, over sockets, and with SQLite underneath.
 *
 * @module
 */
import type { Behaviour } from "./_behaviour.ts";
import { LIMITS } from "./_behaviour_limits.ts";
import { NIP01 } from "./_behaviour_nip01.ts";
import { NIP09 } from "./_behaviour_nip09.ts";
import { NIP42 } from "./_behaviour_nip42.ts";

export { type Behaviour, makeAuth, type Subject } from "./_behaviour.ts";

/** How a relay must behave. */
export const BEHAVIOURS: readonly Behaviour[] = [...NIP01, ...NIP09, ...NIP42, ...LIMITS];
