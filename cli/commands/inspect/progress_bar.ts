/**
 * How far a call is, for who looks at a terminal.
 *
 * @module
 */
import type { TextSink } from "../../io.ts";
import { sanitizeLine } from "../../sanitize.ts";

const WIDTH = 24;

/** What a server says of its progress (MCP). */
export interface Progress {
  /** How far it is. */
  readonly progress: number;
  /** How far it goes. */
  readonly total?: number;
  /** What it is doing. */
  readonly message?: string;
}

/** One line on a terminal that is drawn again and again; nothing where nobody looks. */
export class ProgressBar {
  readonly #sink: TextSink;
  #isDrawn = false;

  /** @param sink Where it is drawn. */
  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  /** Shows how far the call is. */
  show(step: Progress): void {
    if (!this.#sink.isTerminal) return;
    this.#isDrawn = true;
    this.#write(`\r\x1b[2K${progressText(step)}`);
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    this.#write("\r\x1b[2K");
  }

  #write(text: string): void {
    // Progress is for who looks; when nobody can, nothing is lost.
    this.#sink.write(text).catch(() => undefined);
  }
}

/** What a server reports, checked. */
export function readProgress(params: Readonly<Record<string, unknown>>): Progress | undefined {
  const { progress, total, message } = params;
  if (typeof progress !== "number") return undefined;
  return {
    progress,
    ...(typeof total === "number" ? { total } : {}),
    ...(typeof message === "string" ? { message } : {}),
  };
}

/** One line: a bar where the end is known, else a number. */
export function progressText({ progress, total, message }: Progress): string {
  const text = message === undefined ? "" : `  ${sanitizeLine(message, 60)}`;
  if (total === undefined || !(total > 0)) return `… ${progress}${text}`;
  const share = Math.min(1, Math.max(0, progress / total));
  const filled = Math.round(share * WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
  return `${bar} ${String(Math.round(share * 100)).padStart(3)} %${text}`;
}
