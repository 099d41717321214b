/**
 * `bench/RESULTS.md`: one section for each group, each from its own last run.
 *
 * @module
 */
import { cpus } from "node:os";
import config from "../../deno.json" with { type: "json" };
import type { Workbench } from "./workbench.ts";

const FILE = new URL("../RESULTS.md", import.meta.url);
const HEAD = `# Ours beside @contextvm/sdk

Written by \`deno task bench:sdk\`; don't edit. What is measured, and how, is in
[README.md](README.md). Each section has its own date and machine.
`;

/** What a run was made with. */
export function describeMachine({ nodeVersion, rounds }: Workbench): string {
  const all = cpus();
  const versions = [
    `Deno ${Deno.version.deno}`,
    ...(nodeVersion === "" ? [] : [`Node.js ${nodeVersion.slice(1)}`]),
    config.imports["@contextvm/sdk"].replace("npm:", "").replace(/@(?=\d)/, " "),
  ];
  const { os, arch } = Deno.build;
  return `${all.length} × ${all[0]?.model ?? "CPU"}, ${os} ${arch}, ${versions.join(", ")}; ` +
    (rounds === 1 ? "one round." : `median of ${rounds} rounds.`);
}

/** The file, read and written section by section. */
export class ResultsFile {
  readonly #names: readonly string[];

  /** @param names The sections, in their order. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Puts a section in the place of the one with its name. */
  async write(name: string, text: string): Promise<void> {
    const sections = await this.#read();
    sections.set(name, text.trim());
    const known = this.#names.filter((one) => sections.has(one));
    const parts = known.map((one) => `## ${one}\n\n${sections.get(one)}\n`);
    await Deno.writeTextFile(FILE, [HEAD, ...parts].join("\n"));
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["fmt", "--quiet", FILE.pathname],
    }).output();
    if (!success) throw new Error("deno fmt could not read the results");
  }

  async #read(): Promise<Map<string, string>> {
    const sections = new Map<string, string>();
    for (const part of (await readIfThere()).split(/^## /m).slice(1)) {
      const end = part.indexOf("\n");
      sections.set(part.slice(0, end).trim(), part.slice(end + 1).trim());
    }
    return sections;
  }
}

async function readIfThere(): Promise<string> {
  try {
    return await Deno.readTextFile(FILE);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
