/**
 * The relays that are used when neither the command line nor the configuration
 * names any. This is the only place where they stand.
 *
 * @module
 */

/** Public relays that carry ContextVM messages: run by two parties, and named in ContextVM's documentation. */
export const DEFAULT_RELAYS: readonly string[] = [
  "wss://relay.contextvm.org",
  "wss://cvm.otherstuff.ai",
];
