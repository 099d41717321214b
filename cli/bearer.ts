/**
 * Bearer tokens: from a file or the environment, never from the command line.
 *
 * @module
 */
import { InputError } from "../errors.ts";
import type { Environment } from "./io.ts";

/** A longer file holds something else than a token, bytes. */
const MAX_FILE_BYTES = 4096;

/** Where a token may stand. */
export interface BearerSources {
  /** The file that the user named. */
  readonly file: string | undefined;
  /** The variable that may hold one. */
  readonly variable: string;
  /** The environment. */
  readonly env: Environment;
}

/**
 * The token of the file, else of the variable.
 *
 * @returns `undefined` when there is none.
 * @throws {InputError} CONFIG_INVALID when the file can't be read, or what stands there is no token.
 */
export async function readBearer(
  { file, variable, env }: BearerSources,
): Promise<string | undefined> {
  const where = file === undefined ? variable : `the file ${file}`;
  const text = file === undefined ? env.get(variable) : await readFile(file);
  // A variable that is set to nothing is one that is not set; a file without a token is a mistake.
  if (text === undefined || (file === undefined && text === "")) return undefined;
  const token = text.trim();
  if (!/^[\w.~+/-]+=*$/.test(token)) {
    throw new InputError(
      "CONFIG_INVALID",
      `${where} holds no bearer token: letters, digits and -._~+/ only`,
    );
  }
  return token;
}

async function readFile(path: string): Promise<string> {
  try {
    if ((await Deno.stat(path)).size > MAX_FILE_BYTES) throw new Error("it is too long");
    return await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError("CONFIG_INVALID", `the file ${path} can't be read: ${reason}`, { cause });
  }
}
