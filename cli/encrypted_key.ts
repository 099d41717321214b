/**
 * Private keys under a password (NIP-49), and where the password comes from.
 *
 * @module
 */
import { InputError } from "../errors.ts";
import type { CliIo } from "./io.ts";
import { PASSWORD_VARIABLE } from "./secret_variables.ts";

/** A longer file holds something else than a password, bytes. */
const MAX_PASSWORD_FILE_BYTES = 4_096;

/** Where a password comes from. */
export interface PasswordSources {
  /** The environment, and the person at the terminal. */
  readonly io: CliIo;
  /** The file that holds it. */
  readonly passwordFile?: string;
  /** What it is for: `the key file …`. */
  readonly what: string;
  /** Whether it is a new one: a person has to type it twice. */
  readonly isNew?: boolean;
}

/** Whether a text is an encrypted private key. */
export function isEncryptedKey(text: string): boolean {
  return /^ncryptsec1[02-9ac-hj-np-z]+$/i.test(text.trim());
}

/**
 * Encrypts a private key.
 *
 * @param key 32 bytes.
 * @param sources Where the password comes from.
 * @returns The `ncryptsec`.
 * @throws {InputError} KEY_INVALID when there is no password.
 */
export async function encryptKey(key: Uint8Array, sources: PasswordSources): Promise<string> {
  const password = await readPassword({ ...sources, isNew: true });
  const { encrypt } = await import("@nostr/tools/nip49");
  return encrypt(key, password);
}

/**
 * Decrypts a private key.
 *
 * @param text The `ncryptsec`.
 * @param sources Where the password comes from.
 * @returns 32 bytes.
 * @throws {InputError} KEY_INVALID when there is no password, it is wrong, or the text is no such key.
 */
export async function decryptKey(text: string, sources: PasswordSources): Promise<Uint8Array> {
  const password = await readPassword(sources);
  const { decrypt } = await import("@nostr/tools/nip49");
  try {
    return decrypt(text.trim().toLowerCase(), password);
  } catch (cause) {
    const reason = /tag/i.test(String(cause))
      ? "the password is wrong"
      : "it is damaged, or was made in a way that is not known here";
    throw new InputError("KEY_INVALID", `${sources.what} can't be decrypted: ${reason}`, { cause });
  }
}

async function readPassword(sources: PasswordSources): Promise<string> {
  const { io, passwordFile, what } = sources;
  const password = passwordFile !== undefined
    ? await readPasswordFile(passwordFile)
    : io.env.get(PASSWORD_VARIABLE) || await ask(sources);
  if (password !== "") return password;
  throw new InputError("KEY_INVALID", `the password of ${what} is empty`);
}

async function ask({ io, what, isNew = false }: PasswordSources): Promise<string> {
  if (io.promptSecret === undefined) {
    throw new InputError(
      "KEY_INVALID",
      `${what} needs a password: put it into ${PASSWORD_VARIABLE}, name a file with --password-file, or run this in a terminal`,
    );
  }
  const password = await io.promptSecret(`${isNew ? "New password" : "Password"} of ${what}: `);
  if (!isNew || await io.promptSecret("The same again: ") === password) return password;
  throw new InputError("KEY_INVALID", "the two passwords differ");
}

async function readPasswordFile(path: string): Promise<string> {
  try {
    if ((await Deno.stat(path)).size > MAX_PASSWORD_FILE_BYTES) throw new Error("it is too long");
    return (await Deno.readTextFile(path)).replace(/\r?\n$/, "");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError("KEY_INVALID", `the password file ${path} can't be read: ${reason}`, {
      cause,
    });
  }
}
