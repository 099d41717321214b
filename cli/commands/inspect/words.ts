/**
 * The words of `cvm inspect`: which server, and what to do there.
 *
 * @module
 */
import { didYouMean } from "../../did_you_mean.ts";
import { UsageError } from "../../exit_codes.ts";

/** A subcommand. */
interface Subcommand {
  /** The least number of words after it. */
  readonly min: number;
  /** The greatest number of words after it. */
  readonly max: number;
  /** What is missing when there are too few. */
  readonly needs?: string;
  /** Whether it is about no server. */
  readonly alone?: boolean;
}

/** The subcommands; an overview is what is shown without one. */
export const SUBCOMMANDS: ReadonlyMap<string, Subcommand> = new Map<string, Subcommand>([
  ["tools", { min: 0, max: 0 }],
  ["resources", { min: 0, max: 0 }],
  ["templates", { min: 0, max: 0 }],
  ["prompts", { min: 0, max: 0 }],
  ["schema", { min: 1, max: 1, needs: "the name of a tool" }],
  ["call", { min: 1, max: Infinity, needs: "the name of a tool" }],
  ["read", { min: 1, max: 1, needs: "the URI of a resource" }],
  ["get", { min: 1, max: Infinity, needs: "the name of a prompt" }],
  ["complete", {
    min: 2,
    max: Infinity,
    needs: "a prompt or URI template, and an argument's name",
  }],
  ["ping", { min: 0, max: 0 }],
  ["raw", { min: 1, max: 2, needs: "the name of a method" }],
  ["doctor", { min: 0, max: 0 }],
  ["diff", { min: 1, max: 1, needs: "what to compare with: a server, or @FILE" }],
  ["watch", { min: 0, max: 0, alone: true }],
  ["replay", { min: 1, max: 1, needs: "a file", alone: true }],
]);

/** What the words say. */
export interface InspectTask {
  /** The server, with `--servers` its name in the file; `undefined` with `--stdio` and `--http`, and for what is about no server. */
  readonly server: string | undefined;
  /** The subcommand; `undefined` for the overview. */
  readonly what: string | undefined;
  /** The words after it. */
  readonly words: readonly string[];
}

/**
 * Tells the server from what to do there. The server comes first, or right
 * after the subcommand.
 *
 * @param words What stands on the command line.
 * @param options `hasTarget`: whether an option names the server already.
 * @throws {UsageError} When there is no such subcommand, or too few or too many words.
 */
export function readWords(
  words: readonly string[],
  { hasTarget }: { readonly hasTarget: boolean },
): InspectTask {
  const [first, second, ...others] = words;
  const subcommand = SUBCOMMANDS.get(first ?? "");
  if (hasTarget) return check({ server: undefined, what: first, words: words.slice(1) });
  if (first === undefined) {
    throw new UsageError(
      "name a server, or an MCP server with --stdio -- COMMAND, --http URL or --servers FILE NAME",
    );
  }
  if (subcommand === undefined) return check({ server: first, what: second, words: others });
  if (subcommand.alone) return check({ server: undefined, what: first, words: words.slice(1) });
  if (second === undefined) throw new UsageError(`"${first}" needs a server after it`);
  return check({ server: second, what: first, words: others });
}

function check(task: InspectTask): InspectTask {
  const { what, words } = task;
  if (what === undefined) return task;
  const subcommand = SUBCOMMANDS.get(what);
  if (subcommand === undefined) {
    const known = [...SUBCOMMANDS.keys()];
    // The subcommand may also stand before the server: whichever word is nearer to one.
    const hint = [1, 2, 3].map((maxDistance) =>
      didYouMean(what, known, { maxDistance }) ||
      didYouMean(task.server ?? "", known, { maxDistance })
    ).find((text) => text !== "") ?? "";
    throw new UsageError(`there is no "${what}"; there are: ${known.join(", ")}${hint}`);
  }
  if (subcommand.alone && task.server !== undefined) {
    throw new UsageError(`"${what}" is about no server: cvm inspect ${what}`);
  }
  if (words.length < subcommand.min) {
    throw new UsageError(`"${what}" needs ${subcommand.needs} after it`);
  }
  if (words.length > subcommand.max) {
    throw new UsageError(`"${words[subcommand.max]}" is too much after "${what}"`);
  }
  return task;
}
