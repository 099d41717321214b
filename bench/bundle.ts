/**
 * How much a bundle of an entry weighs, for `bench/weight.ts` and for the test that keeps the
 * client within its budget.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The client with all that it imports, minified and gzipped; it imports nothing of the MCP SDK. */
export const CLIENT_BUDGET_KB = 60;

const PROJECT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Bundles an entry for browsers, minified.
 *
 * @param entry Its path in the project.
 * @returns How many kilobytes (1,000 bytes) the bundle has, gzipped.
 */
export async function bundledKb(entry: string): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "cvm-bundle-" });
  try {
    const output = `${folder}/bundle.js`;
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--minify", "--platform", "browser", "--output", output, entry],
      cwd: PROJECT,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`deno bundle ${entry}: ${new TextDecoder().decode(stderr)}`);
    return await gzippedBytes(output) / 1_000;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function gzippedBytes(path: string): Promise<number> {
  using file = await Deno.open(path);
  let bytes = 0;
  const gzip = new CompressionStream("gzip");
  for await (const chunk of file.readable.pipeThrough(gzip)) bytes += chunk.length;
  return bytes;
}
