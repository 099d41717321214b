/**
 * Words of a server as parts of a TypeScript module, in which they can be
 * nothing but what they are meant for.
 *
 * @module
 */
import { sanitizeText, toSafeJson } from "../sanitize.ts";

/** The longest description that is taken over, UTF-16 code units. */
const MAX_COMMENT_LENGTH = 2_000;

/** Names that mean something else on a class or its objects; a method `then` would make it a promise. */
const RESERVED: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  "prototype",
  "then",
]);

/** A text, number, boolean or `null` as a literal type. */
export function literal(value: unknown): string {
  return toSafeJson(value);
}

/**
 * A documentation comment.
 *
 * @param text What a server says; it can't end the comment.
 * @param indent What stands before each line.
 * @returns Lines with a line feed at the end; empty when there is nothing to say.
 */
export function comment(text: unknown, indent = ""): string {
  if (typeof text !== "string") return "";
  const safe = sanitizeText(text.slice(0, MAX_COMMENT_LENGTH)).toWellFormed().replaceAll(
    "*/",
    "*\\/",
  )
    .replace(/\bimport\s*\(/g, "import\\(")
    .replace(/^([\s*]*)@/gm, "$1\\@"); // no tag of its own, such as one that silences the compiler
  const lines = safe.split("\n").map((line) => line.trimEnd());
  while (lines.length > 0 && lines.at(-1) === "") lines.pop();
  while (lines[0] === "") lines.shift();
  if (lines.length === 0) return "";
  const body = lines.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("");
  return `${indent}/**\n${body}${indent} */\n`;
}

/** Makes identifiers, each once. */
export class Names {
  readonly #taken = new Set<string>(RESERVED);

  /**
   * An identifier like `readFile` or `ReadFile`.
   *
   * @param text What a server calls it.
   * @param style How it begins.
   * @returns ASCII letters and digits; with a number behind where the name is taken.
   */
  make(text: string, style: "method" | "type"): string {
    const words = text.slice(0, 200).split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
    const joined = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join("") || "Tool";
    const cased = style === "type" ? joined : joined[0]!.toLowerCase() + joined.slice(1);
    const name = /^[0-9]/.test(cased) ? `_${cased}` : cased;
    let free = name;
    for (let count = 2; this.#taken.has(free); count++) free = `${name}_${count}`;
    this.#taken.add(free);
    return free;
  }
}
