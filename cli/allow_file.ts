/**
 * An allowlist in a file, followed while the program runs.
 *
 * @module
 */
import { parsePublicKey } from "../crypto/keys.ts";
import { InputError } from "../errors.ts";
import type { KeySet } from "../transport/server.ts";
import { readSmallFile } from "./text_file.ts";

/** A larger file is nobody's allowlist, bytes. */
const MAX_BYTES = 8 * 1024 * 1024;

/** Options of an {@linkcode AllowFile}. */
export interface AllowFileOptions {
  /** Told when the list was read again, with the number of its keys. */
  readonly onChange: (size: number) => void;
  /** Told why the file can't be used; the list stays as it was. */
  readonly onError: (error: Error) => void;
  /**
   * How often the file is looked at, in milliseconds.
   * @default {2_000}
   */
  readonly pollMs?: number;
}

/**
 * The keys of a file: one a line, hex, npub or nprofile; what follows a `#` is a
 * comment. The file is read again when it has changed and stays as it is for one
 * look, so that one that is being written is not read by halves. One that is
 * broken or gone changes nothing.
 */
export class AllowFile implements KeySet {
  readonly #path: string;
  readonly #options: AllowFileOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #keys: ReadonlySet<string>;
  #seen: string;
  /** The file as it was at the last look. */
  #settling: string;
  #work: Promise<void> = Promise.resolve();

  private constructor(path: string, state: FileState, options: AllowFileOptions) {
    this.#path = path;
    this.#options = options;
    this.#keys = state.keys;
    this.#seen = this.#settling = state.mark;
    this.#timer = setInterval(() => void this.#look(false), options.pollMs ?? 2_000);
  }

  /**
   * Reads the file and begins to follow it.
   *
   * @throws {InputError} CONFIG_INVALID when it can't be read, or a line is no key; the message says where.
   */
  static async open(path: string, options: AllowFileOptions): Promise<AllowFile> {
    return new AllowFile(path, await readState(path), options);
  }

  /** How many keys there are. */
  get size(): number {
    return this.#keys.size;
  }

  /** Whether a key, in lower-case hex, is in the list now. */
  has(publicKey: string): boolean {
    return this.#keys.has(publicKey);
  }

  /** Reads the file again now, changed or not. */
  reload(): Promise<void> {
    return this.#look(true);
  }

  /** Stops following the file. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#work;
  }

  /** The same as {@linkcode AllowFile.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #look(always: boolean): Promise<void> {
    return this.#work = this.#work.then(async () => {
      const mark = await markOf(this.#path);
      const isSettled = mark === this.#settling;
      this.#settling = mark;
      if (!always && (mark === this.#seen || !isSettled)) return;
      this.#seen = mark; // a file that is broken is told of once, not at each look
      try {
        this.#keys = (await readState(this.#path)).keys;
        this.#options.onChange(this.#keys.size);
      } catch (error) {
        this.#options.onError(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }
}

interface FileState {
  readonly keys: ReadonlySet<string>;
  readonly mark: string;
}

/** What changes when a file does: also when it is put in the place of another, as editors and Kubernetes do. */
async function markOf(path: string): Promise<string> {
  try {
    const { mtime, size, ino } = await Deno.stat(path);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch (error) {
    return `gone: ${error instanceof Error ? error.name : error}`;
  }
}

async function readState(path: string): Promise<FileState> {
  try {
    const mark = await markOf(path); // before the text: a change between the two is seen at the next look
    const text = await readSmallFile(path, { maxBytes: MAX_BYTES });
    return { keys: parseAllowlist(text, path), mark };
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError("CONFIG_INVALID", `the allowlist ${path} can't be read: ${reason}`, {
      cause,
    });
  }
}

/**
 * Reads an allowlist.
 *
 * @param text The file's text.
 * @param file The file's path, for messages.
 * @throws {InputError} CONFIG_INVALID when a line is no key; the message says where.
 */
export function parseAllowlist(text: string, file: string): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const [index, line] of text.replace(/^\ufeff/, "").split("\n").entries()) {
    const entry = line.replace(/#.*/, "");
    const key = entry.trim();
    if (key === "") continue;
    try {
      keys.add(parsePublicKey(key));
    } catch (cause) {
      const column = entry.indexOf(key) + 1;
      const reason = /^nsec/i.test(key)
        ? "this is a private key; take it out of the file and make a new one"
        : cause instanceof Error
        ? cause.message
        : String(cause);
      throw new InputError("CONFIG_INVALID", `${file}:${index + 1}:${column}: ${reason}`, {
        cause,
      });
    }
  }
  return keys;
}
