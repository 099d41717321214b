/**
 * One configuration file: JSON with comments, read strictly, with the place of
 * everything in it.
 *
 * @module
 */
import type { Node } from "jsonc-parser";
import { parseServerAddress } from "../crypto/keys.ts";
import { InputError } from "../errors.ts";
import { normalizeRelayUrl } from "../transport/relay/url.ts";
import { problemOfValue } from "./check_value.ts";
import { expandConfigVariables } from "./config_variables.ts";
import type { Environment } from "./io.ts";
import type { JsonText } from "./json_document.ts";
import type { KnownOption } from "./known_commands.ts";
import {
  keyOf,
  type SettingNames,
  settingNames,
  type SettingValue,
  wordsOf,
} from "./setting_names.ts";
import { didYouMean } from "./did_you_mean.ts";
import { readSmallFile } from "./text_file.ts";

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
    text = await readSmallFile(file, { maxBytes: MAX_BYTES });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw unusable(file, textOf(error), error);
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
  // Where there is no configuration, no parser is loaded.
  const { JsonText } = await import("./json_document.ts");
  return new Reader(new JsonText(text, options.file), options).read();
}

/** Reads the tree of one file. */
class Reader {
  readonly #json: JsonText;
  readonly #options: ConfigFileOptions;
  readonly #settings = new Map<string, ConfigEntry<SettingValue>>();
  #knownNames: SettingNames | undefined;

  constructor(json: JsonText, options: ConfigFileOptions) {
    this.#json = json;
    this.#options = options;
  }

  /** Costly, and of no use for a file of aliases and relays alone. */
  get #names(): SettingNames {
    return this.#knownNames ??= settingNames();
  }

  read(): ConfigFile {
    const { file, layer } = this.#options;
    let aliases: ConfigFile["aliases"] = new Map();
    let relays: ConfigFile["relays"];
    for (const property of this.#properties(this.#json.root, "the file")) {
      const [key, value] = property;
      if (key === "aliases") aliases = this.#aliases(value);
      else if (key === "relays") relays = this.#relays(value);
      else if (key === "$schema") this.#string(value, '"$schema"');
      else this.#readSettings(property);
    }
    return { file, layer, exists: true, aliases, relays, settings: this.#settings };
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
      throw this.#json.error(at, unknownKey(key, known));
    }
  }

  #section(name: string, node: Node, options: ReadonlyMap<string, KnownOption>): void {
    for (const [key, value, at] of this.#properties(node, `"${name}"`)) {
      const option = options.get(key);
      if (option === undefined) {
        throw this.#json.error(at, `in "${name}": ${unknownKey(key, [...options.keys()])}`);
      }
      this.#settings.set(`${name}.${key}`, this.#setting(value, option, name));
    }
  }

  #setting(node: Node, option: KnownOption, section?: string): ConfigEntry<SettingValue> {
    const entry = this.#typed(node, option);
    const problem = problemOfValue(option, wordsOf(option, entry.value), section);
    if (problem !== undefined) {
      throw this.#json.error(node.offset, `"${keyOf(option)}": ${problem}`);
    }
    return entry;
  }

  /** A value of the JSON type that its option takes. */
  #typed(node: Node, option: KnownOption): ConfigEntry<SettingValue> {
    const at = this.#json.place(node.offset);
    const name = `"${keyOf(option)}"`;
    if (option.metavar === undefined) {
      if (typeof node.value !== "boolean") {
        throw this.#json.error(node.offset, `${name} must be true or false`);
      }
      return { value: node.value, written: node.value, at };
    }
    if (option.isList) return this.#strings(node, name);
    if (typeof node.value === "number") return { value: node.value, written: node.value, at };
    if (node.type === "string") return this.#string(node, name);
    throw this.#json.error(node.offset, `${name} must be a text or a number`);
  }

  #aliases(node: Node): ConfigFile["aliases"] {
    const aliases = new Map<string, ConfigEntry<string>>();
    for (const [name, value, at] of this.#properties(node, '"aliases"')) {
      const what = `the alias ${JSON.stringify(name)}`;
      if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) {
        throw this.#json.error(at, `${what} may only have letters, digits, "_", "." and "-"`);
      }
      if (/^([0-9a-f]{64}|(npub|nprofile|naddr|nsec)1.*)$/i.test(name)) {
        throw this.#json.error(at, `${what} looks like a key or an address`);
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
    if (node.type !== "array") {
      throw this.#json.error(node.offset, '"relays" must be a list of URLs');
    }
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
      at: this.#json.place(node.offset),
    };
  }

  #string(node: Node, what: string): ConfigEntry<string> {
    const written: unknown = node.value;
    if (typeof written !== "string") throw this.#json.error(node.offset, `${what} must be a text`);
    const { env, layer } = this.#options;
    const value = this.#check(
      node,
      what,
      () => expandConfigVariables(written, { env, isTrusted: layer !== "project file" }),
    );
    return { value, written, at: this.#json.place(node.offset) };
  }

  /** The properties of an object: name, value, and where the name stands. */
  #properties(node: Node, what: string): readonly (readonly [string, Node, number])[] {
    if (node.type !== "object") {
      throw this.#json.error(node.offset, `${what} must be a JSON object`);
    }
    const seen = new Set<string>();
    return (node.children ?? []).flatMap(({ children: [name, value] = [] }) => {
      if (name === undefined || value === undefined) return [];
      const key = String(name.value);
      if (seen.has(key)) {
        throw this.#json.error(name.offset, `${JSON.stringify(key)} is there twice`);
      }
      seen.add(key);
      return [[key, value, name.offset] as const];
    });
  }

  #check<T>(node: Node, what: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#json.error(node.offset, `${what}: ${textOf(error)}`, error);
    }
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
