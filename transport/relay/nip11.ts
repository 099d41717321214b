/**
 * What a relay says about itself (NIP-11).
 *
 * @module
 */
import { plainText } from "./_text.ts";

/** The largest document that is read, bytes. */
const MAX_BODY_BYTES = 65_536;

/** The most entries of `supported_nips` that are kept. */
const MAX_NIPS = 256;

/** The limits of a relay (NIP-11), as far as this package uses them. */
export interface RelayLimitation {
  /** The largest frame that the relay takes, bytes. */
  readonly max_message_length?: number;
  /** The most subscriptions of one connection. */
  readonly max_subscriptions?: number;
  /** The most characters in an event's `content`. */
  readonly max_content_length?: number;
  /** Whether NIP-42 authentication comes before anything else. */
  readonly auth_required?: boolean;
  /** Whether the relay wants to be paid. */
  readonly payment_required?: boolean;
  /** How far in the past `created_at` may be, seconds. */
  readonly created_at_lower_limit?: number;
  /** How far in the future `created_at` may be, seconds. */
  readonly created_at_upper_limit?: number;
}

/** A relay's information document (NIP-11), as far as this package uses it. */
export interface RelayInfo {
  /** The relay's name. */
  readonly name?: string;
  /** The program that it runs. */
  readonly software?: string;
  /** The version of that program. */
  readonly version?: string;
  /** The NIPs that it says it supports. */
  readonly supported_nips?: readonly number[];
  /** Its limits. */
  readonly limitation?: RelayLimitation;
}

/**
 * Asks a relay for its information document (NIP-11).
 *
 * @param url The relay's URL, `ws:` or `wss:`.
 * @param signal Ends the wait.
 * @param options `fetch`: makes the request.
 * @returns The document, or `undefined` when the relay has none.
 * @throws What `fetch()` throws when the relay can't be reached or `signal` is aborted.
 */
export async function fetchRelayInfo(
  url: string,
  signal: AbortSignal,
  options: { readonly fetch?: typeof fetch } = {},
): Promise<RelayInfo | undefined> {
  const response = await (options.fetch ?? fetch)(url.replace(/^ws/, "http"), {
    headers: { accept: "application/nostr+json" },
    signal,
  });
  if (!response.ok) {
    await response.body?.cancel();
    return undefined;
  }
  const text = await readBounded(response);
  return text === undefined ? undefined : parseRelayInfo(text);
}

/**
 * Reads an information document; fields of a wrong type are left out.
 *
 * @param text The document.
 * @returns What it says, or `undefined` when it is no JSON object.
 */
export function parseRelayInfo(text: string): RelayInfo | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A web page in the place of the document: the relay has none.
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const nips = Array.isArray(value.supported_nips)
    ? value.supported_nips.slice(0, MAX_NIPS).filter(isCount)
    : undefined;
  return withoutUndefined({
    name: textOf(value.name),
    software: textOf(value.software),
    version: textOf(value.version),
    supported_nips: nips,
    limitation: isRecord(value.limitation) ? limitationOf(value.limitation) : undefined,
  });
}

function limitationOf(value: Record<string, unknown>): RelayLimitation {
  return withoutUndefined({
    max_message_length: countOf(value.max_message_length),
    max_subscriptions: countOf(value.max_subscriptions),
    max_content_length: countOf(value.max_content_length),
    auth_required: booleanOf(value.auth_required),
    payment_required: booleanOf(value.payment_required),
    created_at_lower_limit: countOf(value.created_at_lower_limit),
    created_at_upper_limit: countOf(value.created_at_upper_limit),
  });
}

/** The body as text, or `undefined` when it is larger than any honest document. */
async function readBounded(response: Response): Promise<string | undefined> {
  if (response.body === null) return undefined;
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    // Leaving the loop cancels the body.
    if (bytes > MAX_BODY_BYTES) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function countOf(value: unknown): number | undefined {
  return isCount(value) ? value : undefined;
}

function booleanOf(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return plainText(value) || undefined;
}

function withoutUndefined<T extends object>(value: T): T {
  for (const key of Object.keys(value) as (keyof T)[]) {
    if (value[key] === undefined) delete value[key];
  }
  return value;
}
