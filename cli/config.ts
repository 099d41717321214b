/**
 * The user's configuration file: aliases of servers, and relays.
 *
 * @module
 */
import { CvmError, InputError } from "../errors.ts";
import { parseServerAddress } from "../crypto/keys.ts";
import { normalizeRelayUrl } from "../transport/relay/url.ts";
import type { Environment } from "./io.ts";
import { configFile } from "./paths.ts";

/** A larger file is nobody's configuration, bytes. */
const MAX_BYTES = 1_048_576;

/** What the configuration file says. */
export interface Config {
  /** The file that was read, or would have been; absent when there is no folder for one. */
  readonly file: string | undefined;
  /** Addresses of servers, by alias. */
  readonly aliases: ReadonlyMap<string, string>;
  /** The relays to use when the command line names none; `undefined` when the file names none. */
  readonly relays: readonly string[] | undefined;
}

/**
 * Reads the configuration file. A missing file is an empty one.
 *
 * @throws {InputError} CONFIG_INVALID when the file can't be read, is no JSON, or says something that is not understood.
 */
export async function loadConfig(env: Environment): Promise<Config> {
  const file = configFile(env);
  if (file === undefined) return { file, aliases: new Map(), relays: undefined };
  let text: string;
  try {
    const { size } = await Deno.stat(file);
    if (size > MAX_BYTES) throw broken(file, `it is larger than ${MAX_BYTES} bytes`);
    text = await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { file, aliases: new Map(), relays: undefined };
    }
    if (error instanceof CvmError) throw error;
    throw broken(file, `it can't be read: ${textOf(error)}`, error);
  }
  return parseConfig(text, file);
}

/**
 * Reads a configuration.
 *
 * @param text The file's text.
 * @param file The file's path, for messages.
 * @throws {InputError} CONFIG_INVALID when it is no JSON, or says something that is not understood.
 */
export function parseConfig(text: string, file: string): Config {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken(file, `it is not JSON: ${textOf(error)}`, error);
  }
  if (!isObject(value)) throw broken(file, "it must hold one JSON object");
  const unknown = Object.keys(value).find((key) => key !== "aliases" && key !== "relays");
  if (unknown !== undefined) {
    throw broken(
      file,
      `the key ${JSON.stringify(unknown)} is unknown; there are "aliases" and "relays"`,
    );
  }
  return {
    file,
    aliases: readAliases(value.aliases, file),
    relays: readRelays(value.relays, file),
  };
}

function readAliases(value: unknown, file: string): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  if (!isObject(value)) throw broken(file, `"aliases" must be an object of names and addresses`);
  const aliases = new Map<string, string>();
  for (const [name, address] of Object.entries(value)) {
    const where = `the alias ${JSON.stringify(name)}`;
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) {
      throw broken(file, `${where} may only have letters, digits, "_", "." and "-"`);
    }
    if (/^([0-9a-f]{64}|(npub|nprofile|naddr|nsec)1.*)$/i.test(name)) {
      throw broken(file, `${where} looks like a key or an address`);
    }
    if (typeof address !== "string") throw broken(file, `${where} must be a text`);
    // A name of NIP-05 is looked up when it is used.
    if (!address.includes("@")) {
      try {
        parseServerAddress(address);
      } catch (error) {
        throw broken(file, `${where}: ${textOf(error)}`, error);
      }
    }
    aliases.set(name, address);
  }
  return aliases;
}

function readRelays(value: unknown, file: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw broken(file, `"relays" must be a list of URLs`);
  return value.map((url: unknown) => {
    if (typeof url !== "string") throw broken(file, `"relays" must be a list of URLs`);
    try {
      return normalizeRelayUrl(url);
    } catch (error) {
      throw broken(file, `"relays": ${textOf(error)}`, error);
    }
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function broken(file: string, what: string, cause?: unknown): InputError {
  return new InputError("CONFIG_INVALID", `the configuration file ${file} can't be used: ${what}`, {
    cause,
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
