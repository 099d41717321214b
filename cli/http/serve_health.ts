/**
 * What a supervisor and a monitor ask a program that runs: does it live, can it
 * work, how much does it do. On this machine alone.
 *
 * @module
 */
import { listenLocally } from "./_listen.ts";
import { Guard } from "./guard.ts";

/** Whether a program can do its work. */
export interface Readiness {
  /** Whether it can. */
  readonly ready: boolean;
  /** The same in detail, as JSON. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Options of {@linkcode serveHealth}. */
export interface HealthOptions {
  /** The port on 127.0.0.1; 0 for any that is free. */
  readonly port: number;
  /** Whether the program can do its work now. */
  readonly readiness: () => Readiness | Promise<Readiness>;
  /** The metrics, in the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
}

/** The endpoint that {@linkcode serveHealth} opens. */
export interface HealthEndpoint extends AsyncDisposable {
  /** Where it is. */
  readonly url: string;
  /** Stops listening. Idempotent. */
  close(): Promise<void>;
}

/** Metrics in the format that Prometheus reads. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Serves `/livez`, `/readyz` and `/metrics`.
 *
 * @param options The port, and what is told.
 * @returns The endpoint.
 * @throws {CvmError} CONFIG_INVALID when the port can't be had.
 */
export function serveHealth(options: HealthOptions): HealthEndpoint {
  const guard = new Guard();
  const stop = new AbortController();
  const server = listenLocally(options.port, stop.signal, async (request) => {
    const response = guard.refuse(request) ?? await answer(request, options);
    response.headers.set("cache-control", "no-store");
    return response;
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    stop.abort();
    return closing ??= server.finished;
  };
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function answer(request: Request, options: HealthOptions): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("Method not allowed\n", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  switch (new URL(request.url).pathname) {
    case "/livez":
      return new Response("ok\n");
    case "/readyz": {
      const { ready, details } = await options.readiness();
      return Response.json({ ready, ...details }, { status: ready ? 200 : 503 });
    }
    case "/metrics":
      return new Response(await options.metrics(), { headers: { "content-type": METRICS_TYPE } });
  }
  return new Response("Not found: there are /livez, /readyz and /metrics\n", { status: 404 });
}
