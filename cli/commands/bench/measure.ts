/**
 * The steps of a measurement: each fills in a part of the figures, and keeps what it has when it
 * is ended early.
 *
 * @module
 */
import { percentile } from "../inspect/pings.ts";
import type { Draft } from "./figures.ts";

/** What calls go to. */
export interface BenchPeer {
  /** Makes one call, and waits for the answer. */
  readonly call: () => Promise<void>;
  /** Asks for an answer of so many bytes; absent where there is nothing to ask for it. */
  readonly answer?: (bytes: number) => Promise<void>;
}

/** How much is done. */
export interface BenchPlan {
  /** How many calls each step makes at most. */
  readonly calls: number;
  /** How long each step may go on, in milliseconds. */
  readonly stepMs: number;
  /** How many calls are under way at the same time in the second step. */
  readonly inFlight: number;
  /** The size of the large answer, in kilobytes; 0 for none. */
  readonly answerKb: number;
}

/** Calls one after the other, then several at once, then asks for a large answer. */
export async function measureCalls(
  draft: Draft,
  { call, answer }: BenchPeer,
  plan: BenchPlan,
): Promise<void> {
  await call(); // the first one makes both sides known to each other
  await measureSequence(draft, call, plan);
  await measureLoad(draft, call, plan);
  if (answer === undefined || plan.answerKb === 0) return;
  draft.answerBytes = plan.answerKb * 1_000;
  const started = performance.now();
  await answer(draft.answerBytes);
  draft.answerMs = since(started);
}

/** The middle of the times that a few attempts take, in milliseconds. */
export async function middleOf(count: number, act: () => Promise<void>): Promise<number | null> {
  const times: number[] = [];
  while (times.length < count) {
    const started = performance.now();
    await act();
    times.push(performance.now() - started);
  }
  return percentile(times, 0.5);
}

/** The time since then, to a tenth of a millisecond. */
export function since(started: number): number {
  return round(performance.now() - started);
}

async function measureSequence(
  draft: Draft,
  call: () => Promise<void>,
  { calls, stepMs }: BenchPlan,
): Promise<void> {
  const times: number[] = [];
  const end = performance.now() + stepMs;
  try {
    while (times.length < calls && performance.now() < end) {
      const started = performance.now();
      await call();
      times.push(performance.now() - started);
    }
  } finally {
    draft.calls = times.length;
    draft.p50Ms = percentile(times, 0.5);
    draft.p95Ms = percentile(times, 0.95);
    draft.p99Ms = percentile(times, 0.99);
  }
}

async function measureLoad(
  draft: Draft,
  call: () => Promise<void>,
  { calls, stepMs, inFlight }: BenchPlan,
): Promise<void> {
  const started = performance.now();
  let asked = 0;
  let answered = 0;
  let failed = false;
  const work = async () => {
    while (asked < calls && !failed && performance.now() - started < stepMs) {
      asked++;
      try {
        await call();
      } catch (error) {
        failed = true;
        throw error;
      }
      answered++;
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(inFlight, calls) }, work));
  } finally {
    const seconds = (performance.now() - started) / 1_000;
    if (answered > 0) draft.callsPerSecond = round(answered / seconds);
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
