/**
 * What a gateway tells its operator on standard error, as text or as JSON lines.
 *
 * @module
 */
import type { CliIo } from "../../io.ts";
import { type LogFormat, logLine } from "../../log_line.ts";
import { sanitizeLine } from "../../sanitize.ts";

/** Facts of a message, for programs. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes to standard error. */
export class Journal {
  readonly #io: CliIo;
  readonly #format: LogFormat;

  /**
   * @param io Where it goes.
   * @param format How it is written.
   */
  constructor(io: CliIo, format: LogFormat) {
    this.#io = io;
    this.#format = format;
  }

  /** Something that the operator should know, and need not act on. */
  say(message: string, facts: Facts = {}): void {
    this.#tell("info", message, facts);
  }

  /** Something that the operator may have to act on. */
  warn(message: string, facts: Facts = {}): void {
    this.#tell("warning", message, facts);
  }

  /** A line of an MCP server's standard error. */
  ofChild(server: string, line: string): void {
    this.#write(
      this.#format === "text"
        ? `[${server}] ${sanitizeLine(line, 2_000)}\n`
        : this.#json({ level: "info", logger: "cvm.child", message: line, facts: { server } }),
    );
  }

  #tell(level: string, message: string, facts: Facts): void {
    const { server } = facts;
    // A name from a file that can't be used may be anything.
    const about = server === undefined ? "" : `[${sanitizeLine(String(server), 64)}] `;
    this.#write(
      this.#format === "text"
        ? `cvm: ${about}${sanitizeLine(message, 2_000)}\n`
        : this.#json({ level, logger: "cvm.gateway", message, facts }),
    );
  }

  #json(
    { level, logger, message, facts }: {
      readonly level: string;
      readonly logger: string;
      readonly message: string;
      readonly facts: Facts;
    },
  ): string {
    return logLine({ level, logger, message, properties: facts, time: Date.now() }, "json");
  }

  #write(line: string): void {
    // Nothing is left to tell a failure to when standard error is gone.
    this.#io.stderr.write(line).catch(() => undefined);
  }
}
