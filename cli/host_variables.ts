/**
 * `${NAME}` as MCP hosts write it: in files of servers, and in headers on the
 * command line. What cvm's own configuration takes is in `config_variables.ts`.
 *
 * @module
 */
import type { Environment } from "./io.ts";

const REFERENCE = /\$\{([^{}]*)\}/g;

/**
 * Puts the values of variables in: `${NAME}`, `${env:NAME}` as Cursor and VS
 * Code write it, `${NAME:-default}` as Claude does, and `${userHome}`.
 *
 * @param text The text.
 * @param env The environment.
 * @returns The text with the values.
 * @throws {RangeError} When a variable is not set and has no default, or something else stands between the braces.
 */
export function expandHostVariables(text: string, env: Environment): string {
  return text.replace(REFERENCE, (whole, inner: string) => {
    if (inner === "userHome") {
      const home = env.get("HOME") ?? env.get("USERPROFILE");
      if (home === undefined) throw new RangeError(`has ${whole}, but HOME is not set`);
      return home;
    }
    const [, name, fallback] = /^(?:env:)?([A-Za-z_]\w*)(?::-(.*))?$/.exec(inner) ?? [];
    if (name === undefined) {
      throw new RangeError(`has ${whole}, which means nothing here; write \${NAME} of a variable`);
    }
    const value = env.get(name) ?? fallback;
    if (value === undefined) {
      throw new RangeError(`has ${whole}, but the variable ${name} is not set`);
    }
    return value;
  });
}
