/**
 * How a server says which of its tools implement a common schema (CEP-15).
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { InputError } from "../../errors.ts";
import type { ResultDecorator } from "../session/result_decorator.ts";
import { isObject } from "../wire/json.ts";
import type { Tags } from "../wire/tags.ts";
import { claimedSchemaHash, COMMON_SCHEMA, isNamed, toolSchemaHash } from "./common_schema.ts";

const logger = getLogger(["cvm", "discovery"]);

/** Which tools of a server implement a common schema. */
export interface CommonSchemaOptions {
  /**
   * The tools that do, by name, or all of them. A tool whose `_meta` holds its
   * right hash does in any case.
   * @default {[]}
   */
  readonly tools?: readonly string[] | "all";
  /**
   * What the tools are good for, so that people find them. At least one in
   * English, as in `"weather-forecast"`, is found by most.
   * @default {[]}
   */
  readonly categories?: readonly string[];
}

/**
 * Makes what puts the hashes of common schemas into `tools/list` results: into
 * the `_meta` of each tool that implements one, and into the tags `i`, `k` and
 * `t` of the event. A wrong hash of a tool that the options name is put right;
 * a wrong one of any other tool gets no tag.
 *
 * @param options Which tools, and what they are good for.
 * @returns The decorator, for {@linkcode ListenOptions.decorateResult}; `serve` and the gateway make it themselves from their option `commonSchemas`.
 *
 * @example
 * ```ts
 * import { commonSchemas } from "@cvm/toolkit/discovery";
 * import { assertEquals } from "@std/assert";
 *
 * const decorate = commonSchemas({ tools: ["echo"], categories: ["testing"] });
 * const { result, tags } = decorate("tools/list", {
 *   tools: [{ name: "echo", inputSchema: { type: "object" } }],
 * });
 * const [name, hash, tool] = tags[0];
 * assertEquals([name, tool], ["i", "echo"]);
 * assertEquals(tags.slice(1), [["k", "io.contextvm/common-schema"], ["t", "testing"]]);
 * assertEquals(result.tools, [{
 *   name: "echo",
 *   inputSchema: { type: "object" },
 *   _meta: { "io.contextvm/common-schema": { schemaHash: hash } },
 * }]);
 * ```
 */
export function commonSchemas(options: CommonSchemaOptions = {}): ResultDecorator {
  const named = options.tools ?? [];
  const wanted = new Set(named === "all" ? [] : named);
  const categories = [...new Set(options.categories?.map((category) => category.trim()))]
    .filter((category) => category !== "")
    .map((category) => ["t", category]);
  const complained = new Set<string>();
  const complain = (tool: string, reason: string) => {
    if (complained.has(tool)) return;
    complained.add(tool);
    logger.warn("the tool {tool} is not offered as a common schema: {reason}", { tool, reason });
  };

  const mark = (tool: unknown): { tool: unknown; tags: Tags } => {
    const unmarked = { tool, tags: [] };
    if (!isNamed(tool)) return unmarked;
    const { name, inputSchema, outputSchema } = tool;
    const claimed = claimedSchemaHash(tool);
    const isWanted = named === "all" || wanted.has(name);
    if (claimed === undefined && !isWanted) return unmarked;
    try {
      const hash = toolSchemaHash({ name, inputSchema, outputSchema });
      const tags = [["i", hash, name]];
      if (claimed === hash) return { tool, tags };
      if (isWanted) return { tool: withHash(tool, hash), tags };
      complain(name, "the hash in its _meta is not that of its schemas");
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      complain(name, error.message);
    }
    return unmarked;
  };

  return (method, result) => {
    if (method !== "tools/list" || !Array.isArray(result.tools)) return { result, tags: [] };
    const marked = result.tools.map(mark);
    const tags = marked.flatMap((entry) => entry.tags);
    if (tags.length === 0) return { result, tags };
    return {
      result: { ...result, tools: marked.map(({ tool }) => tool) },
      tags: [...tags, ["k", COMMON_SCHEMA], ...categories],
    };
  };
}

function withHash(tool: Record<string, unknown>, schemaHash: string): Record<string, unknown> {
  const meta = isObject(tool._meta) ? tool._meta : {};
  const about = isObject(meta[COMMON_SCHEMA]) ? meta[COMMON_SCHEMA] : {};
  return { ...tool, _meta: { ...meta, [COMMON_SCHEMA]: { ...about, schemaHash } } };
}
