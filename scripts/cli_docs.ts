/**
 * Makes what is written down about the command line from its definitions: the
 * pages of `--help` in `cli/help_pages.json`, and the reference in
 * `docs/CLI.md`. With `--check` it only looks whether they are up to date.
 */
import { runCli } from "../cli/app.ts";
import type { CliIo } from "../cli/io.ts";
import { knownCommands } from "../cli/known_commands.ts";

const PAGES = "cli/help_pages.json";
const DOCUMENT = "docs/CLI.md";
const BEGIN = "<!-- begin of what scripts/cli_docs.ts writes -->";
const END = "<!-- end of what scripts/cli_docs.ts writes -->";

/** What `cvm WORDS --help` prints. */
async function pageOf(words: readonly string[], isTerminal: boolean): Promise<string> {
  let out = "";
  const write = (text: string) => Promise.resolve(void (out += text));
  const io: CliIo = {
    stdin: new ReadableStream(),
    stdinIsTerminal: false,
    stdout: { isTerminal, write },
    stderr: { isTerminal: false, write },
    env: { get: () => undefined, all: () => ({}) },
    signal: new AbortController().signal,
  };
  const exitCode = await runCli([...words, "--help"], io);
  if (exitCode !== 0) throw new Error(`cvm ${words.join(" ")} --help: ${out}`);
  return out;
}

const commands = knownCommands().map(({ path }) => path.join(" "));
const groups = commands.flatMap((name) => name.includes(" ") ? [name.split(" ")[0] ?? ""] : []);
const names = [...new Set(["", ...groups, ...commands])];
const pages: Record<string, { readonly plain: string; readonly coloured: string }> = {};
for (const name of names) {
  const words = name.split(" ").filter((word) => word !== "");
  pages[name] = { plain: await pageOf(words, false), coloured: await pageOf(words, true) };
}

const reference = commands.map((name) =>
  `### cvm ${name}\n\n\`\`\`text\n${pages[name]?.plain.trimEnd()}\n\`\`\`\n`
);
const before = await Deno.readTextFile(DOCUMENT);
const [head = "", rest] = before.split(BEGIN);
const tail = rest?.split(END)[1];
if (tail === undefined) throw new Error(`${DOCUMENT} lacks the marks between which to write`);
const written = new Map([
  [PAGES, JSON.stringify(pages, null, 2) + "\n"],
  [DOCUMENT, `${head}${BEGIN}\n\n${reference.join("\n")}\n${END}${tail}`],
]);

let isStale = false;
for (const [file, text] of written) {
  if (await Deno.readTextFile(file) === text) continue;
  isStale = true;
  if (Deno.args.includes("--check")) console.error(`${file} is not up to date: deno task cli-docs`);
  else await Deno.writeTextFile(file, text);
}
Deno.exit(isStale && Deno.args.includes("--check") ? 1 : 0);
