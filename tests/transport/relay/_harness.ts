/**
 * What the tests of the relay pool stand on: short timeouts, events with real
 * signatures, and conditions that are polled with a deadline.
 */
import { type NostrEvent, PrivateKeySigner } from "../../../crypto/mod.ts";
import { RelayError } from "../../../errors.ts";
import { RelayPool, type RelayPoolOptions } from "../../../transport/relay/pool.ts";
import type { RelayStatus } from "../../../transport/relay/status.ts";
import { createWebSocketFactory, type MemoryRelay } from "../../../transport/testing/mod.ts";

const author = PrivateKeySigner.generate();

/** A pool on relays in memory, in a hurry. */
export function poolOn(relays: readonly MemoryRelay[], options: RelayPoolOptions = {}): RelayPool {
  return new RelayPool(relays.map(({ url }) => url), {
    webSocket: createWebSocketFactory(relays),
    fetchRelayInfo: () => Promise.resolve(undefined),
    connectTimeoutMs: 1_000,
    publishTimeoutMs: 1_000,
    queryTimeoutMs: 1_000,
    backoff: { initialMs: 1, maxMs: 10 },
    ...options,
  });
}

/** A signed event; `p` tags it. */
export function makeEvent(
  options: { kind?: number; content?: string; p?: string; createdAt?: number } = {},
): Promise<NostrEvent> {
  const { kind = 25910, content = "", p, createdAt = Math.floor(Date.now() / 1000) } = options;
  const tags = p === undefined ? [] : [["p", p]];
  return author.signEvent({ kind, content, tags, created_at: createdAt });
}

/** Waits until a condition holds; fails with `what` when it does not in time. */
export async function until(what: string, condition: () => boolean, timeoutMs = 3_000) {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`this did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** How one relay of a pool is doing. */
export function statusOf(pool: RelayPool, { url }: { url: string }): RelayStatus {
  const status = pool.snapshot().find((status) => status.url === url);
  if (status === undefined) throw new Error(`${url} is not in the pool`);
  return status;
}

/** The frames of a type that a relay got. */
export function framesOf(relay: MemoryRelay, type: string): unknown[][] {
  return relay.received.flatMap(({ message }) => {
    return Array.isArray(message) && message[0] === type ? [message] : [];
  });
}

/**
 * Waits until a client has seen all that the relay sent it so far: it has counted a NOTICE.
 */
export async function settle(pool: RelayPool, relay: MemoryRelay): Promise<void> {
  const text = `marker ${crypto.randomUUID()}`;
  relay.faults.notice(text);
  await until("the NOTICE arrived", () => statusOf(pool, relay).lastNotice === text);
}

/** What a rejection says about one relay. */
export function reasonOf(error: unknown, { url }: { url: string }): string {
  if (!(error instanceof RelayError)) throw error;
  const failure = error.failures.find((failure) => failure.url === url);
  if (failure === undefined) throw new Error(`${url} is not among the failures: ${error.message}`);
  return failure.reason;
}

/** Handlers that keep the ids of the events that came. */
export function collect(): { ids: string[]; onEvent: (event: NostrEvent) => void } {
  const ids: string[] = [];
  return { ids, onEvent: ({ id }) => ids.push(id) };
}
