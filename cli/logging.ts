/**
 * The toolkit's log on standard error.
 *
 * @module
 */
import type { CliIo } from "./io.ts";
import { type LogFormat, logLine } from "./log_line.ts";
import type { LogLevel } from "./options.ts";

/**
 * Runs something with the toolkit's log going to standard error.
 *
 * @param log What is logged at least, and how it is written.
 * @param io Where it goes.
 * @param action What runs.
 */
export async function withLogging(
  { level, format = "text" }: { readonly level: LogLevel; readonly format?: LogFormat },
  io: CliIo,
  action: () => Promise<void>,
): Promise<void> {
  const { configure, reset } = await import("@logtape/logtape");
  await configure({
    reset: true,
    sinks: {
      stderr: (record) => {
        const text = record.message.map((part) => part instanceof Error ? part.message : part);
        const line = logLine({
          level: record.level,
          logger: record.category.join("."),
          message: text.join(""),
          properties: record.properties,
          time: record.timestamp,
        }, format);
        // Nothing is left to tell a failure to when standard error is gone.
        io.stderr.write(line).catch(() => undefined);
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
