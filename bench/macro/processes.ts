/**
 * The processes of the benchmark: one for each side, ended when they have said what they know.
 *
 * @module
 */
import type { Scenario, Side, Task } from "./task.ts";
import type { Command, Workbench } from "./workbench.ts";

const PEER = new URL("./peer.ts", import.meta.url);
/** How long a server may take to start. */
const START_MS = 30_000;

/** A process, and the first line that it prints. */
export class LineProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  /** Starts it. */
  constructor({ program, args, env }: Command) {
    this.#child = new Deno.Command(program, {
      args: [...args],
      env: { LOG_ENABLED: "false", NODE_ENV: "test", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  }

  /** What it prints first. @throws {Error} When it ends before, or prints nothing in time. */
  async firstLine(timeoutMs: number): Promise<string> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#child.kill("SIGKILL");
    }, timeoutMs);
    let text = "";
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes("\n")) break;
    }
    clearTimeout(timer);
    if (text.includes("\n")) return text.slice(0, text.indexOf("\n"));
    throw new Error(late ? `nothing in ${timeoutMs / 1_000} s` : "ended without a result");
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended by itself
    }
    await this.#child.status;
  }
}

/** What is measured with a server and a client of one implementation. */
export interface Measurement extends Side {
  readonly scenario: Scenario;
  /** How long the client may take. */
  readonly timeoutMs: number;
}

/** Starts a server of one implementation; returns its process and its public key. */
export async function startServer(
  side: Side,
  workbench: Workbench,
): Promise<{ readonly process: LineProcess; readonly key: string }> {
  const process = new LineProcess(await commandOf({ ...side, role: "server" }, workbench));
  try {
    return { process, key: await within(process, START_MS, "server") };
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs a server and a client, each in a process of its own; returns what the client measured. */
export async function measure<Figures>(
  { scenario, timeoutMs, ...side }: Measurement,
  workbench: Workbench,
): Promise<Figures> {
  const { process, key } = await startServer(side, workbench);
  await using _server = process;
  const task = { ...side, role: "client", server: key, scenario } as const;
  await using client = new LineProcess(await commandOf(task, workbench));
  return JSON.parse(await within(client, timeoutMs, "client"));
}

async function within(process: LineProcess, ms: number, who: string): Promise<string> {
  try {
    return await process.firstLine(ms);
  } catch (error) {
    throw new Error(`${who}: ${error instanceof Error ? error.message : error}`);
  }
}

async function commandOf(task: Task, workbench: Workbench): Promise<Command> {
  return await workbench.commandFor(task.variant.runtime, PEER, JSON.stringify(task));
}
