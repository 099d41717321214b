/**
 * The `cvm` program: nothing but the process around `runCli()` of `app.ts`.
 *
 * @module
 */
import { helpPage } from "./help_pages.ts";
import { Interrupt, type TextSink } from "./io.ts";
import { VERSION } from "./version.ts";

function sink(stream: typeof Deno.stdout | typeof Deno.stderr): TextSink {
  const encoder = new TextEncoder();
  let tail: Promise<void> = Promise.resolve();
  const writeAll = async (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length;) done += await stream.write(bytes.subarray(done));
  };
  return {
    isTerminal: stream.isTerminal(),
    // One after the other, so that no message is written into another.
    write: (text) => {
      const written = tail.then(() => writeAll(encoder.encode(text)));
      tail = written.catch(() => undefined); // told to who wrote; the next may try again
      return written;
    },
  };
}

async function ask(question: string): Promise<string> {
  const { promptSecret } = await import("./prompt_secret.ts");
  return await promptSecret(question, { terminal: Deno.stdin, shown: sink(Deno.stderr) });
}

/** What can be said without the rest of the program; `undefined` when the command line asks for more. */
function readyAnswer(args: readonly string[]): string | undefined {
  if (args.length === 1 && args[0] === "--version") return `${VERSION}\n`;
  return helpPage(args, Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR"));
}

/** Loads the rest of the program. Deno reads all that a literal specifier leads to, also for who only asks for help. */
async function loadCli(): Promise<typeof import("./app.ts")> {
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf(".")); // `.js` in the executable
  return await import(new URL(`./app${ending}`, import.meta.url).href);
}

if (import.meta.main) {
  const answer = readyAnswer(Deno.args);
  if (answer !== undefined) {
    await sink(Deno.stdout).write(answer);
    Deno.exit(0);
  }
  const stop = new AbortController();
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  const reloading = new Set<() => void>();
  for (const name of signals) {
    Deno.addSignalListener(name, () => {
      if (name === "SIGHUP" && reloading.size > 0) {
        for (const reload of reloading) reload();
        return;
      }
      if (stop.signal.aborted) Deno.exit(130); // asked twice: at once
      stop.abort(new Interrupt(name));
    });
  }
  const { runCli } = await loadCli();
  const { default: process } = await import("node:process");
  const exitCode = await runCli(Deno.args, {
    stdin: Deno.stdin.readable,
    stdinIsTerminal: Deno.stdin.isTerminal(),
    stdout: sink(Deno.stdout),
    stderr: sink(Deno.stderr),
    env: { get: (name) => Deno.env.get(name), all: () => Deno.env.toObject() },
    signal: stop.signal,
    parentPid: () => process.ppid,
    ...(Deno.stdin.isTerminal() ? { promptSecret: ask } : {
      onHangup: (listener: () => void) => {
        reloading.add(listener);
        return () => void reloading.delete(listener);
      },
    }),
  });
  Deno.exit(exitCode);
}
