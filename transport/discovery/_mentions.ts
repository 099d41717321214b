/**
 * Whom a text mentions (NIP-21, NIP-27).
 *
 * @module
 */
import { parsePublicKey } from "../../crypto/keys.ts";
import { InputError } from "../../errors.ts";

/** Mentions that are looked at; a text with more is meant to annoy. */
const MAX_MENTIONS = 50;

const MENTION = /nostr:(?:npub|nprofile)1[02-9ac-hj-np-z]{6,1000}/g;

/** The keys that `nostr:npub…` and `nostr:nprofile…` in a text name, each once, 50 at most. */
export function mentionedKeys(text: string): string[] {
  const mentions = [...new Set(text.match(MENTION))].slice(0, MAX_MENTIONS);
  return [...new Set(mentions.flatMap(readKey))];
}

function readKey(mention: string): string[] {
  try {
    return [parsePublicKey(mention)];
  } catch (error) {
    if (error instanceof InputError) return []; // mistyped: it mentions nobody
    throw error;
  }
}
