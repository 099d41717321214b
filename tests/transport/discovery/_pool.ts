/**
 * Relays in memory for the tests of public events.
 */
import { RelayPool } from "../../../transport/relay/pool.ts";
import { createWebSocketFactory, type MemoryRelay } from "../../../transport/testing/mod.ts";
import { poolOptions } from "../_harness.ts";

/** A pool of relays in memory. */
export function openPool(...relays: MemoryRelay[]): RelayPool {
  const webSocket = createWebSocketFactory(relays);
  return new RelayPool(relays.map(({ url }) => url), {
    ...poolOptions({ webSocket }),
    queryTimeoutMs: 1_000,
  });
}
