/**
 * Which of the servers that were found are there now.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import type { Signer } from "../../../crypto/signer.ts";
import { CvmError } from "../../../errors.ts";
import { NostrClientTransport } from "../../../transport/client.ts";
import type { DiscoveredServer } from "../../../transport/discovery/discover.ts";
import type { RelayPoolOptions } from "../../../transport/relay/pool.ts";
import type { EncryptionMode, GiftWrapMode } from "../../../transport/session/modes.ts";
import { isRpcError } from "../../exit_codes.ts";
import { VERSION } from "../../version.ts";

/** Servers that are asked at the same time. */
const MAX_AT_ONCE = 8;

/** That a server is there. */
export interface Presence {
  /** How long it took to answer, milliseconds. */
  readonly pingMs: number;
  /** The relays on which it did. */
  readonly relays: readonly string[];
}

/** What an {@linkcode OnlineCheck} works with. */
export interface OnlineCheckOptions {
  /** Who asks. */
  readonly signer: Signer;
  /** How to connect. */
  readonly pool: RelayPoolOptions;
  /** Where servers' relay lists are looked up, and the last resort. */
  readonly relays: readonly string[];
  /** Whether servers are asked on these relays and no others. */
  readonly isFixed: boolean;
  /** How long a server may take, milliseconds. */
  readonly timeoutMs: number;
  /** Whether messages are encrypted. */
  readonly encryption: EncryptionMode;
  /** In which gift wraps. */
  readonly giftWrap: GiftWrapMode;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** Asks servers whether they are there, a few at a time. */
export class OnlineCheck {
  readonly #options: OnlineCheckOptions;

  /** @param options Who asks, and the bounds. */
  constructor(options: OnlineCheckOptions) {
    this.#options = options;
  }

  /** Those of the servers that answer, in the order in which they do; what is gone passes. */
  async *filter(
    servers: AsyncIterable<DiscoveredServer>,
  ): AsyncGenerator<{ server: DiscoveredServer; presence: Presence | undefined }> {
    const source = servers[Symbol.asyncIterator]();
    const asked = new Map<object, Promise<{ server: DiscoveredServer; presence?: Presence }>>();
    let next: Promise<IteratorResult<DiscoveredServer>> | undefined = source.next();
    try {
      while (next !== undefined || asked.size > 0) {
        const pulled = asked.size < MAX_AT_ONCE ? next : undefined;
        const results = [...asked].map(([key, result]) => result.then((value) => ({ key, value })));
        const settled = await Promise.race([...results, ...(pulled === undefined ? [] : [pulled])]);
        if ("key" in settled) {
          asked.delete(settled.key);
          const { server, presence } = settled.value;
          if (presence !== undefined || server.gone) yield { server, presence };
        } else if (settled.done) {
          next = undefined;
        } else {
          const server = settled.value;
          asked.set({}, this.#ask(server).then((presence) => ({ server, presence })));
          next = source.next();
        }
      }
    } finally {
      await source.return?.();
      await Promise.allSettled(asked.values());
    }
  }

  /** Whether one answers; anything that it says is an answer. */
  async #ask({ pubkey, gone }: DiscoveredServer): Promise<Presence | undefined> {
    const { relays, isFixed, timeoutMs, signal, ...options } = this.#options;
    if (gone) return undefined;
    const transport = new NostrClientTransport({
      ...options,
      server: pubkey,
      ...(isFixed ? { relays } : { discoveryRelays: relays, fallbackRelays: relays }),
      stateless: true,
      handshakeTimeoutMs: timeoutMs,
    });
    const client = new Client({ name: "cvm-discover", version: VERSION });
    try {
      await client.connect(transport, { signal });
      const started = performance.now();
      await client.ping({ timeout: timeoutMs, signal }).catch((error) => {
        if (!isRpcError(error) || error.code === -32001) throw error;
      });
      return { pingMs: Math.round(performance.now() - started), relays: transport.pool.urls };
    } catch (error) {
      if (error instanceof CvmError || isRpcError(error) || signal.aborted) return undefined;
      throw error;
    } finally {
      await client.close();
      await transport.close();
    }
  }
}
