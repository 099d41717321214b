/**
 * Requests as OpenTelemetry spans and metrics. Deno exports them with
 * `OTEL_DENO=true`; without it nothing here is loaded. Like the log, they hold no
 * arguments, results or keys (faults F07).
 *
 * @module
 */
import { metrics, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { RequestObserver } from "../../../transport/server.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { VERSION } from "../../version.ts";

/** The longest method or name in a span; both were written by a stranger. */
const MAX_LENGTH = 80;

/**
 * An observer that makes a span of each request, and measures it.
 *
 * @param server The server's short name.
 */
export function telemetry(server: string): RequestObserver {
  const tracer = trace.getTracer("cvm", VERSION);
  const durations = metrics.getMeter("cvm", VERSION).createHistogram(
    "mcp.server.request.duration",
    {
      description: "From the arrival of a request to the delivery of its answer.",
      unit: "s",
    },
  );
  return {
    onSettled: ({ method, name, outcome, errorCode, durationMs }) => {
      const shown = sanitizeLine(method, MAX_LENGTH);
      const tool = name === undefined ? undefined : sanitizeLine(name, MAX_LENGTH);
      const end = Date.now();
      const span = tracer.startSpan(tool === undefined ? shown : `${shown} ${tool}`, {
        kind: SpanKind.SERVER,
        startTime: end - durationMs,
        attributes: {
          "cvm.server": server,
          "cvm.outcome": outcome,
          "mcp.method.name": shown,
          ...(tool === undefined ? {} : { "gen_ai.tool.name": tool }),
          ...(errorCode === undefined ? {} : { "rpc.jsonrpc.error_code": errorCode }),
        },
      });
      if (outcome !== "ok" && outcome !== "cancelled") {
        span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
      }
      span.end(end);
      // A metric has few labels: neither methods nor tools that a client made up.
      durations.record(durationMs / 1000, { "cvm.server": server, "cvm.outcome": outcome });
    },
  };
}
