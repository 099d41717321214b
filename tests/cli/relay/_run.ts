/** Runs `cvm relay` inside the test. */
import { runCli } from "../../../cli/app.ts";
import { Interrupt } from "../../../cli/io.ts";
import { HangupIo, until } from "../helpers.ts";

/** Runs `cvm relay` on a free port; it is stopped at the end of the scope. */
export async function startRelay(...args: string[]) {
  const io = new HangupIo({ env: Deno.env.toObject() });
  const ended = runCli(["relay", "--port", "0", "--format", "json", ...args], io);
  let isOver = false;
  void ended.finally(() => isOver = true);
  await until(() => isOver || io.out.includes("\n"));
  const result = io.out === "" ? {} : JSON.parse(io.out);
  return {
    io,
    ended,
    result,
    url: `ws://127.0.0.1:${result.port}`,
    hangUp: () => io.hangUp(),
    [Symbol.asyncDispose]: async () => {
      io.controller.abort(new Interrupt("SIGTERM"));
      await ended;
    },
  };
}
