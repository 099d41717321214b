/**
 * What `cvm bench` measures, and how it is shown.
 *
 * @module
 */
import { sanitizeLine } from "../../sanitize.ts";

/** The figures of one relay or server, in one mode; `null` for what was not measured. */
export interface BenchFigures {
  /** The relay's URL, or what the user calls the server. */
  readonly target: string;
  /** How messages went. */
  readonly mode: "plain" | "encrypted" | "as negotiated";
  /** Until the relay was connected to, or until the server had done the handshake, milliseconds. */
  readonly connectMs: number | null;
  /** Until the relay had taken an event: the middle of a few, milliseconds. */
  readonly publishMs: number | null;
  /** Calls that were answered one after the other. */
  readonly calls: number;
  /** The time that half of them stayed below, milliseconds. */
  readonly p50Ms: number | null;
  /** The time that 95 of 100 stayed below, milliseconds. */
  readonly p95Ms: number | null;
  /** The time that 99 of 100 stayed below, milliseconds. */
  readonly p99Ms: number | null;
  /** How many calls were under way at the same time. */
  readonly inFlight: number;
  /** How many of them were answered each second. */
  readonly callsPerSecond: number | null;
  /** The size of the large answer, bytes. */
  readonly answerBytes: number | null;
  /** The time until it was there, milliseconds. */
  readonly answerMs: number | null;
  /** What ended the measurement early. */
  readonly error: string | null;
}

/** Figures that are being filled in. */
export type Draft = { -readonly [Name in keyof BenchFigures]: BenchFigures[Name] };

/** Figures with nothing measured yet. */
export function emptyFigures(of: Pick<BenchFigures, "target" | "mode" | "inFlight">): Draft {
  return {
    ...of,
    connectMs: null,
    publishMs: null,
    calls: 0,
    p50Ms: null,
    p95Ms: null,
    p99Ms: null,
    callsPerSecond: null,
    answerBytes: null,
    answerMs: null,
    error: null,
  };
}

/** A table for people, milliseconds but for the calls a second. */
export function figuresTable(all: readonly BenchFigures[]): string {
  if (all.length === 0) return "";
  const load = `calls/s at ${all[0]?.inFlight}`;
  const bytes = all.find(({ answerBytes }) => answerBytes !== null)?.answerBytes;
  const answer = bytes ? `${bytes / 1_000} KB answer` : "answer";
  const head = ["", "mode", "connect", "publish", "p50", "p95", "p99", load, answer];
  const rows = [head, ...all.map(rowOf)];
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row.map((text, column) => {
      const width = widths[column] ?? 0;
      return column < 2 ? text.padEnd(width) : text.padStart(width);
    }).join("  ").trimEnd()
  );
  const failed = all.filter(({ error }) => error !== null).map(({ target, mode, error }) =>
    `${sanitizeLine(target, 200)}, ${mode}: ${sanitizeLine(error ?? "", 500)}`
  );
  return [...lines, ...(failed.length === 0 ? [] : ["", ...failed])].join("\n");
}

function rowOf(figures: BenchFigures): string[] {
  const { target, mode, connectMs, publishMs, p50Ms, p95Ms, p99Ms } = figures;
  const { callsPerSecond, answerMs } = figures;
  const numbers = [connectMs, publishMs, p50Ms, p95Ms, p99Ms, callsPerSecond, answerMs];
  return [
    sanitizeLine(target, 200),
    mode,
    ...numbers.map((number) => number === null ? "-" : number.toFixed(1)),
  ];
}
