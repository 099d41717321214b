/**
 * Which tools of a server are offered.
 *
 * @module
 */
import type { ToolFilterOptions } from "../transport/tool_filter.ts";

/** Which tools are offered, by what was said of them. */
export function toolsOf(
  { tool, denyTool, isClosed = tool.length > 0 }: {
    readonly tool: readonly string[];
    readonly denyTool: readonly string[];
    readonly isClosed?: boolean;
  },
): ToolFilterOptions | undefined {
  if (!isClosed && denyTool.length === 0) return undefined;
  return { ...(isClosed ? { allow: tool } : {}), deny: denyTool };
}
