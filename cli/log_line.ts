/**
 * One line of the log on standard error: for people, or JSON for programs.
 *
 * @module
 */
import { sanitizeLine, toSafeJson } from "./sanitize.ts";

/** How log lines are written. */
export type LogFormat = "text" | "json";

/** What one line says. */
export interface LogEntry {
  /** How grave it is. */
  readonly level: string;
  /** Who says it, such as `cvm.gateway`. */
  readonly logger: string;
  /** What is said, for people. */
  readonly message: string;
  /** The same, for programs: texts, numbers and errors; anything else is left out. */
  readonly properties?: Readonly<Record<string, unknown>>;
  /** When, in milliseconds since the epoch. */
  readonly time: number;
}

/** The longest text in a line, UTF-16 code units. */
const MAX_LENGTH = 2_000;

/**
 * @param entry What is said.
 * @param format For whom.
 * @returns The line, with its end.
 */
export function logLine(
  { level, logger, message, properties = {}, time }: LogEntry,
  format: LogFormat,
): string {
  const text = sanitizeLine(message, MAX_LENGTH);
  if (format === "text") return `cvm ${level}: ${text}\n`;
  const own = { time: new Date(time).toISOString(), level, logger, message: text };
  const told = Object.entries(properties).flatMap(([name, value]) => {
    const plain = value instanceof Error ? value.message : value;
    if (name in own) return [];
    if (typeof plain === "string") return [[name, sanitizeLine(plain, MAX_LENGTH)]];
    return typeof plain === "number" || typeof plain === "boolean" ? [[name, plain]] : [];
  });
  return `${toSafeJson({ ...own, ...Object.fromEntries(told) })}\n`;
}
