/**
 * Whether relays take what a gateway sends, found out before a client waits for it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { NostrEvent } from "../../../crypto/event.ts";
import { wrapEvent } from "../../../crypto/gift_wrap.ts";
import { PrivateKeySigner } from "../../../crypto/private_key_signer.ts";
import type { Signer } from "../../../crypto/signer.ts";
import { RelayError, type RelayFailure } from "../../../errors.ts";
import type { RelayPool } from "../../../transport/relay/pool.ts";
import type { EncryptionMode, GiftWrapMode } from "../../../transport/session/modes.ts";
import { EPHEMERAL_GIFT_WRAP_KIND, MESSAGE_KIND } from "../../../transport/wire/kinds.ts";

const logger = getLogger(["cvm", "gateway"]);

/** An answer to nobody. */
const CONTENT = JSON.stringify({ jsonrpc: "2.0", id: 0, result: {} });

/** Options of a {@linkcode WriteProbe}. */
export interface WriteProbeOptions {
  /** The key of the server. */
  readonly signer: Signer;
  /** Whether its answers are encrypted. */
  readonly encryption?: EncryptionMode;
  /** In which gift wraps they are. */
  readonly giftWrap?: GiftWrapMode;
  /**
   * How long a relay may take to answer, in milliseconds.
   * @default {2_000}
   */
  readonly timeoutMs?: number;
  /**
   * How often a relay that refuses is asked again, in milliseconds.
   * @default {60_000}
   */
  readonly againMs?: number;
}

/**
 * Sends each relay what an answer looks like, for a recipient that nobody is: an ephemeral gift wrap,
 * and where that is refused a plain message, which tells of the server's key, as far as the modes have
 * them. Stored gift wraps are not tried: they would be kept. What became of it stands in the status of
 * the pool.
 */
export class WriteProbe implements Disposable {
  readonly #pool: RelayPool;
  readonly #options: WriteProbeOptions;
  readonly #stop = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #asking: Promise<void> | undefined;

  /**
   * @param pool The relays.
   * @param options Whose answers, and how they are sent.
   */
  constructor(pool: RelayPool, options: WriteProbeOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#timer = setInterval(
      () => void this.#askOnce(refusalsOf(pool).map(({ url }) => url)),
      options.againMs ?? 60_000,
    );
  }

  /**
   * Asks every relay that is open, once for all who want to know at the same time; settles when each
   * has answered or its time is over, also that of a signer which says nothing.
   */
  start(): Promise<void> {
    const open = this.#pool.snapshot().filter(({ state }) => state === "open");
    return this.#askOnce(open.map(({ url }) => url));
  }

  /** Asks no more. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#stop.abort();
  }

  /** Two that ask at a time would take what one of them hears for the other's. */
  #askOnce(urls: readonly string[]): Promise<void> {
    this.#asking ??= this.#ask(urls).finally(() => this.#asking = undefined);
    return this.#asking;
  }

  async #ask(urls: readonly string[]): Promise<void> {
    const { timeoutMs = 2_000 } = this.#options;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, 2 * timeoutMs);
    await Promise.race([Promise.all(urls.map((url) => this.#askOne(url))), late.promise]);
    clearTimeout(timer);
  }

  async #askOne(url: string): Promise<void> {
    const { encryption, giftWrap, timeoutMs = 2_000 } = this.#options;
    const ways = [
      ...(encryption === "disabled" || giftWrap === "persistent" ? [] : [() => this.#wrapped()]),
      ...(encryption === "required" ? [] : [() => this.#plain()]),
    ];
    for (const make of ways) {
      try {
        const options = { relays: [url], timeoutMs, signal: this.#stop.signal };
        await this.#pool.publish(await make(), options);
        return;
      } catch (error) {
        // The pool keeps what the relay said.
        logger.debug("relay {url} did not take what answers look like: {error}", { url, error });
        if (!(error instanceof RelayError && error.code === "PUBLISH_REFUSED")) return;
      }
    }
  }

  async #wrapped(): Promise<NostrEvent> {
    using nobody = PrivateKeySigner.generate();
    const inner = await nobody.signEvent(template(nobody.pubkey));
    return wrapEvent(inner, nobody.pubkey, { kind: EPHEMERAL_GIFT_WRAP_KIND });
  }

  #plain(): Promise<NostrEvent> {
    using nobody = PrivateKeySigner.generate();
    return this.#options.signer.signEvent(template(nobody.pubkey));
  }
}

/** The relays that refuse what a gateway sends, in their words. */
export function refusalsOf(pool: RelayPool): readonly RelayFailure[] {
  return pool.snapshot().flatMap(({ url, state, refusal }) =>
    state === "open" && refusal !== undefined ? [{ url, reason: refusal }] : []
  );
}

/** Whether every relay that is open refuses what a gateway sends. */
export function isMute(pool: RelayPool): boolean {
  const open = pool.snapshot().filter(({ state }) => state === "open");
  return open.length > 0 && open.every(({ refusal }) => refusal !== undefined);
}

function template(recipient: string) {
  const created_at = Math.floor(Date.now() / 1000);
  return { kind: MESSAGE_KIND, created_at, tags: [["p", recipient]], content: CONTENT };
}
