/**
 * The `cvm` program: nothing but the process around {@linkcode runCli}.
 *
 * @module
 */
import process from "node:process";
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

async function main(): Promise<number> {
  const stdout = sink(Deno.stdout);
  // The question that programs ask most often needs no parser.
  if (Deno.args.length === 1 && Deno.args[0] === "--version") {
    await stdout.write(`${VERSION}\n`);
    return 0;
  }
  const { runCli } = await import("./app.ts");
  const stop = new AbortController();
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const name of signals) {
    Deno.addSignalListener(name, () => {
      if (stop.signal.aborted) Deno.exit(130); // asked twice: at once
      stop.abort(new Interrupt(name));
    });
  }
  return await runCli(Deno.args, {
    stdin: Deno.stdin.readable,
    stdinIsTerminal: Deno.stdin.isTerminal(),
    stdout,
    stderr: sink(Deno.stderr),
    env: { get: (name) => Deno.env.get(name), all: () => Deno.env.toObject() },
    signal: stop.signal,
    parentPid: () => process.ppid,
  });
}

if (import.meta.main) Deno.exit(await main());
