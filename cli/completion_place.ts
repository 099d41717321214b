/**
 * What stands at the end of a command line that is being completed.
 *
 * @module
 */
import { SUBCOMMANDS } from "./commands/inspect/words.ts";
import { findCommand, type KnownCommand, type KnownOption } from "./known_commands.ts";

/** What has to be completed. */
export interface CompletionPlace {
  /** The command. */
  readonly command: KnownCommand;
  /**
   * What stands there: an option's or an argument's name in help, such as `FILE` or `SERVER`, and
   * for the words of `cvm inspect` what its subcommands take: `TOOL`, `PROMPT`, `URI`, `METHOD`,
   * `KEY=VALUE`, `ARGUMENT`, `WHAT`. Several where several may stand; none for an option's name.
   */
  readonly kinds: readonly string[];
  /** What has been typed of it. */
  readonly prefix: string;
  /** What stands before that in the same word: `--option=`. */
  readonly head: string;
  /** What the user calls the server, where one has been named. */
  readonly server?: string;
  /** Whose arguments are completed, where a tool or a prompt has been named, with those given already. */
  readonly call?: {
    readonly kind: "tools" | "prompts";
    readonly name: string;
    readonly given: readonly string[];
  };
  /** The values of options before it. */
  readonly options: ReadonlyMap<string, readonly string[]>;
}

/**
 * Finds out what has to be completed.
 *
 * @param words The command line, without the name of the program; its last word is being typed.
 * @returns The place; `undefined` where no command is named.
 */
export function placeOf(words: readonly string[]): CompletionPlace | undefined {
  const command = findCommand(words.slice(0, -1));
  if (command === undefined) return undefined;
  const before = words.slice(command.path.length, -1);
  const prefix = words.at(-1) ?? "";
  const { options, positional, pending, isBehindDashes } = read(command, before);
  const common = { command, options, head: "", prefix };
  if (isBehindDashes) return { ...common, kinds: ["COMMAND LINE"] };
  if (pending?.metavar !== undefined) return { ...common, kinds: [pending.metavar] };
  const [, name = "", value = ""] = /^(--[^=]+)=(.*)$/s.exec(prefix) ?? [];
  const option = command.options.find(({ names }) => names.includes(name));
  if (option?.metavar !== undefined) {
    return { ...common, kinds: [option.metavar], head: `${name}=`, prefix: value };
  }
  if (prefix.startsWith("-")) return { ...common, kinds: [] };
  return { ...common, ...argumentAt(command, positional, options) };
}

/** What an argument is, by those before it. */
function argumentAt(
  { path, argumentNames }: KnownCommand,
  positional: readonly string[],
  options: CompletionPlace["options"],
): Pick<CompletionPlace, "kinds" | "server" | "call"> {
  if (path[0] === "inspect") return wordOfInspect(positional, options);
  const [server, tool = "", ...given] = positional;
  if (path[0] === "call") {
    const call = { kind: "tools", name: tool, given } as const;
    return { kinds: [argumentNames[Math.min(positional.length, 2)] ?? ""], server, call };
  }
  const kind = argumentNames[positional.length];
  return { kinds: kind === undefined ? [] : [kind], server };
}

function wordOfInspect(
  words: readonly string[],
  options: CompletionPlace["options"],
): Pick<CompletionPlace, "kinds" | "server" | "call"> {
  const [first, second = ""] = words;
  if (options.has("--stdio") || options.has("--http")) {
    // Nothing is known of a server that is not on Nostr.
    return { kinds: first === undefined ? ["WHAT"] : [] };
  }
  if (first === undefined) return { kinds: ["SERVER", "WHAT ALONE"] };
  const leading = SUBCOMMANDS.get(first);
  if (leading?.alone) return { kinds: first === "replay" ? ["FILE"] : [] };
  if (words.length === 1) return { kinds: [leading === undefined ? "WHAT" : "SERVER"] };
  const [what, server] = leading === undefined ? [second, first] : [first, second];
  const [name, ...given] = words.slice(2);
  const call = (kind: "tools" | "prompts") => ({ kind, name: name ?? "", given });
  switch (what) {
    case "schema":
      return { kinds: name === undefined ? ["TOOL"] : [], server };
    case "call":
      return { kinds: [name === undefined ? "TOOL" : "KEY=VALUE"], server, call: call("tools") };
    case "get":
      return {
        kinds: [name === undefined ? "PROMPT" : "KEY=VALUE"],
        server,
        call: call("prompts"),
      };
    case "complete": {
      const kinds = name === undefined ? ["PROMPT"] : given.length === 0 ? ["ARGUMENT"] : [];
      return { kinds, server, call: call("prompts") };
    }
    case "read":
      return { kinds: name === undefined ? ["URI"] : [], server };
    case "diff":
      return { kinds: name === undefined ? ["SERVER"] : [] };
    case "raw":
      return { kinds: name === undefined ? ["METHOD"] : [] };
    default:
      return { kinds: [] };
  }
}

/** Tells options and their values from arguments. */
function read({ options }: KnownCommand, before: readonly string[]) {
  const values = new Map<string, readonly string[]>();
  const positional: string[] = [];
  let pending: KnownOption | undefined;
  for (const word of before) {
    if (pending !== undefined) {
      values.set(pending.name, [...values.get(pending.name) ?? [], word]);
      pending = undefined;
      continue;
    }
    if (word === "--") return { options: values, positional, isBehindDashes: true };
    const [, name = word, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    const option = options.find(({ names }) => names.includes(name));
    if (option === undefined) {
      if (!word.startsWith("-")) positional.push(word);
    } else if (option.metavar !== undefined && value === undefined) pending = option;
    else values.set(option.name, [...values.get(option.name) ?? [], ...value ? [value] : []]);
  }
  return { options: values, positional, pending, isBehindDashes: false };
}
