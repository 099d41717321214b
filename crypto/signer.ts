/**
 * Who signs and decrypts: the interface of NIP-07, so that a browser
 * extension, a private key or a remote signer can all stand behind it.
 *
 * @module
 */
import type { EventTemplate, NostrEvent } from "./event.ts";

/** A holder of a key, in the shape of NIP-07's `window.nostr`. */
export interface Signer {
  /** The public key, 64 lower-case hex digits. */
  getPublicKey(): Promise<string>;
  /** Adds `pubkey`, `id` and `sig` to an event. */
  signEvent(event: EventTemplate): Promise<NostrEvent>;
  /** NIP-44 encryption to and from another public key. Needed for every encryption mode but `disabled`. */
  readonly nip44?: {
    /** Encrypts `plaintext` to `pubkey`; resolves to base64. */
    encrypt(pubkey: string, plaintext: string): Promise<string>;
    /** Decrypts base64 from `pubkey`. */
    decrypt(pubkey: string, ciphertext: string): Promise<string>;
  };
}
