/**
 * The first line of a command's help: its options stand below, one by one, so
 * that here `[OPTIONS]` is enough.
 *
 * @module
 */
import type { Usage, UsageTerm } from "@optique/core/usage";

/** The usage of commands, with lines of help in which `[OPTIONS]` stands for all that may be left out. */
export function withShortLines(usage: Usage): Usage {
  return usage.map(withShortLine);
}

function withShortLine(term: UsageTerm): UsageTerm {
  switch (term.type) {
    case "command":
      return { ...term, usageLine: shortLine };
    case "exclusive":
      return { ...term, terms: term.terms.map(withShortLines) };
    case "optional":
    case "multiple":
    case "sequence":
      return { ...term, terms: withShortLines(term.terms) };
    default:
      return term;
  }
}

/** Names the commands of a group, and of a command its arguments and the options that must be there. */
function shortLine(line: Usage): Usage {
  const [first, ...rest] = line;
  if (first?.type === "command") return [first, ...shortLine(rest)];
  const kept = line.filter((term) => !isOption(term)).map((term) =>
    term.type === "exclusive" ? { ...term, terms: term.terms.map(shortLine) } : term
  );
  return kept.length === line.length ? kept : [{ type: "literal", value: "[OPTIONS]" }, ...kept];
}

/** Whether nothing but options is in a term that may be left out. */
function isOption(term: UsageTerm): boolean {
  return (term.type === "optional" || (term.type === "multiple" && term.min === 0)) &&
    term.terms.every(isOptionAlone);
}

function isOptionAlone(term: UsageTerm): boolean {
  switch (term.type) {
    case "option":
      return true;
    case "exclusive":
      return term.terms.every((terms) => terms.every(isOptionAlone));
    case "optional":
    case "multiple":
    case "sequence":
      return term.terms.every(isOptionAlone);
    default:
      return false;
  }
}
