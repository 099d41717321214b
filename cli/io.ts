/**
 * What a command reads and writes, injected, so that every command can be run
 * inside a test.
 *
 * @module
 */

import type { CryptoEngine } from "../crypto/engine.ts";
import type { EventWorkers } from "../crypto/event_workers.ts";

/** Where text goes. */
export interface TextSink {
  /** Writes text as it is; resolves when the system has taken it. */
  write(text: string): Promise<void>;
  /** Whether a person looks at it. */
  readonly isTerminal: boolean;
}

/** Environment variables. */
export interface Environment {
  /** One variable, or `undefined` when it is not set or may not be read. */
  get(name: string): string | undefined;
  /** All variables. */
  all(): Record<string, string>;
}

/** What a command reads and writes. */
export interface CliIo {
  /** Standard input. */
  readonly stdin: ReadableStream<Uint8Array>;
  /** Whether standard input is a terminal. */
  readonly stdinIsTerminal: boolean;
  /** Standard output: results, and nothing else. */
  readonly stdout: TextSink;
  /** Standard error: everything that is not a result. */
  readonly stderr: TextSink;
  /** The environment. */
  readonly env: Environment;
  /** Aborted when the command has to end; the reason is an {@linkcode Interrupt}. */
  readonly signal: AbortSignal;
  /**
   * Calls a listener at each SIGHUP from now on, in place of ending the command;
   * absent where a SIGHUP means that the terminal is gone.
   *
   * @returns What takes the listener off.
   */
  readonly onHangup?: (listener: () => void) => () => void;
  /** The id of the parent process; absent where there is none to watch. */
  readonly parentPid?: () => number;
  /** Makes HTTP requests (NIP-05, NIP-11). Default: the platform's. */
  readonly fetch?: typeof fetch;
  /** The working directory, where a project's configuration may be. Default: the process's. */
  readonly cwd?: string;
  /** The configuration file that the command line names. */
  readonly configFile?: string;
  /** Asks the person at the terminal, without showing what is typed; absent where there is none. */
  readonly promptSecret?: (question: string) => Promise<string>;
  /** What does the cryptography. Default: plain JavaScript. */
  readonly engine?: CryptoEngine;
  /** Verify and wrap for a gateway under load. */
  readonly workers?: EventWorkers;
  /** Takes what has to be closed when the command ends. */
  readonly onEnd?: (end: () => Promise<void>) => void;
}

/** The reason with which {@linkcode CliIo.signal} is aborted. */
export class Interrupt extends Error {
  /** The name of the class. */
  override name = "Interrupt";
  /** The signal that ended the command, such as `SIGINT`. */
  readonly by: string;

  /** @param by The signal that ended the command, such as `SIGINT`. */
  constructor(by: string) {
    super(`interrupted by ${by}`);
    this.by = by;
  }
}

/** Resolves when a signal is aborted. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
