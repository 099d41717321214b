/**
 * Who signs and decrypts: the interface of NIP-07, so that a browser
 * extension, a private key or a remote signer can all stand behind it.
 *
 * @module
 */
import type { CryptoEngine } from "./engine.ts";
import type { EventTemplate, NostrEvent } from "./event.ts";

/**
 * A holder of a key, in the shape of NIP-07's `window.nostr`: in a browser, what an extension puts
 * there is a signer as it is, provided that it has `nip44`, or encryption is `disabled`.
 *
 * @example
 * ```ts
 * import type { Signer } from "@cvm/toolkit/crypto";
 * import { NostrClientTransport } from "@cvm/toolkit/transport/client";
 *
 * // In a page: connect(window, "nprofile1…")
 * function connect(browser: { nostr?: Signer }, server: string): NostrClientTransport {
 *   if (browser.nostr === undefined) throw new Error("there is no NIP-07 extension");
 *   return new NostrClientTransport({ signer: browser.nostr, server });
 * }
 * console.assert(typeof connect === "function");
 * ```
 */
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
  /** The engine that it has: clients and servers with this signer verify and wrap with it, unless they are given another. */
  readonly engine?: CryptoEngine;
}
