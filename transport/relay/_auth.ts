/**
 * Proving to a relay who we are (NIP-42).
 *
 * @module
 */
import type { Signer } from "../../crypto/signer.ts";
import { errorText } from "./_text.ts";
import { Timer } from "./_timer.ts";

/** The kind of an authentication event (NIP-42). */
const AUTH_KIND = 22242;

/** The most challenges that are answered on one connection: a relay can't make us sign for ever. */
const MAX_ANSWERS = 8;

/** How an authentication ended. */
export type AuthOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string };

/** What an {@linkcode Authenticator} needs. */
export interface AuthenticatorContext {
  readonly url: string;
  readonly signer: Signer | undefined;
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly send: (frame: readonly unknown[]) => void;
  /** Called when the relay has accepted our key. */
  readonly onAuthenticated: () => void;
}

/** The NIP-42 side of one connection. It answers challenges as they come, asked for or not. */
export class Authenticator {
  readonly #context: AuthenticatorContext;
  readonly #timer = new Timer();
  #waiters: ((outcome: AuthOutcome) => void)[] = [];
  #challenge: string | undefined;
  #eventId: string | undefined;
  #outcome: AuthOutcome | undefined;
  #answers = 0;

  /** @param context What it needs. */
  constructor(context: AuthenticatorContext) {
    this.#context = context;
  }

  /** Whether the relay has accepted our key on this connection. */
  get authenticated(): boolean {
    return this.#outcome?.ok === true;
  }

  /** Authenticates: at once, or as soon as the relay's challenge comes. Never rejects. */
  request(): Promise<AuthOutcome> {
    if (this.#context.signer === undefined) {
      return Promise.resolve(failure("no signer was given to authenticate with (NIP-42)"));
    }
    if (this.#outcome !== undefined) return Promise.resolve(this.#outcome);
    if (!this.#timer.isSet) this.#timer.set(this.#context.timeoutMs, () => this.#expire());
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** The relay sent a challenge. */
  onChallenge(challenge: string): void {
    const { signer } = this.#context;
    if (signer === undefined || challenge === this.#challenge) return;
    if (++this.#answers > MAX_ANSWERS) {
      this.#settle(failure(`more than ${MAX_ANSWERS} challenges on one connection`));
      return;
    }
    this.#challenge = challenge;
    this.#eventId = undefined;
    this.#outcome = undefined;
    this.#timer.set(this.#context.timeoutMs, () => this.#expire());
    this.#answer(signer, challenge).catch((error) => {
      if (challenge !== this.#challenge) return;
      this.#settle(failure(`the signer failed to sign an AUTH event: ${errorText(error)}`));
    });
  }

  /** The relay sent OK: `true` when it is the answer to our AUTH. */
  onOk(id: string, accepted: boolean, reason: string): boolean {
    if (id !== this.#eventId) return false;
    this.#eventId = undefined;
    this.#settle(accepted ? { ok: true } : failure(`AUTH was refused: ${reason || "no reason"}`));
    if (accepted) this.#context.onAuthenticated();
    return true;
  }

  /** The connection ended: everything starts anew. */
  reset(): void {
    this.#settle(failure("the connection ended during AUTH"));
    this.#challenge = undefined;
    this.#eventId = undefined;
    this.#outcome = undefined;
    this.#answers = 0;
  }

  async #answer(signer: Signer, challenge: string): Promise<void> {
    const { url, now, send } = this.#context;
    const event = await signer.signEvent({
      kind: AUTH_KIND,
      created_at: Math.floor(now() / 1000),
      tags: [["relay", url], ["challenge", challenge]],
      content: "",
    });
    // A newer challenge, or another connection, has made this one worthless.
    if (challenge !== this.#challenge) return;
    this.#eventId = event.id;
    send(["AUTH", event]);
  }

  #expire(): void {
    const { timeoutMs } = this.#context;
    const missing = this.#challenge === undefined
      ? "no AUTH challenge came"
      : this.#eventId === undefined
      ? "the signer did not sign an AUTH event"
      : "no answer to AUTH came";
    this.#release(failure(`${missing} within ${timeoutMs} ms`));
  }

  #settle(outcome: AuthOutcome): void {
    this.#outcome = outcome;
    this.#release(outcome);
  }

  #release(outcome: AuthOutcome): void {
    this.#timer.clear();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter(outcome);
  }
}

function failure(reason: string): AuthOutcome {
  return { ok: false, reason };
}
