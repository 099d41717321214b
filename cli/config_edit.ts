/**
 * Changes one value of a configuration file, and leaves all else in it as it is.
 *
 * @module
 */
import { dirname } from "node:path";
import { InputError } from "../errors.ts";
import { type ConfigFileOptions, parseConfigFile, readConfigFile } from "./config_file.ts";
import { didYouMean } from "./did_you_mean.ts";
import { settingNames } from "./setting_names.ts";
import type { KnownOption } from "./known_commands.ts";

/** A change of a configuration file. */
export interface ConfigEdit extends ConfigFileOptions {
  /** What to change, such as `aliases.friend` or `proxy.http`. */
  readonly key: string;
  /** The new value, as words; without it the key is taken out. */
  readonly values?: readonly string[];
}

/**
 * Changes one value. The file is read strictly before and after: one that can't be used stays as
 * it is, and none that can't be used is written.
 *
 * @returns Whether anything has changed.
 * @throws {InputError} CONFIG_INVALID when the file, the key or the value can't be used.
 */
export async function editConfig(edit: ConfigEdit): Promise<boolean> {
  const { file, key, values } = edit;
  const path = pathOf(key);
  const { exists } = await readConfigFile(edit);
  const before = exists ? await Deno.readTextFile(file) : "{}";
  const value = values === undefined ? undefined : valueOf(key, values);
  const { applyEdits, modify } = await import("jsonc-parser");
  const formattingOptions = { insertSpaces: true, tabSize: 2, insertFinalNewline: true };
  const after = applyEdits(before, modify(before, path, value, { formattingOptions }));
  if (after === before) return false;
  await parseConfigFile(after, { ...edit, file: `not written: ${file}` });
  await replaceFile(file, after.endsWith("\n") ? after : `${after}\n`, exists);
  return true;
}

function pathOf(key: string): string[] {
  const { shared, sections } = settingNames();
  const dot = key.indexOf(".");
  const [head, tail] = dot < 0 ? [key, undefined] : [key.slice(0, dot), key.slice(dot + 1)];
  if (head === "aliases" && tail !== undefined && tail !== "") return [head, tail];
  if (tail === undefined && (head === "relays" || shared.has(head))) return [head];
  if (tail !== undefined && sections.get(head)?.has(tail)) return [head, tail];
  const known = [
    ...["aliases", "relays", ...shared.keys(), ...sections.keys()],
    ...[...sections].flatMap(([name, keys]) => [...keys.keys()].map((one) => `${name}.${one}`)),
  ];
  const hint = didYouMean(key, known);
  throw new InputError(
    "CONFIG_INVALID",
    `there is no setting ${JSON.stringify(key)}${hint || "; cvm config show COMMAND lists them"}`,
  );
}

function valueOf(key: string, values: readonly string[]): unknown {
  const option = optionOf(key);
  if (key === "relays" || option?.isList) return values;
  const [value = "", ...more] = values;
  if (more.length > 0) {
    throw new InputError("CONFIG_INVALID", `"${key}" takes one value, not ${values.length}`);
  }
  if (option === undefined) return value;
  if (option.metavar === undefined) {
    if (value === "true" || value === "false") return value === "true";
    throw new InputError("CONFIG_INVALID", `"${key}" must be true or false`);
  }
  return /^(NUMBER|PORT|SECONDS)$/.test(option.metavar) && /^\d+(\.\d+)?$/.test(value)
    ? Number(value)
    : value;
}

function optionOf(key: string): KnownOption | undefined {
  const { shared, sections } = settingNames();
  const dot = key.indexOf(".");
  return dot < 0 ? shared.get(key) : sections.get(key.slice(0, dot))?.get(key.slice(dot + 1));
}

/** Writes the whole file beside the old one and puts it in its place, so that it is never half there. */
async function replaceFile(file: string, text: string, exists: boolean): Promise<void> {
  try {
    // Through a link, the file that it names is replaced.
    const target = exists ? await Deno.realPath(file) : file;
    const mode = (exists ? (await Deno.stat(target)).mode : undefined) ?? 0o600;
    await Deno.mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const draft = `${target}.${crypto.randomUUID()}`;
    try {
      await Deno.writeTextFile(draft, text, { createNew: true, mode: mode & 0o777 });
      await Deno.rename(draft, target);
    } catch (error) {
      await Deno.remove(draft).catch(() => undefined); // the first error says more
      throw error;
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError("CONFIG_INVALID", `${file} can't be written: ${reason}`, { cause });
  }
}
