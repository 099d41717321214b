/**
 * TypeScript types of JSON Schemas that a stranger wrote: local references
 * only, bounded, and nothing of a schema ever becomes code.
 *
 * @module
 */
import { comment, literal, type Names } from "./literals.ts";

/** Schemas inside schemas beyond this depth are `unknown`. */
const MAX_DEPTH = 32;
/** Schemas of one tool beyond this number are `unknown`. */
const MAX_SCHEMAS = 5_000;

type Schema = Readonly<Record<string, unknown>>;

/** Turns the schemas of one tool into types. */
export class SchemaTypes {
  readonly #root: unknown;
  readonly #names: Names;
  readonly #prefix: string;
  /** Names of what is referred to, by the reference. */
  readonly #references = new Map<string, string>();
  /** What is being declared, with the number of objects and arrays around its beginning. */
  readonly #open = new Map<string, number>();
  readonly #declarations: string[] = [];
  #schemas = 0;
  #nesting = 0;

  /**
   * @param root The whole schema, in which references are looked up.
   * @param options The names that are taken, and the one under which its parts are declared.
   */
  constructor(root: unknown, options: { readonly names: Names; readonly prefix: string }) {
    this.#root = root;
    this.#names = options.names;
    this.#prefix = options.prefix;
  }

  /** Declarations of what is referred to, once {@linkcode type} has been called. */
  get declarations(): readonly string[] {
    return this.#declarations;
  }

  /** The type of the whole schema. */
  type(): string {
    return this.#type(this.#root, 0, "");
  }

  #type(schema: unknown, depth: number, indent: string): string {
    if (schema === false) return "never";
    if (!isObject(schema) || depth > MAX_DEPTH || ++this.#schemas > MAX_SCHEMAS) return "unknown";
    const parts: string[] = [];
    if (typeof schema.$ref === "string") parts.push(this.#reference(schema.$ref, depth));
    if ("const" in schema) parts.push(valueType(schema.const));
    else if (Array.isArray(schema.enum)) parts.push(union(schema.enum.map(valueType)));
    else parts.push(...this.#typed(schema, depth, indent));
    for (const key of ["anyOf", "oneOf"]) {
      const choices = schema[key];
      if (!Array.isArray(choices)) continue;
      parts.push(union(choices.map((choice) => this.#type(choice, depth + 1, indent))));
    }
    if (Array.isArray(schema.allOf)) {
      parts.push(...schema.allOf.map((part) => this.#type(part, depth + 1, indent)));
    }
    return intersection(parts);
  }

  #typed(schema: Schema, depth: number, indent: string): readonly string[] {
    const given = schema.type;
    const types = Array.isArray(given) ? given : typeof given === "string" ? [given] : [];
    if (types.length === 0) {
      if ("properties" in schema) return [this.#nested("object", schema, depth, indent)];
      const isArray = "items" in schema || "prefixItems" in schema;
      return isArray ? [this.#nested("array", schema, depth, indent)] : [];
    }
    return [union(types.map((type) => {
      switch (type) {
        case "string":
        case "boolean":
        case "null":
        case "number":
          return String(type);
        case "integer":
          return "number";
        case "array":
        case "object":
          return this.#nested(type, schema, depth, indent);
        default:
          return "unknown";
      }
    }))];
  }

  #nested(type: "array" | "object", schema: Schema, depth: number, indent: string): string {
    this.#nesting += 1;
    try {
      return type === "array"
        ? this.#array(schema, depth, indent)
        : this.#object(schema, depth, indent);
    } finally {
      this.#nesting -= 1;
    }
  }

  #array({ items, prefixItems, additionalItems }: Schema, depth: number, indent: string): string {
    const places = Array.isArray(prefixItems)
      ? prefixItems
      : Array.isArray(items)
      ? items
      : undefined;
    const rest = places === undefined || places === prefixItems ? items : additionalItems;
    const others = rest === false ? undefined : this.#type(rest, depth + 1, indent);
    if (places === undefined) return `readonly ${group(others ?? "never")}[]`;
    // A schema asks for no number of items by itself, so each may be missing.
    const first = places.map((place) => `${group(this.#type(place, depth + 1, indent))}?`);
    const more = others === undefined ? [] : [`...${group(others)}[]`];
    return `readonly [${[...first, ...more].join(", ")}]`;
  }

  #object(schema: Schema, depth: number, indent: string): string {
    const { properties, required, additionalProperties } = schema;
    const isOpen = additionalProperties !== undefined && additionalProperties !== false;
    const names = isObject(properties) ? Object.keys(properties).sort() : [];
    if (names.length === 0) {
      return isOpen || properties === undefined
        ? `{ readonly [key: string]: ${this.#type(additionalProperties ?? {}, depth + 1, indent)} }`
        : "{ readonly [key: string]: never }";
    }
    const inner = `${indent}  `;
    const lines = names.map((name) => {
      const property = isObject(properties) ? properties[name] : undefined;
      const mark = Array.isArray(required) && required.includes(name) ? "" : "?";
      const about = isObject(property) ? comment(property.description, inner) : "";
      return `${about}${inner}readonly ${literal(name)}${mark}: ${
        this.#type(property, depth + 1, inner)
      };\n`;
    });
    if (isOpen) lines.push(`${inner}readonly [key: string]: unknown;\n`);
    return `{\n${lines.join("")}${indent}}`;
  }

  /** The name of a type that stands elsewhere in the schema; it may refer to itself. */
  #reference(reference: string, depth: number): string {
    // A type that is itself, with no object or array between, says nothing.
    if (this.#open.get(reference) === this.#nesting) return "unknown";
    const known = this.#references.get(reference);
    if (known !== undefined) return known;
    const target = resolve(this.#root, reference);
    if (target === undefined || depth >= MAX_DEPTH) return "unknown";
    const name = this.#names.make(`${this.#prefix} ${reference.split("/").at(-1)}`, "type");
    this.#references.set(reference, name);
    this.#open.set(reference, this.#nesting);
    const type = this.#type(target, depth + 1, "");
    this.#open.delete(reference);
    this.#declarations.push(`export type ${name} = ${type};\n`);
    return name;
  }
}

/** The type of one JSON value. */
function valueType(value: unknown): string {
  if (Array.isArray(value)) return `readonly [${value.map(valueType).join(", ")}]`;
  if (!isObject(value)) return literal(value);
  const fields = Object.keys(value).sort()
    .map((key) => `readonly ${literal(key)}: ${valueType(value[key])}`);
  return `{ ${fields.join("; ")} }`;
}

function union(types: readonly string[]): string {
  const unique = [...new Set(types)];
  if (unique.length === 0) return "never";
  if (unique.includes("unknown")) return "unknown";
  return unique.map((type) => type.includes("&") ? group(type) : type).join(" | ");
}

function intersection(types: readonly string[]): string {
  const unique = [...new Set(types)].filter((type) => type !== "unknown");
  if (unique.length === 0) return "unknown";
  return unique.length === 1 ? unique[0]! : unique.map(group).join(" & ");
}

function group(type: string): string {
  return /^[\w]+$/.test(type) ? type : `(${type})`;
}

/** What a reference within one document points to (RFC 6901). */
function resolve(root: unknown, reference: string): unknown {
  if (reference === "#") return root;
  if (!reference.startsWith("#/")) return undefined;
  let place = root;
  for (const part of reference.slice(2).split("/")) {
    const key = decode(part).replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof place !== "object" || place === null || !Object.hasOwn(place, key)) return undefined;
    place = (place as Schema)[key];
  }
  return place;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part;
    throw error;
  }
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
