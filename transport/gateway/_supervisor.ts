/**
 * Keeps one MCP server running: starts it, starts it again after each death,
 * and gives it up when it dies too often.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { UpstreamError } from "../../errors.ts";
import { Backoff } from "../relay/backoff.ts";
import type { JsonRpcMessage } from "../types.ts";
import { CrashLoop } from "./_crash_loop.ts";
import { type OpenUpstream, type RestartOptions, Upstream } from "./_upstream.ts";

const logger = getLogger(["cvm", "gateway"]);

/** Options of a {@linkcode Supervisor}. */
export interface SupervisorOptions {
  /** Opens a connection to the MCP server. */
  readonly open: OpenUpstream;
  /** The waits between restarts, and when there are no more. */
  readonly restart?: RestartOptions;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Does the MCP handshake on each new connection. */
  readonly handshake: (upstream: Upstream) => Promise<void>;
  /** Takes each message of the server. */
  readonly onMessage: (message: JsonRpcMessage) => void;
  /** Told when the server works again, or for the first time after {@linkcode Supervisor.keepTrying}. */
  readonly onUp: () => void;
  /** Told when the server is down, why, and when it will be started again (milliseconds since the epoch). */
  readonly onDown: (error: UpstreamError, retryAt: number) => void;
  /** Told when the server has died too often and is not started again. */
  readonly onFailed: (error: UpstreamError) => void;
}

/** Why there is no server now. */
export interface Downtime {
  /** Why. */
  readonly error: UpstreamError;
  /** When it is started again, in milliseconds since the epoch; `undefined` for never. */
  readonly retryAt: number | undefined;
}

/** Keeps one MCP server running. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #backoff: Backoff;
  readonly #crashes: CrashLoop;
  #upstream: Upstream | undefined;
  #down: Downtime | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #opening: { upstream?: Upstream; readonly done: Promise<void> } | undefined;
  #upSince: number | undefined;
  #closed = false;

  /**
   * @param options How to open the MCP server, and who is told of its state.
   * @throws {RangeError} When the waits or the bounds of crashes make no sense.
   */
  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.restart);
    this.#crashes = new CrashLoop(options.restart);
  }

  /** The connection, while the server works. */
  get upstream(): Upstream | undefined {
    return this.#upstream;
  }

  /** Why the server does not work; `undefined` while it does, and before its first start. */
  get down(): Downtime | undefined {
    return this.#down;
  }

  /**
   * Starts the MCP server; a first start that fails is told of, and not tried again.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when it can't be started, dies or stays silent.
   */
  async start(): Promise<void> {
    await this.#open();
  }

  /** Starts the MCP server; a start that fails counts as a death. */
  async keepTrying(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      if (!this.#closed) this.#fail(error);
      return;
    }
    // It may have died since: that has been told then.
    if (!this.#closed && this.#upstream !== undefined) this.#options.onUp();
  }

  /** Ends the MCP server. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#opening?.upstream?.close();
    await this.#opening?.done;
    await this.#upstream?.close();
  }

  async #open(): Promise<void> {
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const opening: { upstream?: Upstream; readonly done: Promise<void> } = { done };
    this.#opening = opening;
    const { open, handshake, onMessage, now } = this.#options;
    try {
      const upstream = await Upstream.open(open, {
        onMessage,
        onDown: (error) => {
          if (this.#upstream !== upstream) return;
          this.#upstream = undefined;
          this.#fail(error);
        },
        onError: (error) => logger.debug("the MCP server: {error}", { error }),
      });
      opening.upstream = upstream;
      try {
        if (this.#closed) throw new UpstreamError("UPSTREAM_FAILED", "the gateway was closed");
        await handshake(upstream);
        upstream.throwIfEnded();
      } catch (error) {
        await upstream.close();
        throw error;
      }
      this.#upstream = upstream;
      this.#down = undefined;
      this.#upSince = now();
    } finally {
      this.#opening = undefined;
      resolve();
    }
  }

  /** The MCP server is gone, or did not come: the next start is planned. */
  #fail(cause: unknown): void {
    if (this.#closed) return;
    const error = cause instanceof UpstreamError
      ? cause
      : new UpstreamError("UPSTREAM_FAILED", `the MCP server failed: ${cause}`, { cause });
    const now = this.#options.now();
    if (this.#crashes.note(now)) return this.#giveUp(error);
    const waitMs = this.#backoff.next(this.#upSince === undefined ? 0 : now - this.#upSince);
    this.#upSince = undefined;
    this.#down = { error, retryAt: now + waitMs };
    // Not a warning: `onDown` tells it to those who have to know.
    logger.info("the MCP server is down, next start in {waitMs} ms: {reason}", {
      waitMs: Math.round(waitMs),
      reason: error.message,
    });
    this.#timer = setTimeout(() => void this.keepTrying(), waitMs);
    this.#options.onDown(error, now + waitMs);
  }

  /** It has died too often: nothing more is tried. */
  #giveUp(last: UpstreamError): void {
    const { maxDeaths, windowMs } = this.#crashes;
    const error = maxDeaths === 1 ? last : new UpstreamError(
      "UPSTREAM_FAILED",
      `the MCP server has died ${maxDeaths} times within ${
        Math.round(windowMs / 1000)
      } s and is not started again; the last time: ${last.message}`,
      { cause: last },
    );
    this.#down = { error, retryAt: undefined };
    this.#options.onFailed(error);
  }
}
