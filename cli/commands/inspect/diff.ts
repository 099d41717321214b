/**
 * `cvm inspect A diff B`: in what two servers differ, or a server from what it
 * was.
 *
 * @module
 */
import { CheckFailedError, UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { Output } from "../../output.ts";
import { sanitizeLine, toSafeJson } from "../../sanitize.ts";
import { readInput } from "../../text_input.ts";
import { parseJson } from "./arguments.ts";
import { isObject } from "./json_schema.ts";
import { inspectTarget } from "./findings.ts";
import { reportOf } from "./report.ts";
import { prepareTarget, type TargetArguments } from "./target.ts";

/** Fields of one thing that are compared; a server may have any number. */
const MAX_FIELDS = 200;
/** Objects within objects that are compared field by field. */
const MAX_DEPTH = 12;

/** What is compared by itself. */
const PARTS = ["name", "server", "instructions", "capabilities", "encryption"] as const;
/** What is compared entry by entry, and by which field entries are told apart. */
const LISTS: readonly (readonly [list: string, key: string])[] = [
  ["tools", "name"],
  ["resources", "uri"],
  ["templates", "uriTemplate"],
  ["prompts", "name"],
  ["prices", "capability"],
];
/** Lists of plain texts. */
const SETS = ["supports", "payments", "categories"] as const;

type Report = Readonly<Record<string, unknown>>;

/** One difference. */
export interface Difference {
  /** The part or list. */
  readonly part: string;
  /** The entry of the list. */
  readonly name?: string;
  /** What has happened from A to B. */
  readonly change: "added" | "removed" | "changed";
  /** Where inside they differ. */
  readonly fields?: readonly FieldDifference[];
}

/** A field that is not the same. */
export interface FieldDifference {
  /** Its place, with dots. */
  readonly path: string;
  /** What A has; absent when it has none. */
  readonly a?: unknown;
  /** What B has; absent when it has none. */
  readonly b?: unknown;
}

/** What was said on the command line about comparing. */
export interface DiffArguments extends TargetArguments {
  /** How the result is printed. */
  readonly format: Output["format"];
  /** Whether a difference is a failure. */
  readonly check: boolean;
}

/**
 * Compares two servers and prints in what they differ.
 *
 * @param names What A and B are called; A is `undefined` where options name it. `@FILE` is what `cvm inspect --format json` has printed.
 * @throws {CheckFailedError} With `--check`, when they differ.
 */
export async function runDiff(
  names: readonly [a: string | undefined, b: string],
  args: DiffArguments,
  io: CliIo,
): Promise<void> {
  const other = { ...args, stdio: false, http: undefined, servers: undefined, childCommand: [] };
  const loaded = [load(names[0], args, io), load(names[1], other, io)] as const;
  await Promise.allSettled(loaded); // whichever fails, both connections have been closed
  const [a, b] = await Promise.all(loaded);
  const differences = compareReports(a, b);
  const output = new Output(io, args.format);
  await output.list(
    differences,
    () =>
      differences.length === 0 ? "no difference" : differences.flatMap(differenceLines).join("\n"),
  );
  if (args.check && differences.length > 0) {
    throw new CheckFailedError(`the two differ in ${differences.length} places`);
  }
}

async function load(name: string | undefined, args: TargetArguments, io: CliIo): Promise<Report> {
  if (name?.startsWith("@")) {
    const value = parseJson(name, await readInput(name, "diff", io));
    if (!isObject(value) || !Array.isArray(value.tools)) {
      throw new UsageError(`${name} is not what cvm inspect --format json prints`);
    }
    return value;
  }
  const findings = await inspectTarget(await prepareTarget(args, name, io), { args, io, pings: 0 });
  if (findings.failure !== undefined) throw findings.failure;
  return reportOf(findings);
}

/** In what two reports of `cvm inspect` differ. What only one of them has been asked for does not count. */
export function compareReports(a: Report, b: Report): readonly Difference[] {
  const isComparable = (part: string) => part in a && part in b;
  return [
    ...PARTS.filter(isComparable).flatMap((part): Difference[] => {
      const fields = compareFields(a[part], b[part]);
      return fields.length === 0 ? [] : [{ part, change: "changed", fields }];
    }),
    ...SETS.filter(isComparable).flatMap((part) => compareSets(part, a[part], b[part])),
    ...LISTS.filter(([part]) => isComparable(part)).flatMap(([part, key]) =>
      compareLists({ part, key }, a[part], b[part])
    ),
  ];
}

function compareSets(part: string, a: unknown, b: unknown): Difference[] {
  const before = new Set(textsOf(a));
  const after = new Set(textsOf(b));
  return [
    ...[...before.difference(after)].map((name) => ({ part, name, change: "removed" as const })),
    ...[...after.difference(before)].map((name) => ({ part, name, change: "added" as const })),
  ];
}

function compareLists(
  { part, key }: { readonly part: string; readonly key: string },
  a: unknown,
  b: unknown,
): Difference[] {
  const before = entriesOf(a, key);
  const after = entriesOf(b, key);
  const removed = [...before.keys()].filter((name) => !after.has(name));
  return [
    ...removed.map((name) => ({ part, name, change: "removed" as const })),
    ...[...after].flatMap(([name, entry]): Difference[] => {
      const old = before.get(name);
      if (old === undefined) return [{ part, name, change: "added" }];
      const fields = compareFields(old, entry);
      return fields.length === 0 ? [] : [{ part, name, change: "changed", fields }];
    }),
  ];
}

function entriesOf(list: unknown, key: string): ReadonlyMap<string, Report> {
  const entries = Array.isArray(list) ? list.filter(isObject) : [];
  return new Map(entries.map((entry) => [String(entry[key]), entry]));
}

function textsOf(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}

/** Where two values differ; the order of an object's fields does not count. */
export function compareFields(a: unknown, b: unknown): readonly FieldDifference[] {
  const found: FieldDifference[] = [];
  walk(a, b, []);
  return found;

  function walk(one: unknown, other: unknown, path: readonly string[]): void {
    if (found.length >= MAX_FIELDS) return;
    const isDeep = path.length < MAX_DEPTH && isContainer(one) && isContainer(other) &&
      Array.isArray(one) === Array.isArray(other);
    if (!isDeep) {
      if (JSON.stringify(one) !== JSON.stringify(other)) {
        found.push({
          path: path.join("."),
          ...(one === undefined ? {} : { a: one }),
          ...(other === undefined ? {} : { b: other }),
        });
      }
      return;
    }
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      walk(fieldOf(one, key), fieldOf(other, key), [...path, key]);
    }
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function fieldOf(container: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(container, key)?.value;
}

function differenceLines({ part, name, change, fields = [] }: Difference): readonly string[] {
  const sign = { added: "+", removed: "-", changed: "~" }[change];
  const title = name === undefined ? part : `${part} ${name}`;
  return [
    `${sign} ${sanitizeLine(title, 200)}`,
    ...fields.map(({ path, a, b }) =>
      `    ${sanitizeLine(path, 100) || "value"}: ${valueText(a)} → ${valueText(b)}`
    ),
  ];
}

function valueText(value: unknown): string {
  return value === undefined ? "nothing" : sanitizeLine(toSafeJson(value), 160);
}
