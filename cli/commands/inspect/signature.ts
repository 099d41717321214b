/**
 * What a tool or a prompt takes and gives, in one line.
 *
 * @module
 */
import { sanitizeLine } from "../../sanitize.ts";
import {
  alternativesOf,
  isObject,
  propertiesOf,
  requiredOf,
  resolve,
  type Schema,
  valuesOf,
} from "./json_schema.ts";

/** Objects within objects whose fields are shown. */
const MAX_DEPTH = 2;
/** Parameters, fields and choices that are shown of one object. */
const MAX_SHOWN = 12;
/** The longest signature, UTF-16 code units. */
const MAX_LENGTH = 300;

/** The signature of a tool: `name(text: string, count?: integer) → {sum: number}`. */
export function toolSignature(tool: Readonly<Record<string, unknown>>): string {
  const input = isObject(tool.inputSchema) ? tool.inputSchema : {};
  const output = isObject(tool.outputSchema)
    ? ` → ${typeText(tool.outputSchema, tool.outputSchema, 0)}`
    : "";
  const parameters = fieldsText(resolve(input, input), input, 0);
  return sanitizeLine(`${nameOf(tool)}(${parameters})${output}`, MAX_LENGTH);
}

/** The signature of a prompt: `name(who, style?)`. All arguments of prompts are texts. */
export function promptSignature(prompt: Readonly<Record<string, unknown>>): string {
  const given = Array.isArray(prompt.arguments) ? prompt.arguments.filter(isObject) : [];
  const names = given.slice(0, MAX_SHOWN).map((argument) =>
    `${nameOf(argument)}${argument.required === true ? "" : "?"}`
  );
  return sanitizeLine(
    `${nameOf(prompt)}(${[...names, ...more(given.length)].join(", ")})`,
    MAX_LENGTH,
  );
}

/** A JSON type as TypeScript would write it, as far as one line goes. */
export function typeText(part: unknown, root: Schema, depth: number): string {
  const schema = resolve(part, root);
  const choices = alternativesOf(schema, root);
  const texts = choices.slice(0, MAX_SHOWN).flatMap((choice) => oneType(choice, root, depth));
  return [...new Set(texts), ...more(choices.length)].join(" | ");
}

function oneType(schema: Schema, root: Schema, depth: number): readonly string[] {
  const values = valuesOf(schema);
  if (values !== undefined) {
    return [
      ...values.slice(0, MAX_SHOWN).map((value) => sanitizeLine(JSON.stringify(value) ?? "", 40)),
      ...more(values.length),
    ];
  }
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  return types.map((type) => {
    if (type === "array") return arrayText(schema, root, depth);
    if (type !== "object" && !isObject(schema.properties)) {
      return typeof type === "string" ? type : "any";
    }
    if (propertiesOf(schema, root).size === 0) return "object";
    return depth >= MAX_DEPTH ? "{…}" : `{${fieldsText(schema, root, depth + 1)}}`;
  });
}

function arrayText({ items }: Schema, root: Schema, depth: number): string {
  if (!isObject(items) || depth >= MAX_DEPTH * 2) return "any[]";
  const text = typeText(items, root, depth + 1);
  return text.includes(" | ") ? `(${text})[]` : `${text}[]`;
}

function fieldsText(schema: Schema, root: Schema, depth: number): string {
  const properties = [...propertiesOf(schema, root)];
  const required = requiredOf(schema);
  const fields = properties.slice(0, MAX_SHOWN).map(([name, part]) =>
    `${name}${required.includes(name) ? "" : "?"}: ${typeText(part, root, depth)}`
  );
  return [...fields, ...more(properties.length)].join(", ");
}

function more(count: number): readonly string[] {
  return count > MAX_SHOWN ? ["…"] : [];
}

function nameOf(item: Readonly<Record<string, unknown>>): string {
  return typeof item.name === "string" ? item.name : "?";
}
