/**
 * What the tests of `crypto/` share.
 *
 * @module
 */
import { hexToBytes } from "@noble/hashes/utils.js";
import type { NostrEvent } from "../../crypto/event.ts";
import { signEvent } from "../../crypto/event.ts";

/** A private key that stands in for a client's. */
export const CLIENT_KEY: Uint8Array = hexToBytes("11".repeat(32));

/** A private key that stands in for a server's. */
export const SERVER_KEY: Uint8Array = hexToBytes("22".repeat(32));

/** An x coordinate without a point on secp256k1. */
export const OFF_CURVE = "eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34";

/** An event that the client signed. */
export function clientEvent(fields: Partial<NostrEvent> = {}): NostrEvent {
  const template = {
    kind: 25910,
    created_at: 1_700_000_000,
    tags: [["p", "0".repeat(64)]],
    content: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    ...fields,
  };
  return signEvent(template, CLIENT_KEY);
}
