/**
 * A lock between processes: a file that is there while somebody has it.
 *
 * @module
 */

/** How long one try waits for the next, milliseconds. */
const RETRY_MS = 5;

/** How a lock is waited for. */
export interface FileLockOptions {
  /**
   * How long others may have it before we go on without it, milliseconds.
   * @default {1_000}
   */
  readonly waitMs?: number;
  /**
   * How old it is when whoever made it must have been killed, milliseconds.
   * @default {5_000}
   */
  readonly staleMs?: number;
}

/**
 * Takes a lock, for what takes milliseconds and must not fail: who does not get it in time goes on
 * without it.
 *
 * @param file The file that is the lock; its folder is there.
 * @param options How long it is waited for.
 * @returns Gives the lock back when it is disposed of.
 * @throws {Error} When the file can't be made for another reason than being there.
 */
export async function lockFile(
  file: string,
  { waitMs = 1_000, staleMs = 5_000 }: FileLockOptions = {},
): Promise<AsyncDisposable> {
  const started = performance.now();
  for (;;) {
    if (await make(file)) break;
    if (await isOlder(file, staleMs)) await removeStale(file, staleMs);
    else if (performance.now() - started >= waitMs) {
      return { [Symbol.asyncDispose]: async () => {} };
    } else await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  const taken = performance.now();
  return {
    [Symbol.asyncDispose]: async () => {
      // Later it may be that of another.
      if (performance.now() - taken < staleMs) await removeIfThere(file);
    },
  };
}

/** @returns Whether it has been made; `false` when it is there. */
async function make(file: string): Promise<boolean> {
  try {
    (await Deno.open(file, { write: true, createNew: true, mode: 0o600 })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

async function isOlder(file: string, ms: number): Promise<boolean> {
  try {
    const { mtime } = await Deno.stat(file);
    // A clock that was set back makes a file that is ahead of it.
    return mtime !== null && Math.abs(Date.now() - mtime.getTime()) > ms;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false; // just given back
    throw error;
  }
}

/** Removes a lock that was left behind, but not the one that another has made in its place meanwhile. */
async function removeStale(file: string, staleMs: number): Promise<void> {
  const aside = `${file}.${crypto.randomUUID()}`;
  try {
    await Deno.rename(file, aside);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return; // another was quicker
    throw error;
  }
  if (await isOlder(aside, staleMs)) await removeIfThere(aside);
  else await Deno.rename(aside, file);
}

async function removeIfThere(file: string): Promise<void> {
  try {
    await Deno.remove(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
