/**
 * Every mode of a client with every mode of a server, in several dimensions,
 * and the table of it in `docs/INTEROP.md`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ALL_MODES, describe, type PeerModes, type Verdict } from "./_modes.ts";

const PAGE = new URL("../../docs/INTEROP.md", import.meta.url);

/** One thing that is tried with each pair of modes. A further dimension of the table is one more of these. */
export interface Dimension {
  /** What stands for it in the cells of the table. */
  readonly letter: string;
  /** What is tried, for the legend. */
  readonly title: string;
  /** What a pair of modes is to come to. */
  readonly expected: (client: PeerModes, server: PeerModes) => Verdict;
  /** What it comes to; any other text says what went wrong. */
  readonly attempt: (client: PeerModes, server: PeerModes) => Promise<Verdict | string>;
  /**
   * Whether each server is to have one client at a time.
   * @default {false}
   */
  readonly oneByOne?: boolean;
}

/**
 * Tries every pair in every dimension, and checks that each comes to what it is to come to.
 *
 * @returns The table: a row for each client, a column for each server.
 */
export async function runMatrix(dimensions: readonly Dimension[]): Promise<string> {
  const cells = new Map<string, string>();
  for (const { letter, title, expected, attempt, oneByOne = false } of dimensions) {
    for (const encryption of ["optional", "required", "disabled"]) {
      const clients = ALL_MODES.filter((modes) => modes.encryption === encryption);
      const columns = await Promise.all(ALL_MODES.map(async (server) => {
        const column: Promise<{ actual: string; expected: string }>[] = [];
        for (const client of clients) {
          const row = attempt(client, server).then((actual) => {
            const name = pairName(client, server);
            if (actual === "works") cells.set(name, (cells.get(name) ?? "") + letter);
            const start = `${title} ${name}:`;
            return {
              actual: `${start} ${actual}`,
              expected: `${start} ${expected(client, server)}`,
            };
          });
          column.push(row);
          if (oneByOne) await row;
        }
        return await Promise.all(column);
      }));
      const rows = columns.flat();
      assertEquals(rows.map(({ actual }) => actual), rows.map(({ expected }) => expected));
    }
  }
  const legend = dimensions.map(({ letter, title }) => `- **${letter}** ${title}`);
  const header = ["client ↓ server →", ...ALL_MODES.map(describe)];
  const rows = ALL_MODES.map((client) => [
    describe(client),
    ...ALL_MODES.map((server) => cells.get(pairName(client, server)) ?? "–"),
  ]);
  const table = [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`);
  return [...legend, "", ...table].join("\n");
}

function pairName(client: PeerModes, server: PeerModes): string {
  return `${describe(client)} → ${describe(server)}`;
}

/**
 * Checks that a section of `docs/INTEROP.md` says what this run saw; with `CVM_WRITE_DOCS=1` it
 * is written instead. The section stands between `<!-- NAME -->` and `<!-- /NAME -->`.
 */
export async function checkSection(name: string, text: string): Promise<void> {
  const page = await Deno.readTextFile(PAGE);
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  if (from < begin.length || to < from) throw new Error(`docs/INTEROP.md has no section ${name}`);
  if (Deno.env.get("CVM_WRITE_DOCS") === "1") {
    await Deno.writeTextFile(PAGE, `${page.slice(0, from)}\n\n${text}\n\n${page.slice(to)}`);
    return;
  }
  assertEquals(
    withoutLayout(page.slice(from, to)),
    withoutLayout(text),
    `The section ${name} of docs/INTEROP.md is old; "deno task interop" writes it anew`,
  );
}

/** Lines without what the formatter puts in. */
function withoutLayout(text: string): string[] {
  const lines = text.split("\n").map((line) => line.replace(/-{3,}/g, "---").replace(/ +/g, " "));
  return lines.map((line) => line.trim()).filter((line) => line !== "");
}
