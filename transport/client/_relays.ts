/**
 * Where a client meets a server (CEP-17): on the relays that it was told, else
 * on those of the address, else on those of the server's relay list, else on
 * the fallback.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { CvmError, InputError } from "../../errors.ts";
import { DEFAULT_DISCOVERY_RELAYS, fetchRelayList } from "../discovery/relay_list.ts";
import { RelayPool, type RelayPoolOptions } from "../relay/pool.ts";
import { normalizeRelayUrl } from "../relay/url.ts";

const logger = getLogger(["cvm", "discovery"]);

/** What {@linkcode resolveRelays} works from. */
export interface RelaySources {
  /** The server's public key, hex. */
  readonly server: string;
  /** Relay hints of the server's address. */
  readonly hints: readonly string[];
  /** Where to look the relay list up. */
  readonly discoveryRelays?: readonly string[];
  /** What to use when there is no relay list. */
  readonly fallbackRelays?: readonly string[];
  /** How to connect. */
  readonly poolOptions: RelayPoolOptions;
  /** The engine that verifies. */
  readonly engine?: CryptoEngine;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/**
 * @param sources What is known of the server.
 * @returns The URLs of the relays to connect to; never empty.
 * @throws {RelayError} RELAY_UNREACHABLE when neither a discovery relay could be asked nor a fallback was given.
 * @throws {InputError} RELAY_URL_INVALID when there is no relay to use at all.
 */
export async function resolveRelays(sources: RelaySources): Promise<readonly string[]> {
  const hints = sources.hints.flatMap((hint) => {
    try {
      return [normalizeRelayUrl(hint)];
    } catch (error) {
      if (!(error instanceof CvmError)) throw error;
      logger.warn("a relay hint of the server's address is no relay URL: {hint}", { hint });
      return [];
    }
  });
  if (hints.length > 0) return hints;
  const { discoveryRelays = DEFAULT_DISCOVERY_RELAYS, fallbackRelays, signal, engine } = sources;
  const fallback = fallbackRelays ?? discoveryRelays;
  if (discoveryRelays.length > 0) {
    // Not `await using`: Node 22 and some browsers can't read it.
    const pool = new RelayPool(discoveryRelays, sources.poolOptions);
    try {
      const found = await fetchRelayList(pool, sources.server, { signal, engine });
      if (found !== undefined && found.length > 0) return found;
    } catch (error) {
      if (!(error instanceof CvmError) || fallbackRelays === undefined) throw error;
      logger.warn("the server's relays could not be looked up: {error}", { error });
    } finally {
      await pool.close();
    }
  }
  if (fallback.length > 0) return fallback;
  throw new InputError(
    "RELAY_URL_INVALID",
    "no relay to reach the server on: name one, or use an nprofile address that does",
  );
}
