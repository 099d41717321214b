/**
 * From the command line of `cvm relay` to the settings of a relay.
 *
 * @module
 */
import { parsePublicKey } from "../../../crypto/keys.ts";
import { InputError } from "../../../errors.ts";
import type { KeySet } from "../../../transport/server.ts";
import { DEFAULT_RELAY_LIMITS } from "../../../transport/testing/limits.ts";
import { UsageError } from "../../exit_codes.ts";
import { isUnspecified, type ServeRelayOptions } from "../../relay/serve_relay.ts";
import { VERSION } from "../../version.ts";
import type { RelayArguments } from "./command.ts";

/** What may stand around an event in a message. */
const ENVELOPE_BYTES = 1_024;

/** Who has to authenticate, as the engine calls it. */
const REQUIRE_AUTH = { none: false, all: true, "gift-wraps": "1059" } as const;

/**
 * The settings.
 *
 * @param args The command line.
 * @param writers Who may write; `undefined` for everyone.
 * @throws {UsageError} When options do not fit together, or a URL or key is none.
 */
export function relaySettings(
  args: RelayArguments,
  writers: KeySet | undefined,
): ServeRelayOptions {
  const { port, hostname, db, auth, name, description, contact, maxEvents } = args;
  const { maxConnections, maxBufferedBytes, idleTimeoutMs } = args;
  const publicUrl = parseUrl(args.publicUrl);
  if ((auth !== "none" || writers !== undefined) && !publicUrl && isUnspecified(hostname)) {
    throw new UsageError(
      `clients authenticate for a URL, and on ${hostname} the relay does not know it; say it with --public-url`,
    );
  }
  const information = { name, description, contact, pubkey: parseOperator(args.pubkey) };
  return {
    port,
    hostname,
    publicUrl,
    db,
    maxEvents,
    maxConnections,
    maxBufferedBytes,
    idleTimeoutSeconds: idleTimeoutMs === undefined ? undefined : Math.ceil(idleTimeoutMs / 1000),
    requireAuth: REQUIRE_AUTH[auth],
    offerAuth: writers !== undefined,
    policy: writers && writePolicy(writers),
    limits: limitsOf(args),
    description: {
      ...Object.fromEntries(Object.entries(information).filter(([, value]) => value !== undefined)),
      version: VERSION,
    },
  };
}

/** Lets write who is in the set: the author of an event, or who has authenticated. */
function writePolicy(writers: KeySet): NonNullable<ServeRelayOptions["policy"]> {
  return ({ pubkey }, client) => {
    if ([pubkey, ...client.pubkeys].some((key) => writers.has(key))) return undefined;
    return client.pubkeys.size === 0
      ? "auth-required: only some keys may write here; authenticate as one of them"
      : "restricted: the key that you authenticated as may not write here";
  };
}

function limitsOf(
  { maxEventBytes: eventBytes, maxMessageBytes: messageBytes, ...args }: RelayArguments,
): ServeRelayOptions["limits"] {
  const { maxFrameBytes, maxEventBytes } = DEFAULT_RELAY_LIMITS;
  if (eventBytes !== undefined && messageBytes !== undefined && messageBytes < eventBytes) {
    throw new UsageError(
      "--max-message-bytes is below --max-event-bytes, and an event travels in a message",
    );
  }
  const frame = messageBytes ?? Math.max(maxFrameBytes, (eventBytes ?? 0) + ENVELOPE_BYTES);
  return {
    maxFrameBytes: frame,
    maxEventBytes: eventBytes ?? Math.min(maxEventBytes, frame),
    maxSubscriptions: args.maxSubscriptions,
    maxFilters: args.maxFilters,
    maxLimit: args.maxLimit,
    maxEventsPerSecond: args.maxEventsPerSecond,
    maxAgeSeconds: inSeconds(args.maxAgeMs),
    maxEphemeralAgeSeconds: inSeconds(args.maxEphemeralAgeMs),
  };
}

function inSeconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}

function parseUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url !== null && /^wss?:$/.test(url.protocol)) return text;
  throw new UsageError("--public-url must be a URL that begins with ws:// or wss://");
}

function parseOperator(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : parsePublicKey(text);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    throw new UsageError(`--pubkey: ${cause.message}`, { cause });
  }
}
