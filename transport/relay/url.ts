/**
 * Relay URLs in one form, so that the same relay is the same string everywhere.
 *
 * @module
 */
import { InputError } from "../../errors.ts";

/** The longest relay URL that is taken, characters. */
const MAX_URL_LENGTH = 2_048;

/**
 * Brings a relay URL into its one form: `ws` or `wss`, lower-case host, no default port, no
 * fragment, and no trailing slash where there is nothing but the origin.
 *
 * @param text What a user or a peer calls a relay.
 * @returns The normalized URL.
 * @throws {InputError} RELAY_URL_INVALID when `text` is no WebSocket URL or carries credentials.
 *
 * @example
 * ```ts
 * import { normalizeRelayUrl } from "@cvm/toolkit/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normalizeRelayUrl("WSS://Relay.Example.com:443/"), "wss://relay.example.com");
 * ```
 */
export function normalizeRelayUrl(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length > MAX_URL_LENGTH) {
    throw invalid(trimmed, `longer than ${MAX_URL_LENGTH} characters`);
  }
  if (!URL.canParse(trimmed)) throw invalid(trimmed, "not a URL; write wss://host");
  const url = new URL(trimmed);
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw invalid(trimmed, "the scheme of a relay is wss: or ws:");
  }
  if (url.hostname === "") throw invalid(trimmed, "there is no host");
  if (url.username !== "" || url.password !== "") {
    throw new InputError("RELAY_URL_INVALID", `relay URL of ${url.host} must not hold credentials`);
  }
  url.hash = "";
  const normalized = url.href;
  return url.pathname === "/" && url.search === "" ? normalized.slice(0, -1) : normalized;
}

function invalid(text: string, reason: string): InputError {
  return new InputError(
    "RELAY_URL_INVALID",
    `relay URL ${JSON.stringify(text.slice(0, 100))} can't be used: ${reason}`,
  );
}
