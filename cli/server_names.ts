/**
 * What a server calls the things that it offers, as far as a shell can complete it.
 *
 * @module
 */

/** Longest name; tools of MCP have 128 at most, resources have URIs. */
const MAX_LENGTH = 200;
/** Arguments of one tool or prompt. */
const MAX_ARGUMENTS = 32;

/** What is completed: tools and prompts by name, resources by URI. */
export type NameKind = "tools" | "prompts" | "resources";

/** The lists that a server announces, as they came. */
type AnnouncedLists = Readonly<
  Partial<Record<NameKind, { readonly items: readonly Readonly<Record<string, unknown>>[] }>>
>;

/** All kinds. */
export const NAME_KINDS: readonly NameKind[] = ["tools", "prompts", "resources"];

/** Names, each with the names of its arguments. */
export type NameList = ReadonlyMap<string, readonly string[]>;

/** The names of a server; a kind that nobody has asked for yet is absent. */
export type ServerNames = Readonly<Partial<Record<NameKind, NameList>>>;

/**
 * Whether a word means itself in every shell that completions are made for, wherever it stands and
 * without quotes. Servers choose their names themselves, and bash inserts a completion as it is: a
 * name with anything else in it is not completed.
 *
 * @param word A word that a stranger may have written.
 */
export function isPlainWord(word: string): boolean {
  return word.length <= MAX_LENGTH && /^[\p{L}\p{Nd}_][\p{L}\p{Nd}_.:/+%=-]*$/u.test(word) &&
    // Letters that nobody sees.
    !/\p{Default_Ignorable_Code_Point}/u.test(word);
}

/**
 * The names in a list of a server, those left out that can't be completed.
 *
 * @param kind What the list is of.
 * @param items Its entries, as they came.
 * @param maxNames How many are taken.
 */
export function namesIn(
  kind: NameKind,
  items: Iterable<Readonly<Record<string, unknown>>>,
  maxNames: number,
): NameList {
  const names = new Map<string, readonly string[]>();
  for (const item of items) {
    if (names.size === maxNames) break;
    const name = kind === "resources" ? item.uri : item.name;
    if (typeof name === "string" && isPlainWord(name)) names.set(name, argumentsOf(item));
  }
  return names;
}

/** What a server announces, as far as it can be completed. */
export function announcedNames(server: AnnouncedLists, maxNames: number): ServerNames {
  return Object.fromEntries(NAME_KINDS.flatMap((kind) => {
    const list = server[kind];
    return list === undefined ? [] : [[kind, namesIn(kind, list.items, maxNames)]];
  }));
}

/** Arguments of a tool stand in its schema, those of a prompt in a list. */
function argumentsOf(item: Readonly<Record<string, unknown>>): readonly string[] {
  const { inputSchema, arguments: list } = item;
  if (Array.isArray(list)) {
    return plainWords(list.map((one: unknown) => isObject(one) ? one.name : undefined));
  }
  const properties = isObject(inputSchema) ? inputSchema.properties : undefined;
  return isObject(properties) ? plainWords(Object.keys(properties)) : [];
}

/** The words of a list that can be completed, 32 at most. */
export function plainWords(words: readonly unknown[]): readonly string[] {
  return words.filter((word) => typeof word === "string").filter(isPlainWord)
    .filter((word) => !word.includes("=")).slice(0, MAX_ARGUMENTS);
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
