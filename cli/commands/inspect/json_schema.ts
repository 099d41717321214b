/**
 * The little of JSON Schema that the command line needs, read from what a
 * stranger wrote.
 *
 * @module
 */

/** A JSON Schema, or a part of one. */
export type Schema = Readonly<Record<string, unknown>>;

/** References that are followed one after the other. */
const MAX_REFERENCES = 16;
/** Choices within choices that are looked into. */
const MAX_DEPTH = 8;

/** Whether a value is an object and no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A part of a schema with its references inside the same document followed; `{}` for what is no schema. */
export function resolve(part: unknown, root: Schema): Schema {
  let current = part;
  for (let step = 0; step < MAX_REFERENCES; step++) {
    if (!isObject(current)) return {};
    if (typeof current.$ref !== "string") return current;
    current = pointedAt(current.$ref, root);
  }
  return {};
}

function pointedAt(reference: string, root: Schema): unknown {
  if (reference === "#") return root;
  if (!reference.startsWith("#/")) return undefined;
  let current: unknown = root;
  for (const step of reference.slice(2).split("/").slice(0, MAX_REFERENCES)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (!isObject(current) || !Object.hasOwn(current, key)) return undefined;
    current = current[key];
  }
  return current;
}

/** The properties of an object that a schema names, those of `allOf` too. */
export function propertiesOf(schema: Schema, root: Schema, depth = 0): ReadonlyMap<string, Schema> {
  const properties = new Map<string, Schema>();
  if (Array.isArray(schema.allOf) && depth < MAX_DEPTH) {
    for (const part of schema.allOf) {
      for (const [name, one] of propertiesOf(resolve(part, root), root, depth + 1)) {
        properties.set(name, one);
      }
    }
  }
  if (isObject(schema.properties)) {
    for (const [name, part] of Object.entries(schema.properties)) {
      properties.set(name, resolve(part, root));
    }
  }
  return properties;
}

/** The names of the properties that must be there. */
export function requiredOf(schema: Schema): readonly string[] {
  const { required } = schema;
  return Array.isArray(required) ? required.filter((name) => typeof name === "string") : [];
}

/** The alternatives of a schema: those of `anyOf` and `oneOf`, else itself. */
export function alternativesOf(schema: Schema, root: Schema, depth = 0): readonly Schema[] {
  for (const choices of [schema.anyOf, schema.oneOf]) {
    if (!Array.isArray(choices) || depth >= MAX_DEPTH) continue;
    return choices.flatMap((choice) => alternativesOf(resolve(choice, root), root, depth + 1));
  }
  return [schema];
}

/** The JSON types that a schema allows; none when it does not say. */
export function typesOf(schema: Schema, root: Schema): readonly string[] {
  const types = new Set<string>();
  for (const one of alternativesOf(schema, root)) {
    const { type } = one;
    const values = valuesOf(one);
    if (typeof type === "string") types.add(type);
    else if (Array.isArray(type)) type.filter((name) => typeof name === "string").forEach(add);
    else if (values !== undefined) values.map(jsonTypeOf).forEach(add);
    else if (isObject(one.properties)) types.add("object");
    else return [];
  }
  return [...types];

  function add(name: string): void {
    types.add(name);
  }
}

/** The values that a schema lists (`enum`, `const`); `undefined` when it lists none. */
export function valuesOf(schema: Schema): readonly unknown[] | undefined {
  if (Array.isArray(schema.enum)) return schema.enum;
  return Object.hasOwn(schema, "const") ? [schema.const] : undefined;
}

function jsonTypeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
