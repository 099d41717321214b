/**
 * How long a server takes to answer.
 *
 * @module
 */

/** What a few round trips took. */
export interface Latency {
  /** How many were sent. */
  readonly sent: number;
  /** How many were answered. */
  readonly answered: number;
  /** The time that half of them stayed below, milliseconds; `null` when none was answered. */
  readonly p50Ms: number | null;
  /** The time that 95 of 100 stayed below, milliseconds. */
  readonly p95Ms: number | null;
  /** Why the last one that failed did. */
  readonly error?: unknown;
}

/**
 * Measures round trips, one after the other. The first one that fails is the last.
 *
 * @param ping Makes one.
 * @param options `count`: how many.
 */
export async function measurePings(
  ping: () => Promise<void>,
  { count }: { readonly count: number },
): Promise<Latency> {
  const times: number[] = [];
  let error: unknown;
  let sent = 0;
  while (sent < count && error === undefined) {
    sent++;
    const started = performance.now();
    try {
      await ping();
      times.push(performance.now() - started);
    } catch (reason) {
      error = reason;
    }
  }
  return {
    sent,
    answered: times.length,
    p50Ms: percentile(times, 0.5),
    p95Ms: percentile(times, 0.95),
    ...(error === undefined ? {} : { error }),
  };
}

/** The smallest time that is not below a share of all times, to a tenth of a millisecond. */
export function percentile(times: readonly number[], share: number): number | null {
  const sorted = times.toSorted((a, b) => a - b);
  const time = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return time === undefined ? null : Math.round(time * 10) / 10;
}

/** One line for people. */
export function pingText({ sent, answered, p50Ms, p95Ms }: Latency): string {
  if (answered === 0) return "no answer";
  if (sent === 1) return `answered in ${p50Ms} ms`;
  return `${answered} of ${sent} answered, p50 ${p50Ms} ms, p95 ${p95Ms} ms`;
}
