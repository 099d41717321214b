/**
 * Nostr events (NIP-01): their shape, their id, and whether they are genuine.
 *
 * @module
 */

/** An event before it is signed (NIP-01). */
export interface EventTemplate {
  /** What the event is. */
  readonly kind: number;
  /** When it was made, in seconds since the epoch. */
  readonly created_at: number;
  /** Its tags, each a list of strings. */
  readonly tags: readonly (readonly string[])[];
  /** Its content. */
  readonly content: string;
}

/** A signed event (NIP-01). */
export interface NostrEvent extends EventTemplate {
  /** SHA-256 of the event's canonical form, 64 lower-case hex digits. */
  readonly id: string;
  /** The author's public key, 64 lower-case hex digits. */
  readonly pubkey: string;
  /** The BIP-340 signature over `id`, 128 lower-case hex digits. */
  readonly sig: string;
}
