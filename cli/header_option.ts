/**
 * HTTP headers of the command line: `NAME=VALUE`, with variables in the value.
 *
 * @module
 */
import { UsageError } from "./exit_codes.ts";
import { expandHostVariables } from "./host_variables.ts";
import type { Environment } from "./io.ts";
import { isHeader } from "./servers_file.ts";

/**
 * Reads headers.
 *
 * @param headers `NAME=VALUE`; `${NAME}` in a value stands for a variable.
 * @param env The environment.
 * @returns The values by their names.
 * @throws {UsageError} When one is no header, or a secret that other programs could read.
 */
export function parseHeaders(
  headers: readonly string[],
  env: Environment,
): Record<string, string> {
  return Object.fromEntries(headers.map((header) => parseHeader(header, env)));
}

function parseHeader(header: string, env: Environment): readonly [string, string] {
  const at = header.indexOf("=");
  const name = header.slice(0, at);
  // What stands there may be a secret: it is not repeated.
  if (at < 1) throw new UsageError("--header wants NAME=VALUE");
  const text = header.slice(at + 1);
  if (/^(authorization|cookie)$/i.test(name) && !text.includes("${")) {
    throw new UsageError(
      `--header ${name}: secrets are not taken from the command line; write \${NAME} of a variable`,
    );
  }
  try {
    const value = expandHostVariables(text, env);
    if (isHeader(name, value)) return [name, value];
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--header ${name} ${error.message}`);
    throw error;
  }
  throw new UsageError("--header: this is no HTTP header");
}
