/**
 * The cases, and how all of them are run.
 *
 * @module
 */
import { CLIENT_CASES } from "./client_cases.ts";
import { FAULT_CASES } from "./fault_cases.ts";
import { PAIR_CASES } from "./pair_cases.ts";
import { SERVER_MESSAGE_CASES } from "./server_message_cases.ts";
import { SERVER_SESSION_CASES } from "./server_session_cases.ts";
import { defineCase, missingPart } from "./stage.ts";
import type { ConformanceCase, ConformanceRunOptions, ConformanceTriple } from "./target.ts";

/** What {@linkcode runConformance} needs. */
export interface ConformanceOptions extends ConformanceRunOptions {
  /** Called before each case: yields what is under test. */
  readonly setup: () => ConformanceTriple | Promise<ConformanceTriple>;
  /** Called after each case with what `setup` yielded. */
  readonly teardown?: (triple: ConformanceTriple) => void | Promise<void>;
  /** Cases to leave out: their ids, and why. */
  readonly skip?: Readonly<Record<string, string>>;
  /** Called with each result as it comes. */
  readonly onResult?: (result: ConformanceResult) => void;
}

/** What became of one case. */
export interface ConformanceResult {
  /** The case. */
  readonly id: string;
  /** What has to hold. */
  readonly title: string;
  /** What asks for it. */
  readonly requirement: string;
  /** Whether it holds. */
  readonly status: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly reason?: string;
  /** How long it took, milliseconds. */
  readonly tookMs: number;
}

/** What became of all cases. */
export interface ConformanceReport {
  /** How many hold. */
  readonly passed: number;
  /** How many do not. */
  readonly failed: number;
  /** How many were not tried. */
  readonly skipped: number;
  /** One result a case, in order. */
  readonly results: readonly ConformanceResult[];
}

/**
 * The cases, for whoever wants to make a test of each in a test framework of
 * their own.
 *
 * @returns All cases.
 *
 * @example
 * ```ts
 * import { conformanceCases } from "@cvm/toolkit/testing";
 * import { assert } from "@std/assert";
 *
 * const forServers = conformanceCases().filter(({ needs }) => `${needs}` === "server");
 * assert(forServers.some(({ requirement }) => requirement === "F05"));
 * ```
 */
export function conformanceCases(): ConformanceCase[] {
  return [
    ...SERVER_MESSAGE_CASES,
    ...SERVER_SESSION_CASES,
    ...CLIENT_CASES,
    ...PAIR_CASES,
    ...FAULT_CASES,
  ].map(defineCase);
}

/**
 * Runs every case against a relay, a server and a client, one after the
 * other. Cases whose parts a triple does not have are skipped.
 *
 * @param options What is under test, what to skip, and bounds.
 * @returns What became of each case. Failures are in the report and not thrown.
 * @throws {RangeError} When `skip` names a case that does not exist.
 * @throws What `setup` or `teardown` throws, or the signal's reason.
 *
 * @example A server by itself, on a relay in memory
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { MemoryRelay, runConformance } from "@cvm/toolkit/testing";
 * import { serve } from "@cvm/toolkit/transport/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * const report = await runConformance({
 *   setup: () => ({
 *     relay: { urls: [relay.url], webSocket: relay.webSocket },
 *     startServer: ({ createMcpServer, ...options }) =>
 *       serve(createMcpServer, {
 *         ...options,
 *         signer: PrivateKeySigner.generate(),
 *         relays: [relay.url],
 *         pool: { webSocket: relay.webSocket, fetchRelayInfo: () => Promise.resolve(undefined) },
 *       }),
 *   }),
 * });
 * assertEquals(report.results.filter(({ status }) => status === "failed"), []);
 * ```
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const { skip = {}, onResult } = options;
  const cases = conformanceCases();
  const unknown = Object.keys(skip).find((id) => !cases.some((each) => each.id === id));
  if (unknown !== undefined) throw new RangeError(`There is no conformance case "${unknown}"`);
  const results: ConformanceResult[] = [];
  for (const each of cases) {
    options.signal?.throwIfAborted();
    const { id, title, requirement } = each;
    const started = performance.now();
    const outcome = Object.hasOwn(skip, id)
      ? { status: "skipped", reason: skip[id] } as const
      : await runCase(each, options);
    const result = { id, title, requirement, ...outcome, tookMs: performance.now() - started };
    results.push(result);
    onResult?.(result);
  }
  const count = (status: string) => results.filter((result) => result.status === status).length;
  return {
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("skipped"),
    results,
  };
}

async function runCase(
  each: ConformanceCase,
  { setup, teardown, timeoutMs, signal }: ConformanceOptions,
): Promise<Pick<ConformanceResult, "status" | "reason">> {
  const triple = await setup();
  try {
    const missing = missingPart(each.needs, triple);
    if (missing !== undefined) return { status: "skipped", reason: `the triple has no ${missing}` };
    await each.run(triple, { timeoutMs, signal });
    return { status: "passed" };
  } catch (error) {
    signal?.throwIfAborted();
    return { status: "failed", reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await teardown?.(triple);
  }
}
