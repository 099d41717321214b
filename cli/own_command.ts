/**
 * How this program is started by another one.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** A program and its arguments, as MCP hosts want them. */
export interface OwnCommand {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
}

/** What a command that speaks to relays may do. */
const PERMISSIONS = ["net", "read", "write", "env", "sys"].map((name) => `--allow-${name}`);

/**
 * @param args The arguments of `cvm`.
 * @returns What starts `cvm` from any folder: the executable by its name, or Deno with this very source.
 */
export function ownCommand(args: readonly string[]): OwnCommand {
  if (Deno.build.standalone) return { command: "cvm", args };
  const main = new URL("./main.ts", import.meta.url);
  const module = main.protocol === "file:" ? fileURLToPath(main) : main.href;
  return { command: Deno.execPath(), args: ["run", "--quiet", ...PERMISSIONS, module, ...args] };
}
