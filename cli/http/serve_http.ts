/**
 * A local Streamable HTTP endpoint (MCP 2025-11-25, and back to 2025-03-26):
 * one {@linkcode HttpSession} for each client that initializes.
 *
 * @module
 */
import { errorBody } from "./_error_body.ts";
import { listenLocally } from "./_listen.ts";
import { Guard } from "./guard.ts";
import { HttpSession, type HttpSessionLimits } from "./http_session.ts";

/** The path of the endpoint. */
const PATH = "/mcp";
/** How often sessions without a connection are looked for, in milliseconds, at most. */
const SWEEP_MS = 60_000;
/** How long clients may take to receive their last answers when the endpoint closes, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1_000;

/** Options of {@linkcode serveHttp}. */
export interface ServeHttpOptions extends HttpSessionLimits {
  /** The TCP port on 127.0.0.1; 0 for any that is free. */
  readonly port: number;
  /** Takes a client that has initialized: connects its session to a server. */
  readonly onSession: (session: HttpSession) => void;
  /** The token that each request must carry. Default: none is asked for. */
  readonly bearer?: string;
  /** Origins of pages that may connect beside those of this machine. Default: none. */
  readonly origins?: readonly string[];
  /**
   * How many clients may be connected at the same time.
   * @default {16}
   */
  readonly maxSessions?: number;
  /**
   * How long a client without an open connection is remembered, in milliseconds.
   * @default {600_000}
   */
  readonly idleTimeoutMs?: number;
  /** The clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

/** An HTTP endpoint that runs. */
export interface HttpEndpoint extends AsyncDisposable {
  /** Where clients reach it. */
  readonly url: string;
  /** The clients that are known. */
  readonly sessions: readonly HttpSession[];
  /** Ends all sessions and stops listening. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts an HTTP endpoint on 127.0.0.1. It needs `--allow-net=127.0.0.1`.
 *
 * @param options Where, for whom, and the bounds.
 * @returns The endpoint, once it listens.
 * @throws {CvmError} CONFIG_INVALID when it can't listen on the port.
 */
export function serveHttp(options: ServeHttpOptions): HttpEndpoint {
  const sessions = new HttpSessions(options);
  const guard = new Guard(options);
  const stop = new AbortController();
  /** Answers that have not left completely. */
  const leaving = new Set<Promise<void>>();
  const server = listenLocally(options.port, stop.signal, async (request, { completed }) => {
    // A client that does not wait for its answer is nobody's fault here.
    const left = completed.catch(() => undefined).finally(() => leaving.delete(left));
    leaving.add(left);
    const response = guard.refuse(request) ?? await sessions.handle(request);
    return guard.share(request, response);
  });
  sessions.watch();
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      await sessions.close();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_TIMEOUT_MS));
      await Promise.race([Promise.all(leaving), late]).finally(() => clearTimeout(timer));
      stop.abort();
      await server.finished;
    })();
    return closing;
  };
  return {
    url: `http://127.0.0.1:${server.addr.port}${PATH}`,
    get sessions() {
      return sessions.all;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The clients of an endpoint. */
class HttpSessions {
  readonly #options: ServeHttpOptions;
  readonly #now: () => number;
  readonly #byId = new Map<string, HttpSession>();
  /** Requests that may turn out to open a session. */
  #opening = 0;
  #sweep: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(options: ServeHttpOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  get all(): readonly HttpSession[] {
    return [...this.#byId.values()];
  }

  /** Starts to look for clients that are gone. */
  watch(): void {
    const { idleTimeoutMs = 600_000 } = this.#options;
    this.#sweep = setInterval(() => this.#closeIdle(), Math.min(SWEEP_MS, idleTimeoutMs));
  }

  async handle(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== PATH) {
      return Response.json(errorBody(`Not found: the endpoint is ${PATH}`), { status: 404 });
    }
    const id = request.headers.get("mcp-session-id");
    if (id !== null) {
      const session = this.#byId.get(id);
      return await session?.handle(request) ??
        Response.json(errorBody("Session not found", -32001), { status: 404 });
    }
    if (!["GET", "POST", "DELETE"].includes(request.method)) {
      return Response.json(errorBody("Method not allowed"), {
        status: 405,
        headers: { allow: "GET, POST, DELETE" },
      });
    }
    return await this.#open(request);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    await Promise.all(this.all.map((session) => session.close()));
  }

  /** Answers a request without a session: it may be the one that opens it. */
  async #open(request: Request): Promise<Response> {
    if (this.#closed || !await this.#makeRoom()) {
      return Response.json(errorBody("Too many clients are connected; try again later"), {
        status: 503,
        headers: { "retry-after": "10" },
      });
    }
    const session = new HttpSession({
      ...this.#options,
      now: this.#now,
      onInitialized: (initialized) => {
        if (initialized.sessionId !== undefined) this.#byId.set(initialized.sessionId, initialized);
        this.#options.onSession(initialized);
      },
      onEnded: ({ sessionId }) => {
        if (sessionId !== undefined) this.#byId.delete(sessionId);
      },
    });
    this.#opening++;
    try {
      return await session.handle(request);
    } finally {
      this.#opening--;
      if (session.sessionId === undefined) await session.close();
    }
  }

  /** Whether there is room for one more client; of those without a connection the one unheard of for the longest time makes it. */
  async #makeRoom(): Promise<boolean> {
    const { maxSessions = 16 } = this.#options;
    if (this.#byId.size + this.#opening < maxSessions) return true;
    let oldest: HttpSession | undefined;
    for (const session of this.all) {
      if (!session.isOpen && session.usedAt < (oldest?.usedAt ?? Infinity)) oldest = session;
    }
    await oldest?.close();
    return oldest !== undefined;
  }

  #closeIdle(): void {
    const { idleTimeoutMs = 600_000 } = this.#options;
    const oldest = this.#now() - idleTimeoutMs;
    for (const session of this.all) {
      if (!session.isOpen && session.usedAt < oldest) void session.close();
    }
  }
}
