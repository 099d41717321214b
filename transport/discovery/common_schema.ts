/**
 * Common tool schemas (CEP-15): tools of different servers that have the same
 * name and the same schemas have the same hash, so that one can stand in for
 * the other.
 *
 * @module
 */
import { canonicalHash } from "../../crypto/canonical_hash.ts";
import { InputError } from "../../errors.ts";
import { isObject } from "../wire/json.ts";
import type { Tags } from "../wire/tags.ts";

/** Names common schemas: in a tool's `_meta`, and as the value of the `k` tag (CEP-15). */
export const COMMON_SCHEMA = "io.contextvm/common-schema";

/** Schemas nested more deeply are nobody's tool. */
const MAX_DEPTH = 64;
/** Schemas inside a schema that have an `$id` of their own, and can be what a pointer starts at. */
const MAX_EMBEDDED = 16;
/** Tools that are checked; a longer list is cut. */
const MAX_TOOLS = 1_000;

/** Documentation, which is not part of what is hashed. So are keys that begin with `x-`. */
const ANNOTATIONS = new Set([
  "title",
  "description",
  "examples",
  "default",
  "deprecated",
  "readOnly",
  "writeOnly",
]);

/** The part of a tool that its schema hash is made of. */
export interface ToolSchema {
  /** The tool's name. */
  readonly name: string;
  /** The JSON Schema of its arguments. */
  readonly inputSchema: unknown;
  /** The JSON Schema of its structured result, if it has one. */
  readonly outputSchema?: unknown;
}

/**
 * What became of a tool's claim to implement a common schema.
 *
 * - `matches`: the tool has the schema that it claims.
 * - `differs`: it claims another one than it has. Don't trust it; warn the user.
 * - `unhashable`: it claims one, and its own schemas can't be hashed.
 * - `unclaimed`: it claims none.
 */
export type SchemaVerdict = "matches" | "differs" | "unhashable" | "unclaimed";

/** What {@linkcode verifyCommonSchemas} found out about a tool. */
export interface SchemaCheck {
  /** The tool's name. */
  readonly tool: string;
  /** What became of its claim. */
  readonly verdict: SchemaVerdict;
  /** The hash of the schemas that it has; `undefined` when they can't be hashed. */
  readonly hash: string | undefined;
  /** The hash that it claims. */
  readonly claimed: string | undefined;
  /** Whether an `i` tag of the event names the hash that the tool has. */
  readonly tagged: boolean;
  /** Why its schemas can't be hashed. */
  readonly problem: string | undefined;
}

/**
 * The hash that identifies a common tool schema (CEP-15): of the tool's name
 * and its schemas without their documentation. As in the other
 * implementations, what looks like documentation is left out everywhere, so
 * also a parameter that happens to be called `title` or `description`.
 *
 * @param tool The tool, as `tools/list` has it; other fields are not looked at.
 * @returns SHA-256, 64 lower-case hex digits.
 * @throws {InputError} SCHEMA_INVALID when a schema is missing, too deep, too large, or refers to something outside of itself.
 *
 * @example
 * ```ts
 * import { toolSchemaHash } from "@cvm/toolkit/discovery";
 * import { assertEquals } from "@std/assert";
 *
 * const inputSchema = {
 *   type: "object",
 *   properties: { location: { type: "string", description: "a town" } },
 *   required: ["location"],
 * };
 * assertEquals(
 *   toolSchemaHash({ name: "get_weather", inputSchema }),
 *   "e4e76a3da683d92b15013997f08eee2018c49074a28e726e277c32fde0dd5783",
 * );
 * ```
 */
export function toolSchemaHash(tool: ToolSchema): string {
  const { name, inputSchema, outputSchema } = tool;
  try {
    return canonicalHash({
      name,
      inputSchema: normalize(inputSchema, `inputSchema of ${JSON.stringify(name)}`),
      ...(outputSchema === undefined || outputSchema === null
        ? {}
        : { outputSchema: normalize(outputSchema, `outputSchema of ${JSON.stringify(name)}`) }),
    });
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    throw invalid(`a schema of ${JSON.stringify(name)}`, error.message, error);
  }
}

/**
 * Checks which tools of a list implement the common schemas that they claim.
 * Only `matches` is worth anything: the hash in a tool's `_meta` and the tags
 * of an event are what the server says of itself.
 *
 * @param tools The tools of a `tools/list` result or of an announcement, as they came. The first 1,000 are looked at.
 * @param options `tags`: those of the event that carried the list, if known.
 * @returns A verdict for each tool that has a name, in order.
 *
 * @example
 * ```ts
 * import { COMMON_SCHEMA, toolSchemaHash, verifyCommonSchemas } from "@cvm/toolkit/discovery";
 * import { assertEquals } from "@std/assert";
 *
 * const tool = { name: "echo", inputSchema: { type: "object" } };
 * const schemaHash = toolSchemaHash(tool);
 * const [honest, lying, silent] = verifyCommonSchemas([
 *   { ...tool, _meta: { [COMMON_SCHEMA]: { schemaHash } } },
 *   { ...tool, name: "other", _meta: { [COMMON_SCHEMA]: { schemaHash } } },
 *   tool,
 * ]);
 * assertEquals(honest.verdict, "matches");
 * assertEquals(lying.verdict, "differs");
 * assertEquals(silent.verdict, "unclaimed");
 * ```
 */
export function verifyCommonSchemas(
  tools: readonly unknown[],
  options: { readonly tags?: Tags } = {},
): readonly SchemaCheck[] {
  const tagged = new Set(options.tags?.flatMap(([tag, hash]) => tag === "i" && hash || []));
  return tools.slice(0, MAX_TOOLS).flatMap((tool) =>
    isNamed(tool) ? [checkTool(tool, tagged)] : []
  );
}

/** The hash that a tool claims in its `_meta`. */
export function claimedSchemaHash(tool: unknown): string | undefined {
  const meta = isObject(tool) && isObject(tool._meta) ? tool._meta[COMMON_SCHEMA] : undefined;
  return isObject(meta) && typeof meta.schemaHash === "string" ? meta.schemaHash : undefined;
}

/** Whether a value can be a tool: an object with a name. */
export function isNamed(value: unknown): value is { name: string; [field: string]: unknown } {
  return isObject(value) && typeof value.name === "string";
}

function checkTool(
  tool: { name: string; [field: string]: unknown },
  tagged: ReadonlySet<string>,
): SchemaCheck {
  const claimed = claimedSchemaHash(tool);
  let hash: string | undefined;
  let problem: string | undefined;
  try {
    const { name, inputSchema, outputSchema } = tool;
    hash = toolSchemaHash({ name, inputSchema, outputSchema });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    problem = error.message;
  }
  const verdict = claimed === undefined
    ? "unclaimed"
    : hash === undefined
    ? "unhashable"
    : claimed === hash
    ? "matches"
    : "differs";
  const isTagged = hash !== undefined && tagged.has(hash);
  return { tool: tool.name, verdict, hash, claimed, tagged: isTagged, problem };
}

function normalize(schema: unknown, where: string): unknown {
  if (!isObject(schema)) throw invalid(where, "a schema is an object");
  const references: string[] = [];
  const anchors = new Set<string>();
  const embedded: unknown[] = [];
  const strip = (value: unknown, depth: number): unknown => {
    if (depth > MAX_DEPTH) throw invalid(where, `it is nested more than ${MAX_DEPTH} levels deep`);
    if (Array.isArray(value)) return value.map((item) => strip(item, depth + 1));
    if (!isObject(value)) return value;
    const kept = Object.entries(value).filter(([key]) => {
      return !ANNOTATIONS.has(key) && !key.startsWith("x-");
    });
    for (const [key, member] of kept) {
      if (typeof member !== "string") continue;
      if (key === "$ref") references.push(member);
      else if (key === "$anchor" || key === "$dynamicAnchor") anchors.add(`#${member}`);
      else if (key === "$id" && member.startsWith("#")) anchors.add(member);
    }
    const stripped = Object.fromEntries(
      kept.map(([key, member]) => [key, strip(member, depth + 1)]),
    );
    if (typeof stripped.$id === "string" && embedded.length < MAX_EMBEDDED) embedded.push(stripped);
    return stripped;
  };
  const normalized = strip(schema, 0);
  for (const reference of references) {
    if (!reference.startsWith("#")) {
      throw invalid(
        where,
        `it refers to ${JSON.stringify(reference.slice(0, 100))}, outside of it`,
      );
    }
    const known = anchors.has(reference) ||
      [normalized, ...embedded].some((root) => resolves(reference, root));
    if (!known) {
      throw invalid(
        where,
        `it refers to ${JSON.stringify(reference.slice(0, 100))}, which it lacks`,
      );
    }
  }
  return normalized;
}

/** Whether a JSON pointer, as the fragment of a URI, leads to something (RFC 6901). */
function resolves(reference: string, root: unknown): boolean {
  let pointer: string;
  try {
    pointer = decodeURIComponent(reference.slice(1));
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
  if (pointer === "") return true;
  if (!pointer.startsWith("/")) return false;
  let found = root;
  for (const step of pointer.slice(1).split("/")) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return false;
    found = Reflect.get(found, key);
  }
  return true;
}

function invalid(where: string, reason: string, cause?: unknown): InputError {
  const message = `the ${where} can't be hashed: ${reason}`;
  return new InputError("SCHEMA_INVALID", message, cause === undefined ? {} : { cause });
}
