/**
 * A stand-in for the part of `jsr:@std/assert` that the tests use, over
 * `node:assert/strict`, so that the suite runs where only npm can be reached.
 * The `imports` of `deno.json` put it in the place of the real package; a `links`
 * entry would do the same, but Deno 2.4 then takes the lock file for outdated.
 *
 * @module
 */
import assertStrict from "node:assert/strict";

export { AssertionError } from "node:assert";

/** Fails unless `condition` is truthy. */
export function assert(condition: unknown, message?: string): asserts condition {
  assertStrict.ok(condition, message);
}

/** Fails unless `actual` and `expected` are deeply and strictly equal. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  assertStrict.deepStrictEqual(actual, expected, message);
}

/** Fails when `actual` and `expected` are deeply and strictly equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  assertStrict.notDeepStrictEqual(actual, expected, message);
}

/** Fails unless `actual` is the very same value as `expected`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): void {
  assertStrict.strictEqual(actual, expected, message);
}

/** Fails when `actual` is `null` or `undefined`. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  assertStrict.ok(actual !== undefined && actual !== null, message ?? "expected a value");
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  assertStrict.ok(
    actual.includes(expected),
    message ?? `expected ${JSON.stringify(actual)} to include ${JSON.stringify(expected)}`,
  );
}

/** Fails unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  assertStrict.match(actual, expected, message);
}

// deno-lint-ignore no-explicit-any
type Constructor<E> = abstract new (...args: any[]) => E;

function checkError<E extends Error>(
  error: unknown,
  errorClass?: Constructor<E>,
  includes?: string,
): E {
  if (errorClass !== undefined) {
    assertStrict.ok(
      error instanceof errorClass,
      `expected ${errorClass.name}, got ${
        error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      }`,
    );
  }
  if (includes !== undefined) {
    assertStringIncludes(error instanceof Error ? error.message : String(error), includes);
  }
  return error as E;
}

/** Fails unless `fn` throws, and returns what it threw. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: Constructor<E>,
  includes?: string,
): E {
  let thrown: { error: unknown } | undefined;
  try {
    fn();
  } catch (error) {
    thrown = { error };
  }
  assertStrict.ok(thrown, "expected the function to throw");
  return checkError(thrown.error, errorClass, includes);
}

/** Fails unless `fn` rejects, and resolves to what it rejected with. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: Constructor<E>,
  includes?: string,
): Promise<E> {
  let thrown: { error: unknown } | undefined;
  try {
    await fn();
  } catch (error) {
    thrown = { error };
  }
  assertStrict.ok(thrown, "expected the function to reject");
  return checkError(thrown.error, errorClass, includes);
}
