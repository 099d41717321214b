/** Real shells that complete command lines of `cvm`. */

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
/** What the program may do while it completes. */
const PERMISSIONS = ["--allow-read", "--allow-write", "--allow-env", "--allow-net=127.0.0.1"];

/** The shells that are run. */
export const SHELLS = ["bash", "zsh", "fish", "nu"] as const;
/** One of them. */
export type Shell = typeof SHELLS[number];

/** What bash and zsh show of the words that have become of a line. */
const SHOW = String.raw`show() { printf '\n@@'; printf '%s\036' "$@"; printf '@@\n'; }`;

/** Where `cvm` is a program, and where a shell finds it and nothing of who runs the tests. */
export interface ShellPlace {
  /** The working directory. */
  readonly path: string;
  /** The variables. */
  readonly env: Record<string, string>;
}

/** Puts a program `cvm` into a folder. */
export async function makeShellPlace(path: string): Promise<ShellPlace> {
  await Deno.mkdir(`${path}/bin`);
  const program = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--config", CONFIG];
  const command = [...program, ...PERMISSIONS, MAIN].map((word) => `"${word}"`).join(" ");
  await Deno.writeTextFile(`${path}/bin/cvm`, `#!/bin/sh\nexec ${command} "$@"\n`, {
    mode: 0o755,
  });
  const env = {
    XDG_CONFIG_HOME: path,
    XDG_CACHE_HOME: `${path}/cache`,
    HOME: path,
    TERM: "dumb",
    LANG: "C.UTF-8",
    PATH: `${path}/bin:${Deno.env.get("PATH")}`,
    // The program's own modules are cached where they always are.
    DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
  };
  return { path, env };
}

/**
 * What a shell makes of lines when it is asked for all completions of the word at their end.
 *
 * @returns The words that it puts there, for each line; `undefined`, and a word about it, where the shell is missing.
 */
export async function completeIn(
  shell: Shell,
  lines: readonly string[],
  place: ShellPlace,
): Promise<readonly (readonly string[])[] | undefined> {
  if (shell === "nu") return await completeInNu(lines, place);
  if (shell !== "fish") {
    const keys = await typeInto(shell, lines.map((line) => line + ALL), place);
    return keys?.map((words, at) => words.slice(wordsBefore(lines[at] ?? "")));
  }
  const asked = lines.map((line) => `complete -C ${quoted(line)}; echo @@`);
  const output = await run("fish", ["--no-config"], {
    place,
    stdin: ["cvm completion fish | source", ...asked, ""].join("\n"),
  });
  return output?.split("@@\n").slice(0, -1).map((text) =>
    text.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[0] ?? "")
  );
}

/** What nu's completer, which the script sets, says of lines. */
async function completeInNu(lines: readonly string[], place: ShellPlace) {
  const call = async (script: string) =>
    await run("nu", ["--no-config-file", "-c", script], { place });
  if (await call("^cvm completion nu | save cvm.nu") === undefined) return undefined;
  const asked = lines.map((line) =>
    `do $env.config.completions.external.completer ${
      JSON.stringify(line.split(" "))
    } | to json --raw | print`
  );
  const output = await call(`source cvm.nu; ${asked.join("; ")}`);
  return output?.trim().split("\n").map((line) => {
    const found: readonly { value: string; display_override?: string }[] = JSON.parse(line);
    // What nu would take for a number, it puts in quotes, and shows without.
    return found.map(({ value, display_override = value }) => display_override);
  });
}

/** The key for all completions at once, in bash and in what is set up for zsh. */
const ALL = "\x1b*";

/**
 * Types lines into bash or zsh, and reads what words they are when they are run.
 *
 * @param lines What is typed, tabs and other keys with it.
 */
export async function typeInto(
  shell: "bash" | "zsh",
  lines: readonly string[],
  place: ShellPlace,
): Promise<readonly (readonly string[])[] | undefined> {
  // To the begin of the line, so that the words are shown instead of run.
  const typed = lines.map((line) => `${line}\x01show \n`);
  const output = shell === "bash"
    ? await run("bash", ["--norc", "-i"], {
      place,
      stdin: ['eval "$(cvm completion bash)"; PS1=', SHOW, ...typed].join("\n"),
    })
    : await run("zsh", ["-f", "-c", inTerminal(typed)], { place });
  return output?.split("@@").filter((_, at) => at % 2 === 1).map((text) =>
    text.replaceAll("\r", "").split("\x1e").slice(0, -1)
  );
}

/** A script of zsh that types lines into an interactive zsh in a terminal of its own. */
function inTerminal(typed: readonly string[]): string {
  const setUp = [
    "PS1=; stty -echo columns 4000; autoload -U compinit; compinit -u -D",
    "zle -C all complete-word _generic; bindkey '\\e*' all",
    "zstyle ':completion:all:*' insert yes",
    "zstyle ':completion:all::::' completer _all_matches _complete",
    `eval "$(cvm completion zsh)"; ${SHOW}; echo re''ady`,
  ].join("; ");
  return [
    "zmodload zsh/zpty; zpty inner zsh -f -i",
    `zpty -w inner ${quoted(setUp)}; zpty -r inner answer '*ready*'`,
    ...typed.map((line) =>
      `zpty -w -n inner ${quoted(line)}; zpty -r inner answer '*@@*@@*'; print -r -- "$answer"`
    ),
    "zpty -d inner",
  ].join("\n");
}

/** A text as one word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** How many whole words stand before the one that is completed. */
function wordsBefore(line: string): number {
  return line.split(/\s+/).length - 1;
}

/** Runs a shell; `undefined`, and a word about it, where it is missing. */
async function run(
  shell: Shell,
  args: readonly string[],
  { place, stdin = "" }: { readonly place: ShellPlace; readonly stdin?: string },
): Promise<string | undefined> {
  try {
    const child = new Deno.Command(shell, {
      args: [...args],
      env: place.env,
      clearEnv: true, // npm sets EDITOR=vi, by which zsh takes other keys
      cwd: place.path,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      signal: AbortSignal.timeout(120_000),
    }).spawn();
    const writer = child.stdin.getWriter();
    const [{ stdout }] = await Promise.all([
      child.output(),
      writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()),
    ]);
    return new TextDecoder().decode(stdout);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log(`SKIPPED: ${shell} is not installed`);
    return undefined;
  }
}
