/**
 * Verifying and wrapping events, here or elsewhere, as an interface.
 *
 * @module
 */
import type { NostrEvent } from "./event.ts";
import type { GiftWrapKind } from "./gift_wrap.ts";

/** How an event is verified. */
export interface VerifyTask {
  /** How many events wait for their verification, this one included. */
  readonly waiting: number;
  /**
   * What has been found right already, and need not be checked once more: its
   * shape, or with `"id"` its shape and its id. Default: nothing.
   */
  readonly checked?: "shape" | "id";
}

/** How an event is wrapped. */
export interface WrapTask {
  /** The public key that can open it, 64 lower-case hex digits. */
  readonly recipient: string;
  /** Whether relays shall store the wrap. */
  readonly kind: GiftWrapKind;
  /** The time, in milliseconds since the epoch. */
  readonly now: number;
  /** How many events wait for their wrap, this one included. */
  readonly waiting: number;
}

/**
 * What of cryptography needs no private key that lasts, so that it can be done
 * in other threads: a signature is checked with a public key, and a gift wrap
 * is made with a key of its own. What is done at once is returned as a value,
 * not as a promise.
 */
export interface EventWorkers {
  /** Whether an event is genuine, as `verifyEvent()` says it. Never rejects. */
  verify(event: NostrEvent, task: VerifyTask): boolean | Promise<boolean>;
  /**
   * Wraps a signed event, as `wrapEvent()` does.
   * @throws {RangeError} When the recipient is not on the curve.
   */
  wrap(inner: NostrEvent, task: WrapTask): NostrEvent | Promise<NostrEvent>;
}
