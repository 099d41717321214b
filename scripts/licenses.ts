/**
 * The licences of the packages that went into a bundle: they want to be handed
 * on with it, and a bundle holds none of the files in which they stand.
 *
 * @module
 */
import { resolve } from "node:path";

/** How a bundle says from which file of which package the lines that follow are. */
const ORIGIN = /^\s*\/\/ (\S*\/npm\/[^/\s]+\/((?:@[^/\s]+\/)?[^/\s]+)\/(\d[^/\s]*))\//gm;

/**
 * Gathers the licences.
 *
 * @param bundle The folder of the bundle.
 * @param project The folder from which it was made.
 * @returns One text: name, version and licence of each package, by name.
 */
export async function licensesOf(bundle: string, project: string): Promise<string> {
  const folders = new Map<string, string>();
  for await (const { name } of Deno.readDir(bundle)) {
    if (!name.endsWith(".js")) continue;
    const source = await Deno.readTextFile(`${bundle}/${name}`);
    for (const [, folder = "", title, version] of source.matchAll(ORIGIN)) {
      folders.set(`${title} ${version}`, resolve(project, folder));
    }
  }
  let text = "";
  for (const [title, folder] of [...folders].sort()) {
    text += `${title}\n\n${(await licenseIn(folder)).trim()}\n\n----\n\n`;
  }
  return text;
}

/** The licence in a package's folder, else what its `package.json` calls it. */
async function licenseIn(folder: string): Promise<string> {
  for await (const { name } of Deno.readDir(folder)) {
    if (/^licen[cs]e/i.test(name)) return await Deno.readTextFile(`${folder}/${name}`);
  }
  return String(JSON.parse(await Deno.readTextFile(`${folder}/package.json`)).license);
}
