/**
 * Checks `docs/PROTOCOL.md` against the tests: each requirement that it says
 * is met is cited by a test, and each citation in a test exists.
 *
 * A requirement is a table row `| CEP4-3 | MUST | … | met |`, or `| F07 | … |`
 * for a fault. A test cites it in its name, or in a `//` comment inside it or
 * directly above it; a fault is cited in the name. A mention anywhere else, or
 * in a test that is skipped, counts for nothing and is a problem.
 */
const ID = /\b(?:(?:SPEC|CEP\d+|NIP\d+)-\d+|F[0-4]\d(?!\d))\b/g;
const ROW = /^\| ((?:SPEC|CEP\d+|NIP\d+)-\d+|F\d\d) /;
const LEVELS = ["MUST", "SHOULD", "MAY"];
const TEST = /^(\s*)Deno\.test(\.\w+)?\(/;

interface Requirement {
  readonly id: string;
  readonly level: string;
  readonly status: string;
}

const problems: string[] = [];

function readPage(page: string): ReadonlyMap<string, Requirement> {
  const found = new Map<string, Requirement>();
  for (const line of page.split("\n")) {
    const id = ROW.exec(line)?.[1];
    if (id === undefined) continue;
    const [, , level = "", text = "", status = "", ...rest] = line.split("|").map((cell) =>
      cell.trim()
    );
    if (rest.length !== 1) problems.push(`${id}: its row has not four cells`);
    if (found.has(id)) problems.push(`${id} stands there twice`);
    if (text === "") problems.push(`${id} says nothing`);
    if (!["met", "open"].includes(status)) problems.push(`${id}: unknown status "${status}"`);
    if (!id.startsWith("F") && !LEVELS.includes(level)) {
      problems.push(`${id}: unknown level "${level}"`);
    }
    found.set(id, { id, level, status });
  }
  return found;
}

async function* testFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* testFiles(path);
    else if (name.endsWith("_test.ts")) yield path;
  }
}

/** The ids that the tests of a file cite. */
function citations(path: string, text: string): readonly string[] {
  const lines = text.split("\n");
  const found: string[] = [];
  const note = (line: number, counts: boolean, namesFaults: boolean) => {
    const comment = /(?:^|\s)\/\/ .*/.exec(lines[line]!)?.[0] ?? "";
    for (const [id] of (namesFaults ? lines[line]! : comment).matchAll(ID)) {
      if (!counts) problems.push(`${path}:${line + 1}: ${id} is cited outside of a test that runs`);
      else if (namesFaults || !id.startsWith("F")) found.push(id);
    }
  };
  let last = -1;
  for (let at = 0; at < lines.length; at++) {
    const test = TEST.exec(lines[at]!);
    if (test === null) continue;
    const indent = test[1]!;
    let first = at;
    while (lines[first - 1]?.startsWith(`${indent}//`)) first -= 1;
    for (let line = last + 1; line < first; line++) note(line, false, false);
    last = at;
    while (last < lines.length - 1 && !lines[last]!.startsWith(`${indent}}`)) last += 1;
    const runs = test[2] === undefined && !/\bignore: true\b/.test(lines.slice(at, last).join(" "));
    for (let line = first; line <= last; line++) note(line, runs, line === at);
    at = last;
  }
  for (let line = last + 1; line < lines.length; line++) note(line, false, false);
  return found;
}

const listed = readPage(await Deno.readTextFile("docs/PROTOCOL.md"));
const cited = new Set<string>();
for await (const path of testFiles("tests")) {
  for (const id of citations(path, await Deno.readTextFile(path))) cited.add(id);
}
for (const { id, status } of listed.values()) {
  if (status === "met" && !cited.has(id)) {
    problems.push(`${id} is said to be met, and no test cites it`);
  }
  if (status === "open" && cited.has(id)) {
    problems.push(`${id} is said to be open, and a test cites it`);
  }
}
for (const id of cited) {
  if (!listed.has(id)) problems.push(`${id} is cited by a test and not in docs/PROTOCOL.md`);
}

for (const problem of problems) console.error(problem);
const met = [...listed.values()].filter(({ status }) => status === "met").length;
console.log(`${met} requirements met, ${listed.size - met} open, ${problems.length} problems`);
Deno.exit(problems.length === 0 ? 0 : 1);
