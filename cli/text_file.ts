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
  const tooLarge = () => new Error(`it is larger than ${maxBytes} bytes`);
  if (size > maxBytes) throw tooLarge();
  // A pipe or a device has no size, and a file may grow.
  using file = await Deno.open(path);
  const bytes = new Uint8Array(maxBytes + 1);
  let length = 0;
  for (let read: number | null; (read = await file.read(bytes.subarray(length))) !== null;) {
    length += read;
    if (length > maxBytes) throw tooLarge();
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}
