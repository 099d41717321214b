/**
 * Checks `docs/PROTOCOL.md` against the tests: each requirement that it says
 * is met is cited by a test, and each citation in a test exists.
 *
 * A requirement is a table row `| CEP4-3 | MUST | … | met |`; a test cites it,
 * or a fault (`F07`), in its name.
 */
const ID = /\b(?:SPEC|CEP\d+|NIP\d+)-\d+\b/g;

async function* testFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* testFiles(path);
    else if (name.endsWith("_test.ts")) yield path;
  }
}

const page = await Deno.readTextFile("docs/PROTOCOL.md");
const rows = page.split("\n").filter((line) => /^\| (?:SPEC|CEP\d+|NIP\d+|F)-?\d+ /.test(line));
const listed = new Map(rows.map((row) => {
  const cells = row.split("|").map((cell) => cell.trim());
  return [cells[1]!, cells[4]!] as const;
}));

const cited = new Set<string>();
for await (const file of testFiles("tests")) {
  const text = await Deno.readTextFile(file);
  for (const match of text.matchAll(ID)) cited.add(match[0]);
  for (const match of text.matchAll(/\bF\d\d(?=[:,\s])/g)) cited.add(match[0]);
}

const problems: string[] = [];
for (const [id, status] of listed) {
  if (!["met", "open"].includes(status)) problems.push(`${id}: unknown status "${status}"`);
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
const met = [...listed.values()].filter((status) => status === "met").length;
console.log(`${met} requirements met, ${listed.size - met} open, ${problems.length} problems`);
Deno.exit(problems.length === 0 ? 0 : 1);
