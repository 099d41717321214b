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
import type { Signer } from "../crypto/signer.ts";
import { CvmError, InputError } from "../errors.ts";
import { decryptKey, isEncryptedKey } from "./encrypted_key.ts";
import type { CliIo } from "./io.ts";
import { KEY_VARIABLE } from "./secret_variables.ts";

/** A longer file holds something else than a key, bytes. */
const MAX_KEY_FILE_BYTES = 4096;

/** A signer whose public key is known. */
export interface KeySigner extends Signer {
  /** The public key, 64 lower-case hex digits. */
  readonly pubkey: string;
}

/** A signer, and where its key came from. */
export interface StoredKey {
  /** Signs with the key. */
  readonly signer: KeySigner;
  /** Where the key came from, for people: a path or the name of a variable. */
  readonly source: string;
  /** Whether the key has just been made. */
  readonly created: boolean;
  /** What the user should know about the file, such as that others can read it. */
  readonly warning?: string;
}

/** Where to look for a key. */
export interface KeySources {
  /** The file that the user named. */
  readonly file?: string;
  /** The file where the key is kept when nothing else names one; asked only then. */
  readonly defaultFile: () => string | Promise<string>;
  /** The environment, and the person at the terminal. */
  readonly io: CliIo;
  /** The file of the password of an encrypted key. */
  readonly passwordFile?: string;
  /** How long to wait for a relay of a bunker, in milliseconds. */
  readonly connectTimeoutMs?: number;
  /** How long to wait for an answer of a bunker, in milliseconds. Default: as the environment says, else a minute. */
  readonly bunkerTimeoutMs?: number;
}

/** What a key file or a variable holds. */
export interface KeyText {
  /** A private key (nsec, hex or ncryptsec), or a bunker's address. */
  readonly text: string;
  /** Where it was found, for people. */
  readonly source: string;
  /** What the user should know about the file. */
  readonly warning?: string;
}

/**
 * The key to work with: from the file that the user named, else from
 * `CVM_PRIVATE_KEY`, else from the default file. A file that is not there is
 * made, with a new key in it.
 *
 * @throws {InputError} KEY_INVALID when what is there is no private key, or the file can't be read or written; CONFIG_INVALID when there is no folder to keep it in.
 * @throws {CvmError} When a bunker can't be reached or says no.
 */
export async function loadOrCreateKey(sources: KeySources): Promise<StoredKey> {
  return await loadKey(sources) ?? await createKeyFile(sources);
}

/**
 * The same as {@linkcode loadOrCreateKey}, but makes none.
 *
 * @returns The key; `undefined` when there is none.
 */
export async function loadKey(sources: KeySources): Promise<StoredKey | undefined> {
  const found = await findKeyText(sources);
  if (found === undefined) return undefined;
  const { source, warning } = found;
  const signer = isBunker(found)
    ? await (await import("./bunker_key.ts")).openBunker(found.text, sources)
    : signerOf(await privateKeyOf(found, sources), sources.io.engine);
  return { signer, source, created: false, ...(warning ? { warning } : {}) };
}

/** Whether a key is in a bunker, and its address is all that there is. */
export function isBunker({ text }: KeyText): boolean {
  return /^\s*bunker:\/\//i.test(text);
}

/** What the file that the user named, `CVM_PRIVATE_KEY` or the default file holds. */
export async function findKeyText(
  { file, defaultFile, io }: Pick<KeySources, "file" | "defaultFile" | "io">,
): Promise<KeyText | undefined> {
  const variable = io.env.get(KEY_VARIABLE);
  if (file !== undefined || variable === undefined || variable === "") {
    return await readKeyFile(file ?? await defaultFile());
  }
  return { text: variable, source: KEY_VARIABLE };
}

/**
 * The private key that a text holds.
 *
 * @returns 32 bytes.
 * @throws {InputError} KEY_INVALID when it holds none, as the address of a bunker does, or its password is wrong.
 */
export async function privateKeyOf(
  key: KeyText,
  options: Pick<KeySources, "io" | "passwordFile">,
): Promise<Uint8Array> {
  const { text, source } = key;
  const what = source === KEY_VARIABLE ? source : `the key file ${source}`;
  if (isBunker(key)) {
    throw new InputError("KEY_INVALID", `${what}: the private key is in a bunker, and stays there`);
  }
  if (isEncryptedKey(text)) return await decryptKey(text, { ...options, what });
  try {
    return parsePrivateKey(text);
  } catch (cause) {
    throw new InputError("KEY_INVALID", `${what}: ${textOf(cause)}`, { cause });
  }
}

/**
 * Reads a key file.
 *
 * @returns What it holds; `undefined` when there is no such file.
 * @throws {InputError} KEY_INVALID when it can't be read.
 */
export async function readKeyFile(path: string): Promise<KeyText | undefined> {
  try {
    const { isFile, size, mode } = await Deno.stat(path);
    if (!isFile) throw keyError(path, "it is not a file");
    if (size > MAX_KEY_FILE_BYTES) throw keyError(path, "it is too long for a key");
    const text = await Deno.readTextFile(path);
    if (mode === null || (mode & 0o077) === 0) return { text, source: path };
    const warning = `others can read the key file ${path}; run: chmod 600 ${path}`;
    return { text, source: path, warning };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof CvmError) throw error;
    throw keyError(path, textOf(error), error);
  }
}

/**
 * Writes a key to a file of mode 0600 that must not exist.
 *
 * @throws {InputError} KEY_INVALID when the file is there already or can't be written.
 */
export async function writeNewKeyFile(path: string, text: string): Promise<void> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(path, text.trim() + "\n", { createNew: true, mode: 0o600 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw keyError(path, "it exists already, and a key is never overwritten", error);
    }
    throw keyError(path, textOf(error), error);
  }
}

/**
 * Puts the same key in another form in the place of a key file, in one step.
 *
 * @throws {InputError} KEY_INVALID when it can't be written; the file is then as it was.
 */
export async function replaceKeyFile(path: string, text: string): Promise<void> {
  const target = await Deno.realPath(path);
  const draft = `${target}.${crypto.randomUUID()}`;
  await writeNewKeyFile(draft, text);
  try {
    await Deno.rename(draft, target);
  } catch (error) {
    await Deno.remove(draft);
    throw keyError(path, textOf(error), error);
  }
}

/** Makes the file in one step: of two programs that come at the same time, both get the key of the first. */
async function createKeyFile(sources: KeySources): Promise<StoredKey> {
  const path = sources.file ?? await sources.defaultFile();
  const key = generateKey();
  const draft = `${path}.${crypto.randomUUID()}`;
  await writeNewKeyFile(draft, formatNsec(key));
  try {
    await Deno.link(draft, path);
    return { signer: signerOf(key, sources.io.engine), source: path, created: true };
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw keyError(path, textOf(error), error);
    const winner = await loadKey({ ...sources, file: path });
    if (winner === undefined) throw keyError(path, "it vanished while it was read", error);
    return winner;
  } finally {
    await Deno.remove(draft);
  }
}

function signerOf(key: Uint8Array, engine?: CryptoEngine): PrivateKeySigner {
  try {
    return new PrivateKeySigner(key, { engine });
  } finally {
    key.fill(0);
  }
}

function keyError(path: string, what: string, cause?: unknown): InputError {
  return new InputError("KEY_INVALID", `the key file ${path} can't be used: ${what}`, { cause });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
