/**
 * What a server answers, for people: texts as they are, binary content as
 * files.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../../errors.ts";
import { sanitizeLine, sanitizeText, toSafeJson } from "../../sanitize.ts";
import { isObject } from "./json_schema.ts";

/** Files of one name that may be there already. */
const MAX_FILES = 10_000;

/** Ends of file names by media type; a server has no say in names. */
const ENDINGS: ReadonlyMap<string, string> = new Map([
  ["application/json", "json"],
  ["application/pdf", "pdf"],
  ["application/zip", "zip"],
  ["audio/mpeg", "mp3"],
  ["audio/ogg", "ogg"],
  ["audio/wav", "wav"],
  ["image/gif", "gif"],
  ["image/jpeg", "jpg"],
  ["image/png", "png"],
  ["image/svg+xml", "svg"],
  ["image/webp", "webp"],
  ["text/csv", "csv"],
  ["text/html", "html"],
  ["text/plain", "txt"],
]);

/** Puts binary content into files. */
export class ContentFiles {
  readonly #folder: string;
  readonly #prefix: string;
  #next = 1;

  /**
   * @param folder Where the files go; it is made when the first one comes.
   * @param name What they are called, with a number and an end behind it.
   */
  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#prefix = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")
      .slice(0, 40) || "content";
  }

  /**
   * Writes the binary content of a part to a file that was not there.
   *
   * @param part A part of a tool's or a prompt's content, or the contents of a resource.
   * @returns The part with the file's name in place of the bytes; unchanged where there are none.
   * @throws {InputError} CONFIG_INVALID when the file can't be written.
   */
  async detach(part: unknown): Promise<unknown> {
    if (!isObject(part)) return part;
    if (isObject(part.resource)) return { ...part, resource: await this.detach(part.resource) };
    const field = typeof part.blob === "string" ? "blob" : "data";
    const bytes = typeof part[field] === "string" ? decode(part[field]) : undefined;
    if (bytes === undefined) return part;
    const { [field]: _, ...rest } = part;
    return { ...rest, file: await this.#write(bytes, part.mimeType), bytes: bytes.length };
  }

  async #write(bytes: Uint8Array, mimeType: unknown): Promise<string> {
    const type = typeof mimeType === "string" ? mimeType.split(";")[0]?.trim().toLowerCase() : "";
    const ending = ENDINGS.get(type ?? "") ?? "bin";
    try {
      await Deno.mkdir(this.#folder, { recursive: true });
      while (this.#next <= MAX_FILES) {
        const file = join(this.#folder, `${this.#prefix}-${this.#next++}.${ending}`);
        if (await writeNew(file, bytes)) return file;
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new InputError("CONFIG_INVALID", `--output ${this.#folder}: ${reason}`, { cause });
    }
    throw new InputError("CONFIG_INVALID", `--output ${this.#folder}: there are too many files`);
  }
}

/** Whether the file could be made; false when it is there already. */
async function writeNew(file: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await Deno.writeFile(file, bytes, { createNew: true });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

/** The bytes of base64; `undefined` for what is none. */
function decode(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (error) {
    if (error instanceof DOMException) return undefined; // it stays where it is
    throw error;
  }
}

/** The parts of a content, for people. */
export function contentText(parts: unknown): string {
  return Array.isArray(parts) ? parts.map(partText).join("\n") : "";
}

function partText(part: unknown): string {
  if (!isObject(part)) return "";
  if (typeof part.text === "string") return sanitizeText(part.text);
  if (isObject(part.resource)) return partText(part.resource);
  const words = [part.type, part.mimeType, part.uri].filter((word) => typeof word === "string");
  const about = sanitizeLine(words.join(" "), 200) || "content";
  if (typeof part.file === "string") return `[${about}, ${part.bytes} bytes in ${part.file}]`;
  const encoded = part.blob ?? part.data;
  if (typeof encoded !== "string") return `[${about}]`;
  const bytes = Math.floor(encoded.length * 3 / 4);
  return `[${about}, about ${bytes} bytes; --output DIR puts it into a file]`;
}

/** The result of a tool, for people: its content, else its structured content. */
export function resultText(result: Readonly<Record<string, unknown>>): string {
  const text = contentText(result.content);
  if (text !== "" || result.structuredContent === undefined) return text;
  return toSafeJson(result.structuredContent, 2);
}
