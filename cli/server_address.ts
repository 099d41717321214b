/**
 * What a user may call a server: hex, npub, nprofile, naddr, a NIP-05 name, or
 * an alias of the configuration file.
 *
 * @module
 */
import { formatNprofile, parseServerAddress } from "../crypto/keys.ts";
import { CvmError, InputError } from "../errors.ts";
import { normalizeRelayUrl } from "../transport/relay/url.ts";
import type { Config } from "./config.ts";
import { didYouMean } from "./did_you_mean.ts";

/** A larger answer is nobody's list of names, bytes. */
const MAX_ANSWER_BYTES = 262_144;
/** Hints beyond these are not used. */
const MAX_HINTS = 8;

/** A server, found by any of its names. */
export interface ResolvedServer {
  /** Its public key, 64 lower-case hex digits. */
  readonly publicKey: string;
  /** Relays where it may be met: the hints of the address, normalized. */
  readonly hints: readonly string[];
  /** An address that carries both, for the client transport. */
  readonly address: string;
  /** The name of NIP-05 by which it was found, in lower case. */
  readonly name?: string;
}

/** Options of {@linkcode resolveServer}. */
export interface ResolveOptions {
  /** The configuration, with its aliases. */
  readonly config: Config;
  /** Makes HTTPS requests. Default: the platform's. */
  readonly fetch?: typeof fetch;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /**
   * How long a NIP-05 lookup may take, in milliseconds.
   * @default {5_000}
   */
  readonly timeoutMs?: number;
}

/**
 * Finds a server by what the user called it.
 *
 * @param text Hex, npub, nprofile, naddr, `name@domain`, `domain` as `_@domain`, or an alias.
 * @param options The aliases, and how to look names up.
 * @returns Its public key and where it may be met.
 * @throws {InputError} SERVER_INVALID when it names no server; NOT_FOUND when a NIP-05 name is not known where it points to.
 */
export async function resolveServer(
  text: string,
  options: ResolveOptions,
): Promise<ResolvedServer> {
  const alias = options.config.aliases.get(text);
  const address = (alias ?? text).trim();
  if (/^nsec1/i.test(address)) {
    throw new InputError(
      "SERVER_INVALID",
      "this is a private key (nsec), not a server; whoever can read your shell's history has it now: make a new one",
    );
  }
  if (address.includes("@")) return await lookUp(address, options);
  try {
    const { pubkey, relays } = parseServerAddress(address);
    return resolved(pubkey, relays);
  } catch (error) {
    if (!(error instanceof CvmError)) throw error;
    const looksLikeName = /^[\w.-]{1,63}$/.test(address) &&
      !/^(npub|nprofile|naddr)1/i.test(address) &&
      !/^[0-9a-f]{32,}$/i.test(address);
    if (!looksLikeName) throw error;
    throw new InputError(
      "SERVER_INVALID",
      `there is no alias "${address}" in ${options.config.file}, and it is no public key, npub, nprofile, naddr or name@domain${
        didYouMean(address, options.config.aliases.keys())
      }`,
      { cause: error },
    );
  }
}

async function lookUp(name: string, options: ResolveOptions): Promise<ResolvedServer> {
  const match = /^([a-z0-9._-]{1,64})@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63})$/i
    .exec(name);
  if (match === null) {
    throw new InputError(
      "SERVER_INVALID",
      `"${name}" is no NIP-05 name; those look like name@example.com`,
    );
  }
  const local = match[1]!.toLowerCase();
  const domain = match[2]!.toLowerCase();
  const url = `https://${domain}/.well-known/nostr.json?name=${encodeURIComponent(local)}`;
  const answer = await fetchJson(url, options);
  const publicKey = isObject(answer) && isObject(answer.names) ? answer.names[local] : undefined;
  if (typeof publicKey !== "string") {
    throw new InputError("NOT_FOUND", `${domain} knows no "${local}"`);
  }
  if (!/^[0-9a-f]{64}$/i.test(publicKey)) {
    throw new InputError("SERVER_INVALID", `${domain} says no public key for "${local}"`);
  }
  const { pubkey } = parseServerAddress(publicKey);
  const relays = isObject(answer) && isObject(answer.relays) ? answer.relays[pubkey] : undefined;
  const hints = Array.isArray(relays) ? relays.filter((url) => typeof url === "string") : [];
  return { ...resolved(pubkey, hints), name: name.toLowerCase() };
}

async function fetchJson(url: string, options: ResolveOptions): Promise<unknown> {
  const { timeoutMs = 5_000 } = options;
  const stop = new AbortController();
  const late = new Error(`no answer within ${timeoutMs} ms`);
  const timer = setTimeout(() => stop.abort(late), timeoutMs);
  const onAbort = () => stop.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    options.signal?.throwIfAborted();
    // NIP-05: redirects must not be followed.
    const response = await (options.fetch ?? fetch)(url, {
      redirect: "error",
      signal: stop.signal,
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new InputError("NOT_FOUND", `${url} answers with HTTP status ${response.status}`);
    }
    return JSON.parse(await readBounded(response, url));
  } catch (error) {
    if (error instanceof CvmError) throw error;
    options.signal?.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError("NOT_FOUND", `${url} can't be read: ${reason}`, { cause: error });
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

async function readBounded(response: Response, url: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new InputError("NOT_FOUND", `${url} answers with more than ${MAX_ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Hints were written by anybody: those that are no relay URLs are left out. */
function resolved(publicKey: string, relays: readonly string[]): ResolvedServer {
  const hints: string[] = [];
  for (const url of relays.slice(0, MAX_HINTS)) {
    try {
      const normalized = normalizeRelayUrl(url);
      if (!hints.includes(normalized) && normalized.length <= 255) hints.push(normalized);
    } catch (error) {
      if (!(error instanceof CvmError)) throw error;
    }
  }
  return { publicKey, hints, address: formatNprofile(publicKey, hints) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
