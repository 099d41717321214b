/**
 * What several servers say of themselves, as one.
 *
 * @module
 */
import type { JsonRpcResult } from "../types.ts";
import { isObject } from "../wire/json.ts";

/** Capabilities that are lists: they change when a server comes or goes. */
export const LISTED: readonly string[] = ["tools", "prompts", "resources"];

/** Capabilities that can be combined; what else a server has is not offered. */
const COMBINED: readonly string[] = [...LISTED, "logging", "completions"];

/** The result of `initialize` that stands for several. */
export interface CombinedResult {
  /** The version that all of them understand. */
  readonly protocolVersion: string | undefined;
  /** What any of them can do. */
  readonly capabilities: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** All of them. */
  readonly serverInfo: { readonly name: string; readonly version: string };
  /** What each of them says, under its name. */
  readonly instructions?: string;
  /** MCP results may carry more. */
  readonly [field: string]: unknown;
}

/**
 * Makes one `initialize` result of several.
 *
 * @param results The results, with the names of their servers.
 * @param options The names of all servers, and whether all of them have answered.
 */
export function combineResults(
  results: readonly (readonly [name: string, result: JsonRpcResult["result"]])[],
  { names, isComplete }: { readonly names: readonly string[]; readonly isComplete: boolean },
): CombinedResult {
  const capabilities: Record<string, Record<string, unknown>> = {};
  const versions: string[] = [];
  const instructions: string[] = [];
  for (const [name, result] of results) {
    if (typeof result.protocolVersion === "string") versions.push(result.protocolVersion);
    if (typeof result.instructions === "string") {
      instructions.push(`# ${name}\n\n${result.instructions}`);
    }
    const offered = isObject(result.capabilities) ? result.capabilities : {};
    for (const kind of COMBINED) {
      const capability = offered[kind];
      if (isObject(capability)) capabilities[kind] = { ...capabilities[kind], ...capability };
    }
  }
  for (const list of LISTED) {
    if (!(list in capabilities) && isComplete) continue;
    capabilities[list] = { ...capabilities[list], listChanged: true };
  }
  return {
    // Versions are dates: the oldest one is what all of them understand.
    protocolVersion: versions.toSorted()[0],
    capabilities,
    serverInfo: { name: names.join("+"), version: "1" },
    ...(instructions.length > 0 ? { instructions: instructions.join("\n\n") } : {}),
  };
}
