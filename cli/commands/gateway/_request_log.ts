/**
 * One log line for each request: who, what, how long, and how it ended; never
 * arguments or results (faults F07).
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { RequestObserver } from "../../../transport/server.ts";
import { sanitizeLine } from "../../sanitize.ts";

const logger = getLogger(["cvm", "requests"]);

/** Digits of a client's key that are logged: enough to tell clients apart. */
const CLIENT_DIGITS = 8;
/** The longest method or name that is logged; both were written by a stranger. */
const MAX_LENGTH = 80;

/**
 * An observer that logs, at the level `info`.
 *
 * @param server The server's short name.
 */
export function requestLog(server: string): RequestObserver {
  return {
    onSettled: ({ peer, method, name, outcome, errorCode, durationMs }) => {
      const facts = {
        server,
        client: peer.slice(0, CLIENT_DIGITS),
        method: sanitizeLine(method, MAX_LENGTH),
        ...(name === undefined ? {} : { tool: sanitizeLine(name, MAX_LENGTH) }),
        outcome,
        ...(errorCode === undefined ? {} : { errorCode }),
        durationMs: Math.round(durationMs),
      };
      const what = name === undefined ? "{method}" : "{method} {tool}";
      logger.info(`${what} for {client}: {outcome} in {durationMs} ms`, facts);
    },
  };
}

/** One observer of several. */
export function observers(several: readonly RequestObserver[]): RequestObserver {
  return {
    onRequest: (request) => {
      for (const observer of several) observer.onRequest?.(request);
    },
    onSettled: (request) => {
      for (const observer of several) observer.onSettled?.(request);
    },
  };
}
