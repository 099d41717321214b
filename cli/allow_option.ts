/**
 * `--allow` and `--allow-file`: who may do something, wherever that can be said.
 *
 * @module
 */
import { parsePublicKey } from "../crypto/keys.ts";
import type { KeySet } from "../transport/server.ts";
import { AllowFile } from "./allow_file.ts";
import { UsageError } from "./exit_codes.ts";
import type { CliIo } from "./io.ts";
import { sanitizeLine } from "./sanitize.ts";

/**
 * A key of `--allow`.
 *
 * @returns The key, hex.
 * @throws {UsageError} When it is none.
 */
export function parseAllowed(text: string): string {
  try {
    return parsePublicKey(text);
  } catch (cause) {
    // A private key that was put there by mistake must not be repeated.
    const shown = /^\s*nsec/i.test(text) ? "nsec…" : sanitizeLine(text, 80);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`--allow ${shown}: ${reason}`, { cause });
  }
}

/** How an allowlist file is followed. */
export interface FollowOptions {
  /** Where SIGHUP and the end come from. */
  readonly io: CliIo;
  /** What those in the file may do, such as `clients are let in`. */
  readonly many: string;
  /** The same of nobody. */
  readonly nobody: string;
  /** Tells the operator of a change. */
  readonly say: (message: string) => void;
  /** Tells the operator what is wrong. */
  readonly warn: (message: string) => void;
}

/**
 * Reads an allowlist file, and again when it changes and on SIGHUP.
 *
 * @throws {InputError} CONFIG_INVALID when it can't be read, or a line is no key.
 */
export async function followAllowFile(
  path: string | undefined,
  { io, many, nobody, say, warn }: FollowOptions,
): Promise<AllowFile | undefined> {
  if (path === undefined) return undefined;
  const file = await AllowFile.open(path, {
    onChange: (size) => say(`${path} was read again: ${size} ${many}`),
    onError: ({ message }) => warn(`${message}; the list before it stays`),
  });
  const ignore = io.onHangup?.(() => void file.reload());
  io.signal.addEventListener("abort", () => ignore?.(), { once: true });
  if (file.size === 0) warn(`${path} is empty: ${nobody}`);
  return file;
}

/** Those who are named, and those in the file; `undefined` when neither says anything. */
export function allowedKeys(
  named: readonly string[] | undefined,
  file: AllowFile | undefined,
): KeySet | undefined {
  if (named === undefined && file === undefined) return undefined;
  const keys = new Set(named);
  return { has: (key) => keys.has(key) || file?.has(key) === true };
}
