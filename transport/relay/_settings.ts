/**
 * The options of a pool with their defaults, checked.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Signer } from "../../crypto/signer.ts";
import { Backoff } from "./backoff.ts";
import { fetchRelayInfo, type RelayInfo } from "./nip11.ts";
import type { RelayPoolOptions } from "./options.ts";
import type { WebSocketFactory } from "./websocket.ts";

const logger = getLogger(["cvm", "relay"]);

/** Every option of a pool, resolved. */
export interface RelaySettings {
  readonly signer: Signer | undefined;
  readonly webSocket: WebSocketFactory;
  readonly connectTimeoutMs: number;
  readonly publishTimeoutMs: number;
  readonly queryTimeoutMs: number;
  readonly idlePingMs: number;
  readonly pingTimeoutMs: number;
  readonly clockSkewMs: number;
  readonly maxBufferedBytes: number;
  readonly maxFrameBytes: number;
  readonly maxTrailingBytes: number;
  readonly fetchRelayInfo: (url: string, signal: AbortSignal) => Promise<RelayInfo | undefined>;
  readonly report: (error: unknown) => void;
  readonly now: () => number;
  /** The bound of delays while something waits to be sent. */
  readonly soonMs: number;
  /** A new sequence of delays. */
  readonly newBackoff: () => Backoff;
}

/**
 * Resolves the options of a pool.
 * @param options What the user said.
 * @returns Every setting.
 * @throws {RangeError} When a number is out of range.
 */
export function resolveSettings(options: RelayPoolOptions): RelaySettings {
  const { backoff, random = Math.random } = options;
  const newBackoff = () => {
    return new Backoff({ initialMs: backoff?.initialMs, maxMs: backoff?.maxMs, random });
  };
  newBackoff(); // Its bounds are checked now, not at the first failure.
  return {
    signer: options.signer,
    webSocket: options.webSocket ?? ((url) => new WebSocket(url)),
    connectTimeoutMs: positive("connectTimeoutMs", options.connectTimeoutMs ?? 5_000),
    publishTimeoutMs: positive("publishTimeoutMs", options.publishTimeoutMs ?? 10_000),
    queryTimeoutMs: positive("queryTimeoutMs", options.queryTimeoutMs ?? 5_000),
    idlePingMs: positive("idlePingMs", options.idlePingMs ?? 30_000),
    pingTimeoutMs: positive("pingTimeoutMs", options.pingTimeoutMs ?? 10_000),
    clockSkewMs: atLeastZero("clockSkewMs", options.clockSkewMs ?? 300_000),
    maxBufferedBytes: positive("maxBufferedBytes", options.maxBufferedBytes ?? 4_194_304),
    maxFrameBytes: positive("maxFrameBytes", options.maxFrameBytes ?? 1_048_576),
    maxTrailingBytes: atLeastZero(
      "maxTrailingBytes",
      options.maxTrailingBytes ?? 8_388_608,
    ),
    fetchRelayInfo: options.fetchRelayInfo ?? fetchRelayInfo,
    report: options.onError ?? logFault,
    now: options.now ?? Date.now,
    soonMs: positive("backoff.soonMs", backoff?.soonMs ?? 2_000),
    newBackoff,
  };
}

/**
 * Checks a number of milliseconds or bytes.
 * @throws {RangeError} When it is not above zero.
 */
export function positive(name: string, value: number): number {
  if (!(value > 0)) throw new RangeError(`${name} must be above 0, got ${value}`);
  return value;
}

/** As everywhere in the transport: `reportError()` would end a Deno process, and Node.js has none. */
function logFault(error: unknown): void {
  logger.error("a handler of a relay pool failed: {error}", { error });
}

function atLeastZero(name: string, value: number): number {
  if (!(value >= 0)) throw new RangeError(`${name} must be at least 0, got ${value}`);
  return value;
}
