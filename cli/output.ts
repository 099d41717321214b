/**
 * Printing results and errors in the format that was asked for.
 *
 * @module
 */
import { CallError, CvmError, RelayError } from "../errors.ts";
import {
  CheckFailedError,
  exitCodeOf,
  isRpcError,
  ToolFailedError,
  UsageError,
} from "./exit_codes.ts";
import type { CliIo, TextSink } from "./io.ts";
import { sanitizeText, toSafeJson } from "./sanitize.ts";

/** How results and errors are printed. */
export type Format = "text" | "json" | "jsonl";

/** The formats, as they are written on the command line. */
export const FORMATS: readonly ["text", "json", "jsonl"] = ["text", "json", "jsonl"];

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** A colour or weight. */
export type Style = keyof typeof STYLES;

/** Prints results and errors in one format. */
export class Output {
  /** The format. */
  readonly format: Format;
  readonly #io: CliIo;

  /**
   * @param io Where results and messages go.
   * @param format How they are printed.
   */
  constructor(io: CliIo, format: Format) {
    this.#io = io;
    this.format = format;
  }

  /**
   * Prints a result: `value` as JSON, or the lines of `text`.
   *
   * @param value The result, for programs.
   * @param text The result, for people; only called for the text format.
   */
  async result(value: unknown, text: () => string): Promise<void> {
    if (this.format !== "text") return await this.#io.stdout.write(toSafeJson(value) + "\n");
    const printed = text();
    if (printed !== "") {
      await this.#io.stdout.write(printed.endsWith("\n") ? printed : printed + "\n");
    }
  }

  /**
   * Prints a list: one JSON array, one JSON line per entry, or the lines of `text`.
   *
   * @param values The entries, for programs.
   * @param text The list, for people; only called for the text format.
   */
  async list(values: readonly unknown[], text: () => string): Promise<void> {
    if (this.format !== "jsonl") return await this.result(values, text);
    for (const value of values) await this.#io.stdout.write(toSafeJson(value) + "\n");
  }

  /** Tells the user something that is no result. It was written by us, or has been sanitized. */
  async note(text: string): Promise<void> {
    await this.#io.stderr.write(text.endsWith("\n") ? text : text + "\n");
  }

  /** Warns the user of something: a line for people, or one JSON line. */
  async warn(text: string): Promise<void> {
    await this.note(this.format === "text" ? `cvm: ${text}` : toSafeJson({ warning: text }));
  }

  /** Text in a colour, where standard output takes colours. */
  style(text: string, ...styles: readonly Style[]): string {
    return paint(text, styles, this.#io.stdout, this.#io);
  }
}

function paint(text: string, styles: readonly Style[], sink: TextSink, io: CliIo): string {
  if (!takesColours(sink, io) || styles.length === 0) return text;
  return `\x1b[${styles.map((style) => STYLES[style]).join(";")}m${text}\x1b[0m`;
}

/** Whether colours may be used: on a terminal, and without `NO_COLOR`. */
export function takesColours(sink: TextSink, io: CliIo): boolean {
  return sink.isTerminal && (io.env.get("NO_COLOR") ?? "") === "";
}

/**
 * Prints an error: a line for people, or one JSON line.
 *
 * @param error What went wrong.
 * @param io Where it is printed: on standard error.
 * @param format How it is printed.
 * @returns The exit code that belongs to it.
 */
export async function printError(error: unknown, io: CliIo, format: Format): Promise<number> {
  const exitCode = exitCodeOf(error);
  // Who reads our output has seen enough, as `head` has: nothing is wrong that would be worth a word.
  if (error instanceof Deno.errors.BrokenPipe) return exitCode;
  const message = sanitizeText(error instanceof Error ? error.message : String(error));
  if (format === "text") {
    await io.stderr.write(`${paint("cvm:", ["red", "bold"], io.stderr, io)} ${message}\n`);
    return exitCode;
  }
  const line = {
    error: {
      code: errorName(error),
      message,
      exitCode,
      ...(error instanceof RelayError ? { relays: error.failures } : {}),
      ...(isRpcError(error) ? { rpcCode: error.code, data: error.data } : {}),
      ...(error instanceof CallError ? { rpcCode: error.rpcCode, data: error.data } : {}),
    },
  };
  await io.stderr.write(toSafeJson(line) + "\n");
  return exitCode;
}

function errorName(error: unknown): string {
  if (error instanceof CvmError) return error.code;
  if (error instanceof UsageError) return "USAGE";
  if (error instanceof ToolFailedError) return "TOOL_FAILED";
  if (error instanceof CheckFailedError) return "CHECK_FAILED";
  if (isRpcError(error)) return "RPC_ERROR";
  return error instanceof Error && error.name === "Interrupt" ? "INTERRUPTED" : "UNEXPECTED";
}
