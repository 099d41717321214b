/**
 * The manual page of `cvm`, in the language of man(7), made from the same
 * definitions as `--help`.
 *
 * @module
 */
import type { DocSection } from "@optique/core/doc";
import { formatMessage, type Message } from "@optique/core/message";
import { getDocPage } from "@optique/core/parser";
import { formatUsage, formatUsageTerm, type UsageTerm } from "@optique/core/usage";
import { cvmCommand } from "./commands.ts";
import { knownCommands } from "./known_commands.ts";
import { briefs, EXIT_MEANINGS, MAIN_COMMANDS } from "./overview.ts";
import { VERSION } from "./version.ts";

/** Options that so many commands have in common are told of once. */
const COMMON_FROM = 4;

const ENVIRONMENT: readonly (readonly [name: string, about: string])[] = [
  ["CVM_CONFIG", "The configuration file to read in the place of others."],
  ["CVM_RELAYS", "Relays to use where nothing names better ones, with commas between them."],
  ["CVM_OPTION, CVM_COMMAND_OPTION", "Any option, such as CVM_TIMEOUT or CVM_PROXY_HTTP."],
  ["CVM_PRIVATE_KEY, CVM_KEY_PASSWORD", "The key itself, and the password of an encrypted one."],
  ["CVM_UPSTREAM_BEARER", "The token for the HTTP endpoint behind a gateway."],
  ["CVM_HTTP_BEARER", "The token that HTTP clients of a proxy must show."],
  ["CVM_BUNKER_TIMEOUT", "How long a bunker may take where --timeout does not say it."],
  ["CVM_COMPLETE_TIMEOUT", "Seconds that a completion may ask relays for; 0 for never."],
  ["CVM_COMPLETE_CACHE", "With off, no names are kept for completions."],
  ["NO_COLOR", "No colours."],
];

const FILES: readonly (readonly [name: string, about: string])[] = [
  ["~/.config/cvm/config.json", "Your configuration."],
  ["cvm.json", "The configuration of a project, in its folder."],
  ["~/.config/cvm/keys/", "Keys."],
  ["~/.cache/cvm/names.json", "Names of what servers offer, for completions."],
];

/** Makes the page. */
export function manPage(): string {
  const pages = knownCommands().map(({ path }) => ({
    path,
    page: getDocPage(cvmCommand(), [...path]) ?? { sections: [] },
  }));
  const sections = pages.flatMap(({ page }) => page.sections);
  const isCommon = ({ title }: DocSection) =>
    title !== undefined && sections.filter((one) => one.title === title).length >= COMMON_FROM;
  const common = new Map<string, DocSection>();
  for (const section of sections.filter(isCommon)) {
    const { title = "", entries } = section;
    const before = common.get(title)?.entries ?? [];
    const names = new Set(before.map(({ term }) => formatUsageTerm(term)));
    const added = entries.filter(({ term }) => !names.has(formatUsageTerm(term)));
    common.set(title, { title, entries: [...before, ...added] });
  }
  const lines = [
    `.TH CVM 1 "" "cvm ${VERSION}" "User Commands"`,
    ".nh", // names are not taken apart
    ".ad l",
    ".SH NAME",
    `cvm \\- the Model Context Protocol over Nostr (ContextVM)`,
    ".SH SYNOPSIS",
    ".B cvm",
    ".I COMMAND",
    "[\\fIOPTION\\fR]...",
    ".SH DESCRIPTION",
    ...Object.entries(MAIN_COMMANDS).flatMap(([name, example]) => [
      ...tagged(`cvm ${name}`, briefs().get(name) ?? ""),
      ".RS",
      ...verbatim(example),
      ".RE",
    ]),
    ".SH COMMANDS",
    ...pages.flatMap(({ path, page: { usage = [], brief, description, sections } }) => [
      `.SS ${roff(`cvm ${path.join(" ")}`)}`,
      roff(formatUsage("cvm", withoutOptions(usage))),
      ...paragraph(textOf(description ?? brief)),
      ...sections.filter((section) => !isCommon(section)).flatMap(sectionLines),
      ...also(sections.filter(isCommon)),
    ]),
    ".SH COMMON OPTIONS",
    ...[...common.values()].flatMap(sectionLines),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, about]) => tagged(name, about)),
    ".SH FILES",
    ...FILES.flatMap(([name, about]) => tagged(name, about)),
    ".SH EXIT STATUS",
    ...EXIT_MEANINGS.flatMap(([code, meaning]) => tagged(String(code), `${meaning}.`)),
  ];
  return lines.join("\n") + "\n";
}

function also(sections: readonly DocSection[]): readonly string[] {
  if (sections.length === 0) return [];
  const titles = sections.map(({ title }) => title).join(", ");
  return paragraph(`Beside these, the common options: ${titles}.`);
}

function sectionLines({ title, entries }: DocSection): readonly string[] {
  return [
    ...title === undefined ? [] : paragraph(`${title}:`),
    ...entries.flatMap(({ term, description, default: preset }) => {
      const text = textOf(description);
      return tagged(
        formatUsageTerm(term, { optionsSeparator: ", " }),
        preset === undefined ? text : `${text} Default: ${textOf(preset)}.`,
      );
    }),
  ];
}

/** A usage with a word in the place of all its options. */
function withoutOptions(usage: readonly UsageTerm[]): readonly UsageTerm[] {
  const isOption = (term: UsageTerm): boolean =>
    term.type === "option" ||
    ((term.type === "optional" || term.type === "multiple") && term.terms.every(isOption));
  const isNamed = ({ type }: UsageTerm) => type === "command";
  const others = usage.filter((term) => !isOption(term) && !isNamed(term));
  const options: UsageTerm = { type: "literal", value: "[OPTION...]" };
  return [...usage.filter(isNamed), options, ...others];
}

function textOf(message: Message | undefined): string {
  return formatMessage(message ?? [], { colors: false, quotes: false });
}

function tagged(tag: string, text: string): readonly string[] {
  return [".TP", `\\fB${roff(tag)}\\fR`, roff(text)];
}

function paragraph(text: string): readonly string[] {
  return [".PP", roff(text)];
}

function verbatim(text: string): readonly string[] {
  return [".nf", roff(text), ".fi"];
}

/** A text in which nothing is a request, and which needs no locale. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/\s+/g, " ")
    .replace(/^[.']/, "\\&$&")
    .replace(
      /[^ -~]/gu,
      (sign) => `\\[u${sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
    );
}
