/**
 * The toolkit's log on standard error.
 *
 * @module
 */
import type { CliIo } from "./io.ts";
import type { LogLevel } from "./options.ts";
import { sanitizeLine } from "./sanitize.ts";

/**
 * Runs something with the toolkit's log going to standard error.
 *
 * @param level What is logged at least.
 * @param io Where it goes.
 * @param action What runs.
 */
export async function withLogging(
  level: LogLevel,
  io: CliIo,
  action: () => Promise<void>,
): Promise<void> {
  const { configure, reset } = await import("@logtape/logtape");
  await configure({
    reset: true,
    sinks: {
      stderr: (record) => {
        const text = record.message.map((part) => part instanceof Error ? part.message : part);
        const line = sanitizeLine(text.join(""), 2_000);
        // Nothing is left to tell a failure to when standard error is gone.
        io.stderr.write(`cvm ${record.level}: ${line}\n`).catch(() => undefined);
      },
    },
    loggers: [
      { category: "cvm", lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "fatal", sinks: ["stderr"] },
    ],
  });
  try {
    await action();
  } finally {
    await reset();
  }
}
