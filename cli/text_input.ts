/**
 * Text that an option takes as it is, from standard input, or from a file.
 *
 * @module
 */
import { InputError } from "../errors.ts";
import type { CliIo } from "./io.ts";

/** A longer input is a mistake, bytes. */
const MAX_BYTES = 67_108_864;

/**
 * Reads what an option means.
 *
 * @param value The text itself; `-` for standard input; `@FILE` for a file.
 * @param name The option, for messages.
 * @param io Standard input.
 * @throws {InputError} CONFIG_INVALID when it can't be read, or is too long.
 */
export async function readInput(value: string, name: string, io: CliIo): Promise<string> {
  if (value === "-") return await readAll(io.stdin, `${name} -`);
  if (!value.startsWith("@")) return value;
  const file = value.slice(1);
  try {
    return await readAll((await Deno.open(file)).readable, `${name} ${value}`);
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError("CONFIG_INVALID", `${name} ${value} can't be read: ${reason}`, { cause });
  }
}

async function readAll(stream: ReadableStream<Uint8Array>, name: string): Promise<string> {
  const decoder = new TextDecoder();
  const pieces: string[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) {
      throw new InputError("CONFIG_INVALID", `${name}: more than ${MAX_BYTES} bytes`);
    }
    pieces.push(decoder.decode(chunk, { stream: true }));
  }
  return pieces.join("") + decoder.decode();
}
