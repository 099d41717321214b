/**
 * Arguments of a call, from words on the command line, by the tool's JSON
 * Schema: `007` stays text where text is wanted (faults F31).
 *
 * @module
 */
import { didYouMean } from "../../did_you_mean.ts";
import { UsageError } from "../../exit_codes.ts";
import {
  alternativesOf,
  isObject,
  propertiesOf,
  requiredOf,
  resolve,
  type Schema,
  typesOf,
  valuesOf,
} from "./json_schema.ts";
import { typeText } from "./signature.ts";

/** Steps of one dotted key. */
const MAX_STEPS = 32;

type Path = readonly string[];

/** What {@linkcode parseCallArguments} works from. */
export interface ArgumentSources {
  /** What stands on the command line: `key=value` and `key:=JSON`. */
  readonly words: readonly string[];
  /** The text of one JSON object, to which the words are added. */
  readonly json?: string;
  /** The JSON Schema of the arguments. */
  readonly schema: Schema;
}

/**
 * Reads `key=value` and `key:=JSON`. A value becomes what the schema says of
 * its key. `a.b=…` goes into the argument `a`, unless the schema knows one
 * that is called `a.b`; a key of an array may come several times, or as `a.0`.
 *
 * @returns The arguments.
 * @throws {UsageError} When a word is no argument, a value does not fit the schema, or one that is required is not there.
 */
export function parseCallArguments(sources: ArgumentSources): Record<string, unknown> {
  const { words, json, schema: root } = sources;
  const schema = resolve(root, root);
  const result = json === undefined ? {} : parseObject(json);
  const given = new Set<string>();
  for (const word of words) {
    const match = /^([^=:]+)(:?=)([\s\S]*)$/.exec(word);
    if (match === null) {
      throw new UsageError(`"${word}" is no argument; write key=value, or key:=JSON`);
    }
    const [, key = "", operator, text = ""] = match;
    const path = pathOf(key, schema, root);
    const property = schemaAt(path, schema, root);
    const listed = operator === "=" ? itemOf(text, property, root) : undefined;
    if (given.has(key) && listed === undefined) {
      throw new UsageError(`the argument "${key}" is given twice`);
    }
    const before = given.has(key) && listed !== undefined ? getAt(result, path) : undefined;
    given.add(key);
    const value = operator === ":="
      ? parseJson(key, text)
      : listed === undefined
      ? coerce(key, text, { property, root })
      : [...Array.isArray(before) ? before : [], coerce(key, text, { property: listed, root })];
    setAt(result, path, value);
  }
  if (json === undefined) checkRequired(result, schema, root);
  return result;
}

/** Where a key goes: into the argument of that name, else along its dots. */
function pathOf(key: string, schema: Schema, root: Schema): Path {
  const properties = propertiesOf(schema, root);
  if (properties.has(key) || properties.size === 0) return [key];
  const steps = key.split(".");
  if (properties.has(steps[0] ?? "") && steps.length <= MAX_STEPS) return steps;
  if (schema.additionalProperties === false) {
    const known = [...properties.keys()];
    throw new UsageError(
      `there is no argument "${key}"; there are: ${known.join(", ")}${didYouMean(key, known)}`,
    );
  }
  return [key];
}

function schemaAt(path: Path, schema: Schema, root: Schema): Schema {
  let current = schema;
  for (const step of path) {
    const next = alternativesOf(current, root).map((one) =>
      propertiesOf(one, root).get(step) ??
        (/^\d+$/.test(step) && isObject(one.items)
          ? resolve(one.items, root)
          : isObject(one.additionalProperties)
          ? resolve(one.additionalProperties, root)
          : undefined)
    ).find((found) => found !== undefined);
    if (next === undefined) return {};
    current = next;
  }
  return current;
}

/** The schema of one entry, where an array is wanted and the text is not a whole one. */
function itemOf(text: string, property: Schema, root: Schema): Schema | undefined {
  const types = typesOf(property, root).filter((type) => type !== "null");
  if (types.length !== 1 || types[0] !== "array" || jsonOf(text, Array.isArray)) return undefined;
  const array = alternativesOf(property, root).find((one) => one.items !== undefined);
  return resolve(array?.items ?? {}, root);
}

function coerce(
  key: string,
  text: string,
  { property, root }: { readonly property: Schema; readonly root: Schema },
): unknown {
  const types = typesOf(property, root);
  if (types.length === 0 || types.includes("string")) {
    if (types.length === 1) checkListed(key, text, { property, root });
    return text;
  }
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

/** Where a schema lists the texts that it takes, another one is a slip. */
function checkListed(
  key: string,
  text: string,
  { property, root }: { readonly property: Schema; readonly root: Schema },
): void {
  const lists = alternativesOf(property, root).map(valuesOf);
  if (lists.length === 0 || lists.some((list) => list === undefined)) return;
  const texts = lists.flatMap((list) => list ?? []).filter((value) => typeof value === "string");
  if (texts.includes(text)) return;
  throw new UsageError(
    `the argument "${key}" must be one of ${texts.slice(0, 20).join(", ")}, not "${text}"${
      didYouMean(text, texts)
    }`,
  );
}

function checkRequired(result: Record<string, unknown>, schema: Schema, root: Schema): void {
  const properties = propertiesOf(schema, root);
  const missing = requiredOf(schema).filter((name) =>
    !Object.hasOwn(result, name) && !Object.hasOwn(properties.get(name) ?? {}, "default")
  );
  if (missing.length === 0) return;
  const wanted = missing.map((name) => `${name}=… (${typeText(properties.get(name), root, 1)})`);
  const misspelt = Object.keys(result).filter((name) => !properties.has(name))
    .map((name) => didYouMean(name, missing)).find((hint) => hint !== "");
  throw new UsageError(`arguments are missing: ${wanted.join(", ")}${misspelt ?? ""}`);
}

function getAt(target: unknown, path: Path): unknown {
  let current = target;
  for (const step of path) {
    const container = Array.isArray(current) || isObject(current) ? current : {};
    current = Object.hasOwn(container, step)
      ? Object.getOwnPropertyDescriptor(container, step)?.value
      : undefined;
  }
  return current;
}

function setAt(target: Record<string, unknown>, path: Path, value: unknown): void {
  let container: Record<string, unknown> | unknown[] = target;
  for (const [index, step] of path.entries()) {
    const next = path[index + 1];
    if (Array.isArray(container) && (!/^\d+$/.test(step) || Number(step) > container.length)) {
      throw new UsageError(
        `"${path.join(".")}": the entries of a list are set one after the other`,
      );
    }
    if (next === undefined) return define(container, step, value);
    let inner = getAt(container, [step]);
    if (inner === undefined) {
      inner = /^\d+$/.test(next) ? [] : {};
      define(container, step, inner);
    }
    if (!Array.isArray(inner) && !isObject(inner)) {
      throw new UsageError(`"${path.join(".")}": "${step}" is set already, and is no object`);
    }
    container = inner;
  }
}

/** A key named __proto__ is a key like any other. */
function define(container: object, key: string, value: unknown): void {
  Object.defineProperty(container, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function parseObject(json: string): Record<string, unknown> {
  const value = parseJson("--json", json);
  if (!isObject(value)) throw new UsageError("--json must be one JSON object");
  return { ...value };
}

/** Reads JSON. @throws {UsageError} When it is none. */
export function parseJson(name: string, text: string): unknown {
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
