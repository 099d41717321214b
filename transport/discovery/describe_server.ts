/**
 * Everything public about one server, in one call.
 *
 * @module
 */
import { parseServerAddress } from "../../crypto/keys.ts";
import type { RelayPool } from "../relay/pool.ts";
import { parseProfile, type Profile } from "./profile.ts";
import { PROFILE_KIND, RELAY_LIST_KIND } from "../wire/kinds.ts";
import { Catalog } from "./_catalog.ts";
import { ANNOUNCEMENT_KINDS, type PublicServer, readPublicServer } from "./public_server.ts";
import { type LookupOptions, parseRelayList, type RelayList } from "./relay_list.ts";

/** A server's events are few; more than this, in characters, is nobody's description. */
const MAX_SIZE = 1_048_576;

/** Options of {@linkcode describeServer}. */
export interface DescribeOptions extends LookupOptions {
  /** The clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

/** Everything that a server has made public about itself. */
export interface ServerDescription extends PublicServer {
  /** The relays on which it can be reached (CEP-17). */
  readonly relayList: RelayList | undefined;
  /** Its profile (CEP-23). */
  readonly profile: Profile | undefined;
}

/**
 * Looks up everything that a server has made public about itself. What it has
 * deleted is left out, also where a relay still has it.
 *
 * @param pool The relays to ask; all of them are waited for, up to the deadline.
 * @param server The server: hex, npub, nprofile or naddr.
 * @param options The deadline, the engine and the clock.
 * @returns The description; what is not public, or not on these relays, is `undefined` or empty.
 * @throws {RelayError} RELAY_UNREACHABLE when no relay could be asked.
 * @throws {InputError} SERVER_INVALID when `server` is no server.
 *
 * @example
 * ```ts
 * import { PrivateKeySigner } from "@cvm/toolkit/crypto";
 * import { describeServer } from "@cvm/toolkit/discovery";
 * import { MemoryRelay } from "@cvm/toolkit/testing";
 * import { RelayPool } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using relay = new MemoryRelay();
 * await using pool = new RelayPool([relay.url], { webSocket: relay.webSocket });
 * const signer = PrivateKeySigner.generate();
 * const publish = async (kind: number, content: object, tags: string[][] = []) =>
 *   pool.publish(
 *     await signer.signEvent({ kind, created_at: 1, content: JSON.stringify(content), tags }),
 *   );
 * await publish(11316, { serverInfo: { name: "weather" } }, [["name", "Weather"]]);
 * await publish(11317, { tools: [{ name: "forecast" }] }, [["cap", "tool:forecast", "5", "sats"]]);
 *
 * const { announcement, tools, prices } = await describeServer(pool, signer.pubkey);
 * assertEquals(announcement?.name, "Weather");
 * assertEquals(tools?.items, [{ name: "forecast" }]);
 * assertEquals(prices[0].max, 5);
 * ```
 */
export async function describeServer(
  pool: RelayPool,
  server: string,
  options: DescribeOptions = {},
): Promise<ServerDescription> {
  const { pubkey } = parseServerAddress(server);
  const { engine, now = Date.now } = options;
  const kinds = [...ANNOUNCEMENT_KINDS, RELAY_LIST_KIND, PROFILE_KIND];
  const catalog = new Catalog({ kinds, engine, maxSize: MAX_SIZE });
  await catalog.fetch([pubkey], pool, options);
  const events = catalog.events(pubkey);
  const relayList = events.get(RELAY_LIST_KIND);
  const profile = events.get(PROFILE_KIND);
  return {
    ...readPublicServer(pubkey, events, now()),
    relayList: relayList && parseRelayList(relayList),
    profile: profile && parseProfile(profile),
  };
}
