/**
 * JSON that people write, with comments and trailing commas, read so that each
 * complaint names the file, the line and the column.
 *
 * @module
 */
import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { InputError } from "../errors.ts";
import { didYouMean } from "./did_you_mean.ts";
import { sanitizeLine } from "./sanitize.ts";
import { readSmallFile } from "./text_file.ts";

/** A larger file is nobody's configuration, bytes. */
const MAX_BYTES = 1_048_576;

/** The text of a JSON file, parsed, with where everything stands in it. */
export class JsonText {
  /** The file. */
  readonly file: string;
  /** What the text says. */
  readonly root: Node;
  readonly #text: string;

  /**
   * @param text The text.
   * @param file The file's path, for messages.
   * @throws {InputError} CONFIG_INVALID when it is no JSON; the message says where.
   */
  constructor(text: string, file: string) {
    this.file = file;
    this.#text = text.startsWith("\ufeff") ? text.slice(1) : text;
    const errors: ParseError[] = [];
    let root: Node | undefined;
    try {
      root = parseTree(this.#text, errors, { allowTrailingComma: true });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // the parser recurses
      throw this.error(0, "it is nested too deeply", error);
    }
    const [first] = errors;
    if (first !== undefined) throw this.error(first.offset, describeError(first));
    if (root === undefined) throw this.error(0, "it must hold one JSON object");
    this.root = root;
  }

  /** Where something stands: `FILE:LINE:COLUMN`. */
  place(offset: number): string {
    const before = this.#text.slice(0, offset).split("\n");
    return `${this.file}:${before.length}:${(before.at(-1) ?? "").length + 1}`;
  }

  /** An error that says where. */
  error(offset: number, what: string, cause?: unknown): InputError {
    return new InputError("CONFIG_INVALID", `${this.place(offset)}: ${what}`, { cause });
  }
}

/** A value in a JSON file, with where it stands. */
export class JsonValue {
  readonly #text: JsonText;
  readonly #node: Node;
  readonly #path: string;

  /**
   * @param text The text that it stands in.
   * @param at Where.
   */
  constructor(text: JsonText, at: { readonly node: Node; readonly path: string }) {
    this.#text = text;
    this.#node = at.node;
    this.#path = at.path;
  }

  /** The file. */
  get file(): string {
    return this.#text.file;
  }

  /** What the file calls it, such as `mcpServers.files.args[0]`. */
  get path(): string {
    return this.#path;
  }

  /** Whether it is an object. */
  get isObject(): boolean {
    return this.#node.type === "object";
  }

  /** An error that says where the value stands. */
  error(what: string): InputError {
    const where = this.#path === "" ? "" : `${sanitizeLine(this.#path)} `;
    return this.#text.error(this.#node.offset, `${where}${what}`);
  }

  /**
   * The fields of an object, in the order of the file.
   *
   * @throws {InputError} CONFIG_INVALID when it is no object, or a name stands there twice.
   */
  fields(): ReadonlyMap<string, JsonValue> {
    if (!this.isObject) throw this.error("must be an object");
    const fields = new Map<string, JsonValue>();
    for (const { children: [name, value] = [] } of this.#node.children ?? []) {
      if (name === undefined || value === undefined) continue; // was reported when it was parsed
      const key: string = name.value;
      const field = this.#child(value, this.#path === "" ? key : `${this.#path}.${key}`);
      if (fields.has(key)) throw field.error("stands there twice");
      fields.set(key, field);
    }
    return fields;
  }

  /**
   * The fields of an object that has no others than the known ones.
   *
   * @throws {InputError} CONFIG_INVALID when it is no object or has a field that is unknown.
   */
  knownFields(known: readonly string[]): ReadonlyMap<string, JsonValue> {
    const fields = this.fields();
    for (const [name, field] of fields) {
      if (known.includes(name)) continue;
      throw field.error(`is unknown${didYouMean(name, known)}`);
    }
    return fields;
  }

  /** @throws {InputError} CONFIG_INVALID when it is no list. */
  items(): readonly JsonValue[] {
    if (this.#node.type !== "array") throw this.error("must be a list");
    return (this.#node.children ?? []).map((item, index) =>
      this.#child(item, `${this.#path}[${index}]`)
    );
  }

  /** @throws {InputError} CONFIG_INVALID when it is no text. */
  text(): string {
    if (this.#node.type !== "string") throw this.error("must be a text");
    return this.#node.value;
  }

  /** @throws {InputError} CONFIG_INVALID when it is neither `true` nor `false`. */
  flag(): boolean {
    if (this.#node.type !== "boolean") throw this.error("must be true or false");
    return this.#node.value;
  }

  /** The value as plain JSON. */
  plain(): unknown {
    const { type, value } = this.#node;
    if (type === "array") return this.items().map((item) => item.plain());
    if (type !== "object") return value;
    return Object.fromEntries([...this.fields()].map(([name, field]) => [name, field.plain()]));
  }

  #child(node: Node, path: string): JsonValue {
    return new JsonValue(this.#text, { node, path });
  }
}

/**
 * Reads JSON, with comments and trailing commas.
 *
 * @param text The text.
 * @param file The file's path, for messages.
 * @throws {InputError} CONFIG_INVALID when it is no JSON; the message says where.
 */
export function parseJson(text: string, file: string): JsonValue {
  const json = new JsonText(text, file);
  return new JsonValue(json, { node: json.root, path: "" });
}

/**
 * Reads a JSON file.
 *
 * @throws {InputError} CONFIG_INVALID when it can't be read or is no JSON.
 */
export async function readJsonFile(file: string): Promise<JsonValue> {
  let text: string;
  try {
    text = await readSmallFile(file, { maxBytes: MAX_BYTES });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError("CONFIG_INVALID", `the file ${file} can't be read: ${reason}`, { cause });
  }
  return parseJson(text, file);
}

function describeError({ error }: ParseError): string {
  const words = printParseErrorCode(error).replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return `this is not JSON: ${words}`;
}
