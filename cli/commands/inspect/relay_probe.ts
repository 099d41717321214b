/**
 * What a relay is like for ContextVM: whether it answers, what it takes, and
 * whether its clock is right.
 *
 * @module
 */
import { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND, wrapEvent } from "../../../crypto/gift_wrap.ts";
import type { Signer } from "../../../crypto/signer.ts";
import { CvmError, RelayError } from "../../../errors.ts";
import { fetchRelayInfo, type RelayInfo } from "../../../transport/relay/nip11.ts";
import { RelayPool, type RelayPoolOptions } from "../../../transport/relay/pool.ts";
import { MESSAGE_KIND } from "../../../transport/wire/kinds.ts";

/** Whether a relay does something, and its words where it does not. */
export interface Ability {
  /** Whether it does. */
  readonly ok: boolean;
  /** Why not. */
  readonly reason?: string;
  /** How long it took, milliseconds. */
  readonly ms?: number;
}

/** What was found out about a relay. */
export interface RelayReport {
  /** Its normalized URL. */
  readonly url: string;
  /** Whether a connection was made. */
  readonly reachable: boolean;
  /** How long that took, milliseconds. */
  readonly connectMs: number | null;
  /** Why there is none. */
  readonly error: string | null;
  /** Its information document (NIP-11). */
  readonly info: RelayInfo | null;
  /** How far its clock is ahead of ours, seconds, by the `Date` of its HTTP answer; `null` when it does not say. */
  readonly clockSkewSeconds: number | null;
  /** Whether it has asked who we are, and accepted us (NIP-42). */
  readonly authenticated: boolean;
  /** Whether it takes an ephemeral gift wrap and delivers it. Nothing is stored for this. */
  readonly ephemeralWraps: Ability | null;
  /** Whether stored gift wraps may be read. */
  readonly storedWraps: Ability | null;
}

/** What {@linkcode probeRelay} works with. */
export interface ProbeOptions {
  /** Who asks: signs the probe, and answers NIP-42 challenges. */
  readonly signer: Signer;
  /** How to connect. */
  readonly pool: RelayPoolOptions;
  /** How long each step may take, milliseconds. */
  readonly timeoutMs: number;
  /** Makes HTTP requests. */
  readonly fetch?: typeof fetch;
  /** Gives up. */
  readonly signal: AbortSignal;
  /** The clock, milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

/**
 * Finds out about a relay. An ephemeral gift wrap that only we can read is
 * published and has to come back; relays keep nothing of it.
 *
 * @param url The relay's URL.
 * @param options Who asks, and the bounds.
 * @returns What was found out; a relay that does not answer is no error.
 */
export async function probeRelay(url: string, options: ProbeOptions): Promise<RelayReport> {
  const { signer, signal, timeoutMs } = options;
  await using pool = new RelayPool([url], {
    ...options.pool,
    signer,
    fetchRelayInfo: () => Promise.resolve(undefined),
  });
  const [normalized = url] = pool.urls;
  const started = performance.now();
  const asked = askForInfo(normalized, options);
  const error = await connected(pool, signal);
  const connectMs = error === undefined ? since(started) : null;
  if (error !== undefined) {
    return {
      url: normalized,
      reachable: false,
      connectMs,
      error,
      ...await asked,
      authenticated: false,
      ephemeralWraps: null,
      storedWraps: null,
    };
  }
  const [info, ephemeralWraps, storedWraps] = await Promise.all([
    asked,
    tryEphemeral(pool, options),
    tryStored(pool, { pubkey: await signer.getPublicKey(), timeoutMs, signal }),
  ]);
  const authenticated = pool.snapshot().some((status) => status.authenticated);
  return {
    url: normalized,
    reachable: true,
    connectMs,
    error: null,
    ...info,
    authenticated,
    ephemeralWraps,
    storedWraps,
  };
}

/** Waits for the first attempt to connect; returns why it failed. */
async function connected(pool: RelayPool, signal: AbortSignal): Promise<string | undefined> {
  pool.connect();
  for await (const { state, lastError } of pool.status({ signal })) {
    if (state === "open") return undefined;
    if (state === "waiting" || state === "closed") return lastError ?? "it can't be reached";
  }
  signal.throwIfAborted();
  return "it can't be reached";
}

/** The NIP-11 document, and what the answer's `Date` says of the relay's clock. */
async function askForInfo(
  url: string,
  options: ProbeOptions,
): Promise<Pick<RelayReport, "info" | "clockSkewSeconds">> {
  const { now = Date.now, fetch: request = fetch } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  let clockSkewSeconds: number | null = null;
  const dated: typeof fetch = async (input, init) => {
    const before = now();
    const response = await request(input, { ...init, redirect: "manual" });
    const date = Date.parse(response.headers.get("date") ?? "");
    // The header has whole seconds: on average it lies half a second behind.
    const ours = (before + now()) / 2;
    if (Number.isFinite(date)) clockSkewSeconds = Math.round((date + 500 - ours) / 1000);
    return response;
  };
  try {
    const info = await fetchRelayInfo(url, signal, { fetch: dated });
    return { info: info ?? null, clockSkewSeconds };
  } catch (error) {
    options.signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    return { info: null, clockSkewSeconds }; // that it has none is what there is to tell
  }
}

async function tryEphemeral(pool: RelayPool, options: ProbeOptions): Promise<Ability> {
  const { signer, signal, timeoutMs, now = Date.now } = options;
  const pubkey = await signer.getPublicKey();
  const inner = await signer.signEvent({
    kind: MESSAGE_KIND,
    created_at: Math.floor(now() / 1000),
    tags: [["p", pubkey]],
    content: '{"jsonrpc":"2.0","method":"notifications/cvm-probe"}',
  });
  const probe = wrapEvent(inner, pubkey, { kind: EPHEMERAL_GIFT_WRAP_KIND, now });
  const arrived = Promise.withResolvers<string | undefined>();
  const listening = Promise.withResolvers<void>();
  let refusal: string | undefined;
  const subscription = pool.subscribe({ kinds: [EPHEMERAL_GIFT_WRAP_KIND], "#p": [pubkey] }, {
    onEvent: ({ id }) => {
      if (id === probe.id) arrived.resolve(undefined);
    },
    onEose: () => listening.resolve(),
    onClosed: (_, reason) => {
      refusal = `CLOSED ${reason}`;
      if (reason.startsWith("auth-required:")) return; // the pool says who we are, and asks again
      arrived.resolve(refusal);
      listening.resolve();
    },
  }, { live: true, essential: false });
  const timer = setTimeout(() => {
    listening.resolve();
    arrived.resolve(refusal ?? "it was taken and not delivered");
  }, timeoutMs);
  const onAbort = () => arrived.resolve("interrupted");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await listening.promise;
    const started = performance.now();
    await pool.publish(probe, { timeoutMs, signal });
    const reason = await arrived.promise;
    return reason === undefined ? { ok: true, ms: since(started) } : { ok: false, reason };
  } catch (error) {
    return failed(error, signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    subscription.close();
  }
}

async function tryStored(
  pool: RelayPool,
  options: { readonly pubkey: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Ability> {
  const { pubkey, timeoutMs, signal } = options;
  try {
    const started = performance.now();
    await pool.query([{ kinds: [GIFT_WRAP_KIND], "#p": [pubkey], limit: 1 }], {
      timeoutMs,
      signal,
    });
    return { ok: true, ms: since(started) };
  } catch (error) {
    return failed(error, signal);
  }
}

function failed(error: unknown, signal: AbortSignal): Ability {
  signal.throwIfAborted();
  if (!(error instanceof CvmError)) throw error;
  const reason = error instanceof RelayError
    ? error.failures.map((failure) => failure.reason).join("; ")
    : "";
  return { ok: false, reason: reason || error.message };
}

function since(started: number): number {
  return Math.round((performance.now() - started) * 10) / 10;
}
