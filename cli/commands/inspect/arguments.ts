/**
 * Arguments of a call, from words on the command line, by the tool's JSON
 * Schema: `007` stays text where text is wanted (faults F31).
 *
 * @module
 */
import { UsageError } from "../../exit_codes.ts";

type Schema = Readonly<Record<string, unknown>>;

/**
 * Reads `key=value` and `key:=JSON`.
 *
 * @param words What stands on the command line.
 * @param json One JSON object, to which the words are added.
 * @param schema The JSON Schema of the arguments.
 * @returns The arguments.
 * @throws {UsageError} When a word is neither, or a value does not fit the schema.
 */
export function parseCallArguments(
  words: readonly string[],
  json: string | undefined,
  schema: Schema,
): Record<string, unknown> {
  const result = json === undefined ? {} : parseObject(json);
  for (const word of words) {
    const match = /^([^=:]+)(:?=)([\s\S]*)$/.exec(word);
    if (match === null) {
      throw new UsageError(`"${word}" is no argument; write key=value, or key:=JSON`);
    }
    const [, key = "", operator, text = ""] = match;
    const value = operator === ":=" ? parseJson(key, text) : coerce(key, text, schema);
    // A key named __proto__ is a key like any other.
    Object.defineProperty(result, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return result;
}

function coerce(key: string, text: string, schema: Schema): unknown {
  const property = propertyOf(schema, key);
  const types = typesOf(property);
  if (types.length === 0 || types.includes("string")) return text;
  const readings: Record<string, () => unknown> = {
    integer: () => /^[+-]?\d+$/.test(text) ? Number(text) : undefined,
    number: () => text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : undefined,
    boolean: () => text === "true" ? true : text === "false" ? false : undefined,
    null: () => text === "null" ? null : undefined,
    array: () => jsonOf(text, Array.isArray),
    object: () => jsonOf(text, isObject),
  };
  for (const type of types) {
    const value = readings[type]?.();
    if (value !== undefined) return value;
  }
  throw new UsageError(`the argument "${key}" must be ${types.join(" or ")}, not "${text}"`);
}

function propertyOf(schema: Schema, key: string): Schema {
  const { properties } = schema;
  if (!isObject(properties) || Object.keys(properties).length === 0) return {};
  if (Object.hasOwn(properties, key) && isObject(properties[key])) return properties[key];
  const known = Object.keys(properties).join(", ");
  if (schema.additionalProperties === false) {
    throw new UsageError(`there is no argument "${key}"; there are: ${known}`);
  }
  return {};
}

/** The JSON types that a schema allows; none when it does not say. */
function typesOf(schema: Schema): readonly string[] {
  const { type, anyOf, oneOf, enum: values } = schema;
  if (typeof type === "string") return [type];
  if (Array.isArray(type)) return type.filter((one) => typeof one === "string");
  for (const choices of [anyOf, oneOf]) {
    if (Array.isArray(choices)) return choices.filter(isObject).flatMap(typesOf);
  }
  if (Array.isArray(values)) {
    return [...new Set(values.map((value) => value === null ? "null" : typeof value))];
  }
  return [];
}

function parseObject(json: string): Record<string, unknown> {
  const value = parseJson("--json", json);
  if (!isObject(value)) throw new UsageError("--json must be one JSON object");
  return { ...value };
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${name}: this is not JSON: ${reason}`, { cause });
  }
}

function jsonOf(text: string, fits: (value: unknown) => boolean): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return fits(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // the caller says which type was wanted
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
