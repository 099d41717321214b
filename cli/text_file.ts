/**
 * Files that people write, which are never large.
 *
 * @module
 */

/**
 * Reads a text file of a bounded size.
 *
 * @param path The file.
 * @param options How many bytes it may have.
 * @throws {Error} When it can't be read, is a folder, or is larger.
 */
export async function readSmallFile(
  path: string,
  { maxBytes }: { readonly maxBytes: number },
): Promise<string> {
  const { size, isDirectory } = await Deno.stat(path);
  if (isDirectory) throw new Error("it is not a file");
  if (size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
  return await Deno.readTextFile(path);
}
