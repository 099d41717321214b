/**
 * What a conformance case fails with, and how it waits.
 *
 * @module
 */

/** How often what is waited for is looked at, milliseconds. */
const POLL_INTERVAL_MS = 3;

/** An implementation did not do what it has to, or not in time. */
export class ConformanceFailure extends Error {
  /** The name of the class. */
  override name = "ConformanceFailure";
}

/** Fails with what was found unless something holds. */
export function check(holds: boolean, what: string, found?: unknown): asserts holds {
  if (holds) return;
  const detail = found === undefined ? "" : `, but found ${JSON.stringify(found)}`;
  throw new ConformanceFailure(`${what}${detail}`);
}

/** Fails unless two values are the same JSON. */
export function checkSame(actual: unknown, expected: unknown, what: string): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (found !== wanted) throw new ConformanceFailure(`${what}: ${wanted} expected, found ${found}`);
}

/** The bounds of a wait. */
export interface WaitBounds {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Asks again and again until something is there. */
export async function waitFor<T>(
  what: string,
  find: () => T | undefined,
  { timeoutMs, signal }: WaitBounds,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const found = find();
    if (found !== undefined) return found;
    if (performance.now() > deadline) {
      throw new ConformanceFailure(`${what}: not within ${timeoutMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}

/** What a promise comes to, unless that takes too long. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  { timeoutMs, signal }: WaitBounds,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(
    () => reject(new ConformanceFailure(`${what}: not within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    signal?.throwIfAborted();
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
