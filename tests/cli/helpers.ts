/** What the tests of the command line share. */
import { CvmError } from "../../errors.ts";
import type { CliIo } from "../../cli/io.ts";

const SERVER = new URL("../testdata/mcp/server.ts", import.meta.url).pathname;

/** The command that starts the MCP server of the tests. */
export function serverCommand(): readonly string[] {
  return [
    Deno.execPath(),
    "run",
    "--no-lock",
    "--allow-env",
    "--allow-run=sh",
    "--allow-read",
    SERVER,
  ];
}

/** Polls until a value is there; fails after the deadline. */
export async function until<T>(
  poll: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  while (true) {
    const value = await poll();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${poll}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Whether a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  const { stdout } = new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] })
    .outputSync();
  const state = new TextDecoder().decode(stdout).trim();
  return state !== "" && !/^[ZX]/.test(state);
}

/** An `io` that collects what a command prints. */
export class TestIo implements CliIo {
  readonly variables: Record<string, string>;
  readonly controller = new AbortController();
  readonly signal: AbortSignal = this.controller.signal;
  readonly stdinIsTerminal = false;
  stdin: ReadableStream<Uint8Array>;
  out = "";
  err = "";
  readonly fetch?: typeof fetch;

  constructor(
    options: { env?: Record<string, string>; stdin?: string; fetch?: typeof fetch } = {},
  ) {
    // What a test sees of servers is not for the completions of who runs it.
    this.variables = { CVM_COMPLETE_CACHE: "off", ...options.env };
    this.fetch = options.fetch;
    this.stdin = new ReadableStream({
      start(controller) {
        if (options.stdin) controller.enqueue(new TextEncoder().encode(options.stdin));
        controller.close();
      },
    });
  }

  readonly env = {
    get: (name: string): string | undefined => this.variables[name],
    all: (): Record<string, string> => ({ ...this.variables }),
  };

  readonly stdout = {
    isTerminal: false,
    write: (text: string): Promise<void> => {
      this.out += text;
      return Promise.resolve();
    },
  };

  readonly stderr = {
    isTerminal: false,
    write: (text: string): Promise<void> => {
      this.err += text;
      return Promise.resolve();
    },
  };
}

/** The same for a command that reads files again at SIGHUP. */
export class HangupIo extends TestIo {
  readonly #listeners = new Set<() => void>();

  readonly onHangup = (listener: () => void): () => void => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** What a SIGHUP does. */
  hangUp(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** A temporary folder that is removed at the end of the scope. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "cvm-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** The code of an error of this package. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof CvmError ? error.code : undefined;
}
