/**
 * The address of a remote signer (NIP-46).
 *
 * @module
 */
import { parsePublicKey } from "../../crypto/keys.ts";
import { CvmError, InputError } from "../../errors.ts";
import { normalizeRelayUrl } from "../relay/url.ts";

/** A longer text is nobody's address, UTF-16 code units. */
const MAX_LENGTH = 4_096;
/** Relays beyond these are not used. */
const MAX_RELAYS = 8;

/** Where a remote signer is met, and what lets us in. */
export interface BunkerAddress {
  /** The remote signer's public key, 64 lower-case hex digits. */
  readonly pubkey: string;
  /** The relays on which it listens, normalized. */
  readonly relays: readonly string[];
  /** What it wants to hear from whom it lets in; good for one application. */
  readonly secret?: string;
}

/**
 * Reads the address that a remote signer gives out.
 *
 * @param text `bunker://PUBKEY?relay=wss://…&secret=…`, with the key as hex or npub, and one
 * `relay` or more.
 * @returns What it says.
 * @throws {InputError} `KEY_INVALID` when it is no such address. The message does not repeat it:
 * it may hold a secret.
 *
 * @example
 * ```ts
 * import { parseBunkerAddress } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const pubkey = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e";
 * assertEquals(
 *   parseBunkerAddress(`bunker://${pubkey}?relay=wss%3A%2F%2Frelay.example&secret=open`),
 *   { pubkey, relays: ["wss://relay.example"], secret: "open" },
 * );
 * ```
 */
export function parseBunkerAddress(text: string): BunkerAddress {
  const [, key = "", query = ""] = /^bunker:\/\/([^/?#]+)\/?(?:\?([^#]*))?$/i.exec(text.trim()) ??
    [];
  if (key === "" || text.length > MAX_LENGTH) {
    throw wrong("it must look like bunker://PUBKEY?relay=wss://…");
  }
  const parameters = new URLSearchParams(query);
  try {
    const pubkey = parsePublicKey(key);
    const relays = parameters.getAll("relay").slice(0, MAX_RELAYS).map(normalizeRelayUrl);
    if (relays.length === 0) throw wrong("it names no relay");
    const secret = parameters.get("secret");
    return { pubkey, relays: [...new Set(relays)], ...(secret ? { secret } : {}) };
  } catch (error) {
    if (!(error instanceof CvmError)) throw error;
    throw error.message.startsWith("The bunker's") ? error : wrong(error.message, error);
  }
}

function wrong(what: string, cause?: unknown): InputError {
  return new InputError("KEY_INVALID", `The bunker's address can't be used: ${what}`, { cause });
}
