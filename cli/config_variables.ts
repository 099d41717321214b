/**
 * `${NAME}` in the texts of cvm's own configuration, some of which strangers
 * may have written. What MCP hosts write is in `host_variables.ts`.
 *
 * @module
 */
import { InputError } from "../errors.ts";
import type { Environment } from "./io.ts";
import { SECRET_VARIABLES } from "./secret_variables.ts";

/** Where variables come from. */
export interface ExpandOptions {
  /** The environment. */
  readonly env: Environment;
  /**
   * Whether the text was written by the user. A project's file may come from a stranger, who could
   * send any variable to a relay of his own: it sees `HOME` and `CVM_…` only.
   */
  readonly isTrusted: boolean;
}

/**
 * Replaces `${NAME}` by a variable, and `${NAME:-text}` by the text where there is none.
 * `$${` stands for `${`.
 *
 * @param text The text.
 * @param options Where variables come from.
 * @returns The text, expanded once: what comes from a variable is left as it is.
 * @throws {InputError} CONFIG_INVALID when a variable is not set, may not be used, or the text is no such pattern.
 */
export function expandConfigVariables(text: string, options: ExpandOptions): string {
  return text.replace(/\$\$\{|\$\{([^}]*)\}?/g, (match, inside: string | undefined) => {
    if (inside === undefined) return "${";
    const [, name = "", fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/.exec(inside) ?? [];
    if (name === "" || !match.endsWith("}")) {
      throw problem(
        `"\${${inside}" is no variable; write \${NAME} or \${NAME:-text}, and $\${ for \${`,
      );
    }
    if (SECRET_VARIABLES.includes(name)) {
      throw problem(`\${${name}} is a secret, and has no place here`);
    }
    if (!options.isTrusted && name !== "HOME" && !name.startsWith("CVM_")) {
      throw problem(
        `\${${name}}: a project's file may use HOME and variables that begin with CVM_; others belong into your own file`,
      );
    }
    const value = options.env.get(name);
    if (value !== undefined && value !== "") return value;
    if (fallback !== undefined) return fallback;
    throw problem(`the variable ${name} is not set; \${${name}:-text} would have a default`);
  });
}

function problem(what: string): InputError {
  return new InputError("CONFIG_INVALID", what);
}
