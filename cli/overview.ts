/**
 * What `cvm --help` shows: the three main commands with an example each, the
 * others beneath, on one screen.
 *
 * @module
 */
import { formatMessage } from "@optique/core/message";
import { getDocPage } from "@optique/core/parser";
import { cvmCommand } from "./commands.ts";
import { EXIT } from "./exit_codes.ts";

/** The main commands, each with a command line to begin with. */
export const MAIN_COMMANDS: Readonly<Record<string, string>> = {
  gateway: "cvm gateway -- npx -y @modelcontextprotocol/server-everything",
  proxy: "cvm proxy nprofile1...",
  inspect: "cvm inspect nprofile1... call echo message=hello",
};

/** The other commands. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  "Use servers": ["call", "discover", "review", "codegen"],
  "Run your own": ["announce", "relay", "bench", "keys", "config"],
};

/** What is no command of ours. */
const HELP: Readonly<Record<string, string>> = {
  help: "cvm help COMMAND; help --full for all of it, --man as a man page.",
  completion: "Print a script for bash, zsh, fish, pwsh or nu.",
};

/** What each exit code says. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, "done"],
  [EXIT.unexpected, "unexpected"],
  [EXIT.usage, "wrong input"],
  [EXIT.denied, "denied or to be paid"],
  [EXIT.unreachable, "nobody answers"],
  [EXIT.refused, "tool or peer says no"],
  [EXIT.integrity, "broken data"],
  [EXIT.interrupted, "interrupted"],
];

const BOLD = "\u001b[1m";
const DIM = "\u001b[2m";
const PLAIN = "\u001b[0m";

/** What each command is for, in a few words, by its name. */
export function briefs(): ReadonlyMap<string, string> {
  const page = getDocPage(cvmCommand(), []);
  const entries = page?.sections.flatMap((section) => section.entries) ?? [];
  return new Map(
    entries.flatMap(({ term, description = [] }) =>
      term.type === "command"
        ? [[term.name, formatMessage(description, { colors: false, quotes: false })]]
        : []
    ),
  );
}

/**
 * The text of `cvm --help`.
 *
 * @param colours Whether colours may be used.
 * @returns At most 24 lines of at most 80 columns.
 */
export function overview(colours: boolean): string {
  const known = briefs();
  const style = (text: string, code: string) => colours ? code + text + PLAIN : text;
  const line = (name: string, about: string) => `  ${style(name.padEnd(12), BOLD)}${about}`;
  const brief = (name: string) => line(name, known.get(name) ?? "");
  const codes = EXIT_MEANINGS.map(([code, meaning]) => `${code} ${meaning}`);
  return [
    "cvm, ContextVM: the Model Context Protocol over Nostr. Usage: cvm COMMAND ...",
    ...Object.entries(MAIN_COMMANDS).flatMap(([name, example]) => [
      brief(name),
      `                ${style(example, DIM)}`,
    ]),
    ...Object.entries(GROUPS).flatMap(([title, names]) => [`${title}:`, ...names.map(brief)]),
    "Help:",
    ...Object.entries(HELP).map(([name, about]) => line(name, about)),
    `Exit codes: ${codes.slice(0, 4).join(", ")},`,
    `  ${codes.slice(4).join(", ")}.`,
    "Documentation: docs/CLI.md; the version: cvm --version.",
    "",
  ].join("\n");
}
