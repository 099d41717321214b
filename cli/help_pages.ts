/**
 * The pages that `--help` shows, made in advance: a program that only tells
 * what it does need not load all that it does it with.
 *
 * @module
 */
import pages from "./help_pages.json" with { type: "json" };

/** A page without colours, and with. */
interface Page {
  readonly plain: string;
  readonly coloured: string;
}

const PAGES: Readonly<Record<string, Page>> = pages;

/**
 * The page that a command line asks for: `COMMAND --help` and `help COMMAND` that of a command, and
 * `help --full` all of them.
 *
 * @param args The command line.
 * @param colours Whether colours may be used.
 * @returns The page; `undefined` when the command line asks for something else, or may be wrong.
 */
export function helpPage(args: readonly string[], colours: boolean): string | undefined {
  if (/^(help --full|--help --full)$/.test(args.join(" "))) return allPages(colours);
  const isAsked = args.at(-1) === "--help" || args[0] === "help";
  if (!isAsked) return undefined;
  const words = args[0] === "help" ? args.slice(1) : args.slice(0, -1);
  const name = words.join(" ");
  if (!Object.hasOwn(PAGES, name)) return undefined;
  return colours ? PAGES[name]?.coloured : PAGES[name]?.plain;
}

/** The pages of all commands; those of groups of commands say nothing more. */
function allPages(colours: boolean): string {
  const names = Object.keys(PAGES);
  return names.filter((name) => name === "" || !names.some((one) => one.startsWith(`${name} `)))
    .map((name) => PAGES[name])
    .map((page) => colours ? page?.coloured : page?.plain)
    .join(`\n${"-".repeat(80)}\n\n`);
}
