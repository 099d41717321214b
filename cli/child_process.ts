/**
 * An MCP server in a process of its own, over its standard input and output.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
// @ts-types="@modelcontextprotocol/sdk/shared/stdio"
import { ReadBuffer, serializeMessage } from "@modelcontextprotocol/sdk/shared/stdio.js";
import { UpstreamError } from "../errors.ts";
import type { JsonRpcMessage, Transport } from "../transport/types.ts";
import { LineReader } from "./line_reader.ts";
import { Guardian, signalGroup } from "./process_group.ts";

/** The longest line of the child's standard error that is passed on in one piece, UTF-16 code units. */
const MAX_STDERR_LINE = 8192;
/** How long after the end of the child its pipes may stay open, in milliseconds. */
const DRAIN_MS = 300;

/** Options of a {@linkcode ChildProcessTransport}. */
export interface ChildProcessOptions {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** All its environment variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Its working directory. Default: ours. */
  readonly cwd?: string;
  /**
   * The longest message that it may send, in bytes; a longer one ends it.
   * @default {16_777_216}
   */
  readonly maxLineBytes?: number;
  /**
   * How long it may take to end after its input has ended, and again after SIGTERM, in milliseconds.
   * @default {2_000}
   */
  readonly stopGraceMs?: number;
  /** Called with each line of its standard error. */
  readonly onStderr?: (line: string) => void;
}

/**
 * Starts a process that leads a group of its own, and speaks MCP with it. When
 * it dies, its whole group is ended.
 */
export class ChildProcessTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #options: ChildProcessOptions;
  readonly #name: string;
  readonly #buffer: ReadBuffer;
  readonly #gone = Promise.withResolvers<void>();
  #child: ChildProcess | undefined;
  #guardian: Guardian | undefined;
  #closing: Promise<void> | undefined;

  /** @param options What to start, and how. */
  constructor(options: ChildProcessOptions) {
    const { maxLineBytes = 16_777_216 } = options;
    this.#options = options;
    this.#name = basename(options.command);
    this.#buffer = new ReadBuffer({ maxBufferSize: maxLineBytes });
  }

  /** The id of the process; `undefined` before it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts the process.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when it can't be started.
   */
  async start(): Promise<void> {
    if (this.#child !== undefined || this.#closing !== undefined) {
      throw new UpstreamError("UPSTREAM_FAILED", `"${this.#name}" was started before`);
    }
    const { command, args, env, cwd } = this.#options;
    try {
      const child = this.#child = spawn(command, [...args], {
        cwd,
        env: { ...env },
        detached: Deno.build.os !== "windows",
        stdio: ["pipe", "pipe", "pipe"],
        windowsHide: true,
      });
      await new Promise<void>((resolve, reject) => {
        child.once("error", reject);
        child.once("spawn", resolve);
      });
      this.#watch(child);
      if (child.pid !== undefined) this.#guardian = new Guardian(child.pid);
    } catch (error) {
      this.#child = undefined;
      throw await this.#startError(error);
    }
  }

  /**
   * Sends a message; resolves when the pipe has taken it.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when the process has ended.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (!stdin || stdin.destroyed || stdin.writableEnded) {
      throw new UpstreamError("UPSTREAM_FAILED", `"${this.#name}" does not run`);
    }
    // The SDK's type asks for exact fields, and others pass here untouched.
    const line = serializeMessage(message as Parameters<typeof serializeMessage>[0]);
    const failure = await new Promise<Error | null | undefined>((resolve) => {
      stdin.write(line, resolve);
    });
    if (!failure) return;
    // A pipe that breaks is most often the end of the process; that is the better reason.
    const reason = await this.#endsWithin(DRAIN_MS * 2)
      ? this.#howItEnded()
      : `"${this.#name}" does not take messages: ${failure.message}`;
    throw new UpstreamError("UPSTREAM_FAILED", reason, { cause: failure });
  }

  /**
   * Ends the process: its input ends, then it gets SIGTERM, then SIGKILL, each
   * after the grace time, and each with all that it has started. Idempotent.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    const { stopGraceMs = 2_000 } = this.#options;
    const child = this.#child;
    if (child?.pid === undefined) return;
    child.stdin?.end();
    if (!await this.#endsWithin(stopGraceMs)) {
      signalGroup(child.pid, "SIGTERM");
      if (!await this.#endsWithin(stopGraceMs)) signalGroup(child.pid, "SIGKILL");
    }
    await this.#gone.promise;
  }

  #watch(child: ChildProcess): void {
    const errors = new LineReader((line) => this.#options.onStderr?.(line), MAX_STDERR_LINE);
    child.stdout?.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    child.stderr?.on("data", (chunk: Uint8Array) => errors.push(chunk));
    child.stderr?.on("end", () => errors.end());
    // A pipe that breaks is the end of the process, which is reported where it is noticed.
    child.stdin?.on("error", (error) => this.onerror?.(error));
    child.on("error", (error) => this.onerror?.(error));
    let drain: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const finish = () => {
      if (ended) return;
      ended = true;
      clearTimeout(drain);
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
      void this.#finish();
    };
    child.once("exit", () => {
      // Who led the group is gone: what it leaves behind ends, and with it whatever holds the pipes.
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      drain = setTimeout(finish, DRAIN_MS);
    });
    child.once("close", finish);
  }

  async #finish(): Promise<void> {
    try {
      await this.#guardian?.dismiss();
      if (this.#closing === undefined) {
        this.onerror?.(new UpstreamError("UPSTREAM_FAILED", this.#howItEnded()));
      }
    } finally {
      this.#buffer.clear();
      this.#gone.resolve();
      this.onclose?.();
    }
  }

  #howItEnded(): string {
    const child = this.#child;
    const how = child?.signalCode
      ? `was ended by ${child.signalCode}`
      : `exited with code ${child?.exitCode}`;
    return `the MCP server "${this.#name}" ${how}`;
  }

  async #endsWithin(milliseconds: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), milliseconds);
    });
    try {
      return await Promise.race([this.#gone.promise.then(() => true), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#buffer.append(Buffer.from(chunk));
    } catch (error) {
      // There is no telling where in the stream the next message begins.
      const reason = `the MCP server "${this.#name}" sent a message that is too long: ${
        textOf(error)
      }`;
      this.onerror?.(new UpstreamError("UPSTREAM_FAILED", reason, { cause: error }));
      if (this.#child?.pid !== undefined) signalGroup(this.#child.pid, "SIGKILL");
      return;
    }
    while (true) {
      try {
        const message = this.#buffer.readMessage();
        if (message === null) return;
        this.onmessage?.(message);
      } catch (error) {
        // A line that is no message: servers that print to stdout are common, and the next line may be one.
        const reason = `"${this.#name}" printed a line that is no JSON-RPC message to stdout`;
        this.onerror?.(new Error(reason, { cause: error }));
      }
    }
  }

  async #startError(cause: unknown): Promise<UpstreamError> {
    const { command, cwd } = this.#options;
    const reason = cwd !== undefined && !await isDirectory(cwd)
      ? `the working directory ${cwd} does not exist`
      : isCode(cause, "ENOENT")
      ? "there is no such command; check its spelling and PATH"
      : isCode(cause, "EACCES")
      ? "it may not be executed"
      : textOf(cause);
    return new UpstreamError("UPSTREAM_FAILED", `"${command}" could not be started: ${reason}`, {
      cause,
    });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    // What can't be looked at is not what went wrong.
    return !(error instanceof Deno.errors.NotFound);
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
