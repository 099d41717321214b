/**
 * One configuration file: JSON with comments, read strictly, with the place of
 * everything in it.
 *
 * @module
 */
import type { Node } from "jsonc-parser";
import { parseServerAddress } from "../crypto/keys.ts";
import { CvmError, InputError } from "../errors.ts";
import { normalizeRelayUrl } from "../transport/relay/url.ts";
import { problemOfValue } from "./check_value.ts";
import { expandVariables } from "./expand_variables.ts";
import type { Environment } from "./io.ts";
import type { KnownOption } from "./known_commands.ts";
import {
  keyOf,
  type SettingNames,
  settingNames,
  type SettingValue,
  wordsOf,
} from "./setting_names.ts";
import { didYouMean } from "./did_you_mean.ts";

/** A larger file is nobody's configuration, bytes. */
const MAX_BYTES = 1_048_576;

/** Whose file it is. A project's may come from a stranger. */
export type ConfigLayer = "project file" | "user file" | "named file";

/** A value of a configuration file. */
export interface ConfigEntry<T> {
  /** What the file says, variables expanded. */
  readonly value: T;
  /** What the file says as it stands there: what came from a variable is not in it. */
  readonly written: T;
  /** Where it stands: `FILE:LINE:COLUMN`. */
  readonly at: string;
}

/** What a configuration file says. */
export interface ConfigFile {
  /** Its path. */
  readonly file: string;
  /** Whose file it is. */
  readonly layer: ConfigLayer;
  /** Whether it is there. */
  readonly exists: boolean;
  /** Addresses of servers, by alias. */
  readonly aliases: ReadonlyMap<string, ConfigEntry<string>>;
  /** The relays to use where nothing names better ones. */
  readonly relays?: ConfigEntry<readonly string[]>;
  /** Settings: `timeout` for all commands, `proxy.http` for one. */
  readonly settings: ReadonlyMap<string, ConfigEntry<SettingValue>>;
}

/** Which file is read. */
export interface ConfigFileOptions {
  /** Its path, for messages. */
  readonly file: string;
  /** Whose file it is. */
  readonly layer: ConfigLayer;
  /** Where `${NAME}` comes from. */
  readonly env: Environment;
}

/**
 * Reads a configuration file.
 *
 * @returns What it says; that it says nothing when it is not there and nobody named it.
 * @throws {InputError} CONFIG_INVALID when it can't be read, is named and not there, or says something that is not understood.
 */
export async function readConfigFile(options: ConfigFileOptions): Promise<ConfigFile> {
  const { file, layer } = options;
  let text: string;
  try {
    const { size, isFile } = await Deno.stat(file);
    if (!isFile) throw unusable(file, "it is not a file");
    if (size > MAX_BYTES) throw unusable(file, `it is larger than ${MAX_BYTES} bytes`);
    text = await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof CvmError) throw error;
    if (!(error instanceof Deno.errors.NotFound)) {
      throw unusable(file, `it can't be read: ${textOf(error)}`, error);
    }
    if (layer === "named file") throw unusable(file, "there is no such file", error);
    return { file, layer, exists: false, aliases: new Map(), settings: new Map() };
  }
  return await parseConfigFile(text, options);
}

/**
 * Reads the text of a configuration file.
 *
 * @throws {InputError} CONFIG_INVALID, with line and column, when it says something that is not understood.
 */
export async function parseConfigFile(
  text: string,
  options: ConfigFileOptions,
): Promise<ConfigFile> {
  const { parseTree, printParseErrorCode } = await import("jsonc-parser");
  const reader = new Reader(text, options);
  const errors: { error: number; offset: number; length: number }[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(text, errors, { allowTrailingComma: true });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the parser recurses
    throw reader.error(0, "it is nested too deeply", error);
  }
  const [first] = errors;
  if (first !== undefined) {
    const what = printParseErrorCode(first.error).replace(/(?<=[a-z])(?=[A-Z])/g, " ");
    throw reader.error(first.offset, `this is not JSON: ${what.toLowerCase()}`);
  }
  if (root === undefined) throw reader.error(0, "it must hold one JSON object");
  return reader.read(root);
}

/** Reads the tree of one file. */
class Reader {
  readonly #text: string;
  readonly #options: ConfigFileOptions;
  readonly #settings = new Map<string, ConfigEntry<SettingValue>>();
  #knownNames: SettingNames | undefined;

  constructor(text: string, options: ConfigFileOptions) {
    this.#text = text;
    this.#options = options;
  }

  /** Costly, and of no use for a file of aliases and relays alone. */
  get #names(): SettingNames {
    return this.#knownNames ??= settingNames();
  }

  read(root: Node): ConfigFile {
    const { file, layer } = this.#options;
    let aliases: ConfigFile["aliases"] = new Map();
    let relays: ConfigFile["relays"];
    for (const property of this.#properties(root, "the file")) {
      const [key, value] = property;
      if (key === "aliases") aliases = this.#aliases(value);
      else if (key === "relays") relays = this.#relays(value);
      else if (key === "$schema") this.#string(value, '"$schema"');
      else this.#readSettings(property);
    }
    return { file, layer, exists: true, aliases, relays, settings: this.#settings };
  }

  /** An error that says where. */
  error(offset: number, what: string, cause?: unknown): InputError {
    return new InputError("CONFIG_INVALID", `${this.#place(offset)}: ${what}`, { cause });
  }

  /** One setting that commands share, or all of one command. */
  #readSettings([key, value, at]: readonly [string, Node, number]): void {
    const { shared, sections } = this.#names;
    const option = shared.get(key);
    const section = sections.get(key);
    if (option !== undefined) this.#settings.set(key, this.#setting(value, option));
    else if (section !== undefined) this.#section(key, value, section);
    else {
      const known = ["aliases", "relays", ...shared.keys(), ...sections.keys()];
      throw this.error(at, unknownKey(key, known));
    }
  }

  #section(name: string, node: Node, options: ReadonlyMap<string, KnownOption>): void {
    for (const [key, value, at] of this.#properties(node, `"${name}"`)) {
      const option = options.get(key);
      if (option === undefined) {
        throw this.error(at, `in "${name}": ${unknownKey(key, [...options.keys()])}`);
      }
      this.#settings.set(`${name}.${key}`, this.#setting(value, option, name));
    }
  }

  #setting(node: Node, option: KnownOption, section?: string): ConfigEntry<SettingValue> {
    const entry = this.#typed(node, option);
    const problem = problemOfValue(option, wordsOf(option, entry.value), section);
    if (problem !== undefined) throw this.error(node.offset, `"${keyOf(option)}": ${problem}`);
    return entry;
  }

  /** A value of the JSON type that its option takes. */
  #typed(node: Node, option: KnownOption): ConfigEntry<SettingValue> {
    const at = this.#place(node.offset);
    const name = `"${keyOf(option)}"`;
    if (option.metavar === undefined) {
      if (typeof node.value !== "boolean") {
        throw this.error(node.offset, `${name} must be true or false`);
      }
      return { value: node.value, written: node.value, at };
    }
    if (option.isList) return this.#strings(node, name);
    if (typeof node.value === "number") return { value: node.value, written: node.value, at };
    if (node.type === "string") return this.#string(node, name);
    throw this.error(node.offset, `${name} must be a text or a number`);
  }

  #aliases(node: Node): ConfigFile["aliases"] {
    const aliases = new Map<string, ConfigEntry<string>>();
    for (const [name, value, at] of this.#properties(node, '"aliases"')) {
      const what = `the alias ${JSON.stringify(name)}`;
      if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) {
        throw this.error(at, `${what} may only have letters, digits, "_", "." and "-"`);
      }
      if (/^([0-9a-f]{64}|(npub|nprofile|naddr|nsec)1.*)$/i.test(name)) {
        throw this.error(at, `${what} looks like a key or an address`);
      }
      const entry = this.#string(value, what);
      // A name of NIP-05 is looked up when it is used.
      if (!entry.value.includes("@")) {
        this.#check(value, what, () => parseServerAddress(entry.value));
      }
      aliases.set(name, entry);
    }
    return aliases;
  }

  #relays(node: Node): ConfigEntry<readonly string[]> {
    if (node.type !== "array") throw this.error(node.offset, '"relays" must be a list of URLs');
    const entry = this.#strings(node, '"relays"');
    const value = entry.value.map((url, index) =>
      this.#check(node.children?.[index] ?? node, '"relays"', () => normalizeRelayUrl(url))
    );
    return { ...entry, value };
  }

  #strings(node: Node, what: string): ConfigEntry<readonly string[]> {
    const items = node.type === "array" ? node.children ?? [] : [node];
    const entries = items.map((item) => this.#string(item, what));
    return {
      value: entries.map(({ value }) => value),
      written: entries.map(({ written }) => written),
      at: this.#place(node.offset),
    };
  }

  #string(node: Node, what: string): ConfigEntry<string> {
    const written: unknown = node.value;
    if (typeof written !== "string") throw this.error(node.offset, `${what} must be a text`);
    const { env, layer } = this.#options;
    const value = this.#check(
      node,
      what,
      () => expandVariables(written, { env, isTrusted: layer !== "project file" }),
    );
    return { value, written, at: this.#place(node.offset) };
  }

  /** The properties of an object: name, value, and where the name stands. */
  #properties(node: Node, what: string): readonly (readonly [string, Node, number])[] {
    if (node.type !== "object") throw this.error(node.offset, `${what} must be a JSON object`);
    const seen = new Set<string>();
    return (node.children ?? []).flatMap(({ children: [name, value] = [] }) => {
      if (name === undefined || value === undefined) return [];
      const key = String(name.value);
      if (seen.has(key)) throw this.error(name.offset, `${JSON.stringify(key)} is there twice`);
      seen.add(key);
      return [[key, value, name.offset] as const];
    });
  }

  #check<T>(node: Node, what: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.error(node.offset, `${what}: ${textOf(error)}`, error);
    }
  }

  #place(offset: number): string {
    const before = this.#text.slice(0, offset).split("\n");
    return `${this.#options.file}:${before.length}:${(before.at(-1) ?? "").length + 1}`;
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  return `the key ${JSON.stringify(key)} is unknown${
    didYouMean(key, known, { otherwise: "list" })
  }`;
}

function unusable(file: string, what: string, cause?: unknown): InputError {
  return new InputError("CONFIG_INVALID", `the configuration file ${file} can't be used: ${what}`, {
    cause,
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
