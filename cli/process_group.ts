/**
 * Process groups: a child and all that it has started, ended together, also
 * when we are killed in a way that leaves us no last word.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";

/** What the guardian does when its standard input ends, because we died. `$1` is the group. */
const GUARDIAN = 'cat >/dev/null; kill -s TERM -- "-$1"; sleep 2; kill -s KILL -- "-$1"';

/**
 * Sends a signal to a process and all that it has started. On Windows, where
 * there are no groups, the tree is ended whatever the signal.
 *
 * @param pid The process that leads the group.
 * @param signal The signal.
 * @returns Whether there was anybody to get it.
 */
export function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL"): boolean {
  if (Deno.build.os === "windows") {
    spawn("taskkill", ["/PID", String(pid), "/T", "/F"], { stdio: "ignore" })
      .on("error", () => undefined); // it is gone already, or can't be ended: there is nothing else to try
    return true;
  }
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** No such process, or a group of which nobody is left but a dead member that has not been reaped (EPERM). */
function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    (error.code === "ESRCH" || error.code === "EPERM");
}

/** Ends a process group should we be killed. */
export class Guardian {
  readonly #process: ChildProcess | undefined;

  /**
   * Watches over a group. Where there is no shell it does nothing: a
   * well-behaved child ends by itself when its standard input does.
   *
   * @param pid The process that leads the group.
   */
  constructor(pid: number) {
    if (Deno.build.os === "windows") return;
    const guardian = spawn("/bin/sh", ["-c", GUARDIAN, "cvm-guardian", String(pid)], {
      // In a group of its own: what ends us from the terminal must not end it.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: "/usr/bin:/bin" },
    });
    guardian.on("error", () => undefined); // no shell: see above
    guardian.stdin?.on("error", () => undefined); // it ended first: nothing is lost
    this.#process = guardian;
  }

  /** Ends the watch; the group is left in peace. */
  async dismiss(): Promise<void> {
    const guardian = this.#process;
    if (guardian?.pid === undefined || guardian.exitCode !== null || guardian.signalCode !== null) {
      return;
    }
    const closed = new Promise<void>((resolve) => guardian.once("close", () => resolve()));
    // First the end, then its input: the other way round it would do what it is there for.
    signalGroup(guardian.pid, "SIGKILL");
    guardian.stdin?.destroy();
    await closed;
  }
}
