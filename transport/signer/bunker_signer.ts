/**
 * A signer whose key is elsewhere: in a bunker, which is asked over relays (NIP-46).
 *
 * @module
 */
import type { CryptoEngine } from "../../crypto/engine.ts";
import {
  type EventTemplate,
  isNostrEvent,
  type NostrEvent,
  verifyEvent,
} from "../../crypto/event.ts";
import { PrivateKeySigner } from "../../crypto/private_key_signer.ts";
import type { Signer } from "../../crypto/signer.ts";
import { EventError, SignerError } from "../../errors.ts";
import { positive } from "../relay/_settings.ts";
import type { RelayPoolOptions } from "../relay/pool.ts";
import { parseObject } from "../wire/json.ts";
import { BunkerLine } from "./_bunker_line.ts";
import { type BunkerAddress, parseBunkerAddress } from "./bunker_address.ts";

/** How long a bunker that should know us may take before it is told again who we are, milliseconds. */
const KNOWN_TIMEOUT_MS = 10_000;

/** How a {@linkcode BunkerSigner} works. */
export interface BunkerSignerOptions {
  /**
   * The key by which the bunker knows this application; not the key that signs. Keep it, and the
   * bunker's owner is asked once only. It needs `nip44`.
   * @default {PrivateKeySigner.generate({ engine })}
   */
  readonly clientSigner?: Signer;
  /**
   * Whether the bunker has let `clientSigner` in before. It is then not told the address's secret
   * again, which is good for one time, unless it does not know the key any more.
   * @default {false}
   */
  readonly isKnown?: boolean;
  /**
   * How long the bunker may take for an answer, milliseconds. One that says nothing at all is given
   * up after this time, also where it is asked twice whether it knows us.
   * @default {60_000}
   */
  readonly timeoutMs?: number;
  /**
   * How long it may take when its owner has to decide on a web page, milliseconds.
   * @default {300_000}
   */
  readonly authTimeoutMs?: number;
  /**
   * How many questions the bunker has at one time; more wait here.
   * @default {16}
   */
  readonly maxInFlight?: number;
  /**
   * Called with the address of a web page (http or https) on which the bunker's owner has to decide.
   * The bunker wrote it: show it, and leave the opening to a person.
   * @default {() => {}}
   */
  readonly onAuthUrl?: (url: string) => void;
  /**
   * What checks that the bunker has signed, also for the clients and servers that have this signer.
   * Default: that of `clientSigner`.
   */
  readonly engine?: CryptoEngine;
  /** How to connect to the bunker's relays. */
  readonly pool?: RelayPoolOptions;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /**
   * The clock, milliseconds since the epoch.
   * @default {Date.now}
   */
  readonly now?: () => number;
}

/**
 * Signs, encrypts and decrypts with a key that never leaves its bunker. Each call is a question
 * over relays, so it takes as long as a round trip, or as the bunker's owner needs to decide.
 *
 * @example
 * ```ts ignore
 * import { BunkerSigner } from "@cvm/toolkit/transport";
 * import { serve } from "@cvm/toolkit/transport/server";
 *
 * await using signer = await BunkerSigner.connect("bunker://…?relay=wss://relay.example&secret=…");
 * await using server = await serve(makeServer, { signer, relays: ["wss://relay.example"] });
 * ```
 */
export class BunkerSigner implements Signer, AsyncDisposable {
  /** The public key that signs, 64 lower-case hex digits. */
  readonly pubkey: string;
  /** NIP-44 encryption to and from another public key. */
  readonly nip44: NonNullable<Signer["nip44"]>;
  /** What checks that the bunker has signed. */
  readonly engine?: CryptoEngine;
  readonly #line: BunkerLine;

  private constructor(line: BunkerLine, pubkey: string, engine?: CryptoEngine) {
    this.#line = line;
    this.pubkey = pubkey;
    this.engine = engine;
    this.nip44 = Object.freeze({
      encrypt: (peer: string, plaintext: string) => line.ask("nip44_encrypt", [peer, plaintext]),
      decrypt: (peer: string, ciphertext: string) => line.ask("nip44_decrypt", [peer, ciphertext]),
    });
  }

  /**
   * Connects to a bunker and asks it for its public key.
   *
   * @param address What the bunker gave out: `bunker://…`, or what
   * {@linkcode parseBunkerAddress} made of it.
   * @param options How it works.
   * @returns The signer; close it when done.
   * @throws {InputError} `KEY_INVALID` when the address can't be used.
   * @throws {RelayError} `RELAY_UNREACHABLE` when none of the bunker's relays works.
   * @throws {SignerError} `SIGNER_REFUSED` or `SIGNER_NOT_ANSWERING` when the bunker does not let us in.
   * @throws {RangeError} When an option is out of range.
   */
  static async connect(
    address: string | BunkerAddress,
    options: BunkerSignerOptions = {},
  ): Promise<BunkerSigner> {
    const { clientSigner = PrivateKeySigner.generate({ engine: options.engine }), signal } =
      options;
    const { engine = clientSigner.engine } = options;
    signal?.throwIfAborted();
    const bunker = typeof address === "string" ? parseBunkerAddress(address) : address;
    const line = new BunkerLine({
      address: bunker,
      clientSigner,
      clientPubkey: await clientSigner.getPublicKey(),
      timeoutMs: positive("timeoutMs", options.timeoutMs ?? 60_000),
      authTimeoutMs: positive("authTimeoutMs", options.authTimeoutMs ?? 300_000),
      maxInFlight: positive("maxInFlight", options.maxInFlight ?? 16),
      onAuthUrl: options.onAuthUrl ?? (() => {}),
      pool: options.pool ?? {},
      now: options.now ?? Date.now,
    });
    const giveUp = () => void line.close();
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      await line.ready(signal);
      return new BunkerSigner(line, await enter(line, bunker, options), engine);
    } catch (error) {
      await line.close();
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /**
   * The public key that signs; the same as {@linkcode pubkey}.
   *
   * @returns The key, also when closed.
   */
  getPublicKey(): Promise<string> {
    return Promise.resolve(this.pubkey);
  }

  /**
   * Has the bunker sign an event, and checks that it has signed this one.
   *
   * @param event The event.
   * @returns The signed event.
   * @throws {SignerError} `SIGNER_REFUSED` or `SIGNER_NOT_ANSWERING`.
   * @throws {EventError} `SIGNATURE_INVALID` when the bunker answers with another event, or with
   * one that it has not signed.
   */
  async signEvent(event: EventTemplate): Promise<NostrEvent> {
    const { kind, created_at, tags, content } = event;
    const template = { kind, created_at, tags, content };
    const signed = parseObject(await this.#line.ask("sign_event", [JSON.stringify(template)]));
    const isSame = isNostrEvent(signed) && signed.pubkey === this.pubkey &&
      signed.kind === kind && signed.created_at === created_at && signed.content === content &&
      JSON.stringify(signed.tags) === JSON.stringify(tags);
    if (!isSame || !verifyEvent(signed, this.engine)) {
      throw new EventError(
        "SIGNATURE_INVALID",
        `${this.#line.name} answered with something else than the event that it was to sign`,
      );
    }
    const { id, pubkey, sig } = signed;
    return { id, pubkey, created_at, kind, tags: signed.tags, content, sig };
  }

  /** Ends the connection and all that is under way. Idempotent. */
  close(): Promise<void> {
    return this.#line.close();
  }

  /** The same as {@linkcode close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Has the bunker let us in; returns the public key that signs. */
async function enter(
  line: BunkerLine,
  { pubkey, secret }: BunkerAddress,
  { isKnown = false, timeoutMs = 60_000 }: BunkerSignerOptions,
): Promise<string> {
  let connectTimeoutMs = timeoutMs;
  if (isKnown) {
    const knownTimeoutMs = Math.min(KNOWN_TIMEOUT_MS, timeoutMs / 2);
    try {
      return checkKey(line, await line.ask("get_public_key", [], knownTimeoutMs));
    } catch (error) {
      if (!(error instanceof SignerError)) throw error; // else: it has forgotten us
      if (error.code === "SIGNER_NOT_ANSWERING") connectTimeoutMs -= knownTimeoutMs;
    }
  }
  const words = secret === undefined ? [pubkey] : [pubkey, secret];
  const answer = await line.ask("connect", words, connectTimeoutMs);
  // Who knows the secret has made the address.
  if (secret !== undefined && answer !== "ack" && answer !== secret) {
    throw line.refused("connect", "it answers with another secret");
  }
  return checkKey(line, await line.ask("get_public_key", []));
}

function checkKey(line: BunkerLine, key: string): string {
  if (/^[0-9a-f]{64}$/.test(key)) return key;
  throw line.refused("get_public_key", "its answer is no public key");
}
