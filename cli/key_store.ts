/**
 * Private keys in files of mode 0600. A key never comes from the command line
 * and never goes into a log.
 *
 * @module
 */
import { dirname } from "node:path";
import type { CryptoEngine } from "../crypto/engine.ts";
import { formatNsec, generateKey, parsePrivateKey } from "../crypto/keys.ts";
import { PrivateKeySigner } from "../crypto/private_key_signer.ts";
import { CvmError, InputError } from "../errors.ts";
import type { Environment } from "./io.ts";

/** The variable that may hold a private key. */
export const KEY_VARIABLE = "CVM_PRIVATE_KEY";

/** A longer file holds something else than a key, bytes. */
const MAX_KEY_FILE_BYTES = 4096;

/** A signer, and where its key came from. */
export interface StoredKey {
  /** Signs with the key. */
  readonly signer: PrivateKeySigner;
  /** Where the key came from, for people: a path or the name of a variable. */
  readonly source: string;
  /** Whether the key has just been made. */
  readonly created: boolean;
  /** What the user should know about the file, such as that others can read it. */
  readonly warning?: string;
}

/** Where to look for a key. */
export interface KeySources {
  /** The file that the user named; it must be there, unless `create`. */
  readonly file?: string;
  /** The file where the key is kept when nothing else names one. */
  readonly defaultFile: string;
  /** The environment. */
  readonly env: Environment;
  /** What signs with the key. Default: the pure engine. */
  readonly engine?: CryptoEngine;
}

/**
 * The key to work with: from the file that the user named, else from
 * `CVM_PRIVATE_KEY`, else from the default file. A file that is not there is
 * made, with a new key in it.
 *
 * @throws {InputError} KEY_INVALID when what is there is no private key, or the file can't be read or written.
 */
export async function loadOrCreateKey(sources: KeySources): Promise<StoredKey> {
  const { file, defaultFile, env, engine } = sources;
  const variable = env.get(KEY_VARIABLE);
  if (file === undefined && variable !== undefined && variable !== "") {
    const signer = signerOf(variable, { where: KEY_VARIABLE, engine });
    return { signer, source: KEY_VARIABLE, created: false };
  }
  const path = file ?? defaultFile;
  return await readKeyFile(path, engine) ?? await createKeyFile(path, engine);
}

/**
 * Reads a key file.
 *
 * @returns The key; `undefined` when there is no such file.
 * @throws {InputError} KEY_INVALID when it can't be read or holds no private key.
 */
export async function readKeyFile(
  path: string,
  engine?: CryptoEngine,
): Promise<StoredKey | undefined> {
  let text: string;
  let mode: number | null;
  try {
    const info = await Deno.stat(path);
    if (!info.isFile) throw keyError(path, "it is not a file");
    if (info.size > MAX_KEY_FILE_BYTES) throw keyError(path, "it is too long for a key");
    mode = info.mode;
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof CvmError) throw error;
    throw keyError(path, textOf(error), error);
  }
  const open = mode !== null && (mode & 0o077) !== 0;
  return {
    signer: signerOf(text, { where: `the key file ${path}`, engine }),
    source: path,
    created: false,
    ...(open ? { warning: `others can read the key file ${path}; run: chmod 600 ${path}` } : {}),
  };
}

/**
 * Makes a key and writes it to a file of mode 0600 that must not exist.
 *
 * @throws {InputError} KEY_INVALID when the file is there already or can't be written.
 */
export async function writeNewKeyFile(path: string, engine?: CryptoEngine): Promise<StoredKey> {
  const key = generateKey();
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(path, formatNsec(key) + "\n", { createNew: true, mode: 0o600 });
    return { signer: new PrivateKeySigner(key, { engine }), source: path, created: true };
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw keyError(path, "it exists already, and a key is never overwritten", error);
    }
    throw keyError(path, textOf(error), error);
  } finally {
    key.fill(0);
  }
}

/** Makes the file in one step: of two programs that come at the same time, both get the key of the first. */
async function createKeyFile(path: string, engine?: CryptoEngine): Promise<StoredKey> {
  const draft = `${path}.${crypto.randomUUID()}`;
  const stored = await writeNewKeyFile(draft, engine);
  try {
    await Deno.link(draft, path);
    return { ...stored, source: path };
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw keyError(path, textOf(error), error);
    const winner = await readKeyFile(path, engine);
    if (winner === undefined) throw keyError(path, "it vanished while it was read", error);
    return winner;
  } finally {
    await Deno.remove(draft);
  }
}

function signerOf(
  text: string,
  { where, engine }: { readonly where: string; readonly engine?: CryptoEngine },
): PrivateKeySigner {
  const key = parseAt(text, where);
  try {
    return new PrivateKeySigner(key, { engine });
  } finally {
    key.fill(0);
  }
}

function parseAt(text: string, where: string): Uint8Array {
  try {
    return parsePrivateKey(text);
  } catch (error) {
    throw new InputError("KEY_INVALID", `${where}: ${textOf(error)}`, { cause: error });
  }
}

function keyError(path: string, what: string, cause?: unknown): InputError {
  return new InputError("KEY_INVALID", `the key file ${path} can't be used: ${what}`, { cause });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
