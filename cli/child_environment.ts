/**
 * The environment of the process behind a gateway: what a user expects who has
 * started it by hand.
 *
 * @module
 */
import { parse } from "dotenv";
import { InputError } from "../errors.ts";
import type { Environment } from "./io.ts";
import { SECRET_VARIABLES } from "./secret_variables.ts";

/** What a child gets with `--clean-env`: enough to find programs, home and a place for temporary files. */
const BASIC_VARIABLES: readonly string[] = [
  "HOME",
  "LANG",
  "LOGNAME",
  "PATH",
  "SHELL",
  "TERM",
  "TMPDIR",
  "USER",
  // Windows
  "APPDATA",
  "HOMEDRIVE",
  "HOMEPATH",
  "LOCALAPPDATA",
  "PATHEXT",
  "PROGRAMFILES",
  "SYSTEMDRIVE",
  "SYSTEMROOT",
  "TEMP",
  "TMP",
  "USERNAME",
  "USERPROFILE",
];

/** How the environment of a child is made. */
export interface ChildEnvironmentOptions {
  /** The gateway's own environment. */
  readonly env: Environment;
  /** Whether to start from the few basic variables instead of everything. */
  readonly clean: boolean;
  /** Files of `KEY=VALUE` lines; later ones win. */
  readonly files: readonly string[];
  /** `KEY=VALUE`, or `KEY` for the value in the gateway's own environment; these win over files. */
  readonly assignments: readonly string[];
}

/**
 * Makes the environment of a child.
 *
 * @returns All variables of the child.
 * @throws {InputError} CONFIG_INVALID when a file can't be read or an assignment is none.
 */
export async function childEnvironment(
  options: ChildEnvironmentOptions,
): Promise<Record<string, string>> {
  const inherited = options.env.all();
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    // Secrets of the gateway itself are none of the child's business.
    if (SECRET_VARIABLES.includes(name)) continue;
    if (!options.clean || BASIC_VARIABLES.includes(name.toUpperCase())) variables[name] = value;
  }
  for (const file of options.files) Object.assign(variables, await readEnvironmentFile(file));
  for (const assignment of options.assignments) assign(variables, assignment, inherited);
  return variables;
}

async function readEnvironmentFile(file: string): Promise<Record<string, string>> {
  try {
    return parse(await Deno.readTextFile(file));
  } catch (cause) {
    throw new InputError(
      "CONFIG_INVALID",
      `--env-file ${file} can't be read: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

function assign(
  variables: Record<string, string>,
  assignment: string,
  inherited: Readonly<Record<string, string>>,
): void {
  const at = assignment.indexOf("=");
  const name = at < 0 ? assignment : assignment.slice(0, at);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    // What stands there may be a secret: it is not repeated.
    throw new InputError("CONFIG_INVALID", "--env wants NAME=VALUE, or NAME alone to pass it on");
  }
  if (at >= 0) {
    variables[name] = assignment.slice(at + 1);
    return;
  }
  const value = inherited[name];
  if (value === undefined) {
    throw new InputError("CONFIG_INVALID", `--env ${name}: there is no such variable to pass on`);
  }
  variables[name] = value;
}
