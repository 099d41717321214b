/**
 * A subscription on one relay, kept alive for as long as it is wanted.
 *
 * @module
 */
import { isNostrEvent } from "../../crypto/event.ts";
import type { LinkMember, RelayLink, RequestSink } from "./_link.ts";
import { Timer } from "./_timer.ts";
import type { Backoff } from "./backoff.ts";
import { type Filter, matchFilter } from "./filter.ts";
import type { SubscribeOptions, SubscriptionHandlers } from "./options.ts";

/** Not connected; asked and not answered; working; refused and waiting to ask again; over. */
type SubscriptionState = "offline" | "asked" | "live" | "waiting" | "ended";

/** A subscription on one relay: asked for on every connection, and again after each refusal. */
export class Subscription implements LinkMember, RequestSink {
  /** Whether publishing waits for it. */
  readonly essential: boolean;
  readonly #link: RelayLink;
  readonly #filter: Filter;
  readonly #handlers: SubscriptionHandlers;
  readonly #setsSince: boolean;
  readonly #timer = new Timer();
  readonly #backoff: Backoff;
  #state: SubscriptionState = "offline";
  #id = "";
  #asked: Filter;
  #askedAt = 0;
  #liveSince = 0;
  #authRetried = false;
  #eose = false;
  #refusal: string | undefined;
  #closedByRelay = false;
  /** Until when nothing can have been missed, by the pool's clock, milliseconds. */
  #coveredUntil: number;

  /**
   * @param link The relay's connection.
   * @param filter What to subscribe to.
   * @param options Whom to tell; essential? live?
   */
  constructor(
    link: RelayLink,
    filter: Filter,
    options: SubscribeOptions & { readonly handlers: SubscriptionHandlers },
  ) {
    this.#link = link;
    this.#filter = filter;
    this.#asked = filter;
    this.#handlers = options.handlers;
    this.essential = options.essential ?? true;
    this.#setsSince = options.live ?? false;
    this.#backoff = link.settings.newBackoff();
    this.#coveredUntil = link.settings.now();
  }

  /** Whether the relay delivers. */
  get isLive(): boolean {
    return this.#state === "live";
  }

  /** How often in a row the relay has refused it. */
  get refusals(): number {
    return this.#state === "live" ? 0 : this.#backoff.failures;
  }

  /** Whether the relay has said no, and not only nothing. */
  get isRefused(): boolean {
    return this.#closedByRelay;
  }

  /** Why the relay does not deliver, in words. */
  get problem(): string {
    return this.#refusal ?? "the relay has not answered the subscription";
  }

  /** Ends it. */
  close(): void {
    const id = this.#id;
    this.#become("ended");
    this.#link.release(id);
  }

  /** The connection is open: ask. */
  onOpen(): void {
    this.#authRetried = false;
    this.#refusal = undefined;
    this.#closedByRelay = false;
    this.#ask();
  }

  /** The connection ended. */
  onDrop(): void {
    if (this.#state === "ended") return;
    if (this.#state === "live") this.#coveredUntil = this.#link.lastHeardAt;
    this.#become("offline");
  }

  /**
   * The relay knows us now. What it refused is asked for again; so is what it may have been keeping
   * back silently (1059), unless publishing would have to wait for that.
   */
  onAuthenticated(): void {
    if (this.#state === "waiting") this.#ask();
    else if (!this.essential && this.#state !== "offline" && this.#state !== "ended") {
      if (this.#state === "live") this.#coveredUntil = this.#link.lastHeardAt;
      this.#link.release(this.#id);
      this.#ask();
    }
  }

  /** An event came: any value. */
  onEvent(value: unknown): void {
    if (!isNostrEvent(value) || !matchFilter(this.#asked, value)) return this.#link.drop();
    if (this.#state === "asked") {
      // An event that is younger than the REQ is no stored one: the subscription works (F12).
      if (value.created_at * 1000 >= this.#askedAt) this.#becomeLive();
      else this.#awaitAnswer();
    }
    this.#handlers.onEvent(value, { url: this.#link.url, stored: !this.#eose });
  }

  /** The stored events are through. */
  onEose(): void {
    if (this.#eose) return;
    this.#eose = true;
    this.#becomeLive();
    this.#handlers.onEose?.(this.#link.url);
  }

  /** The relay refused the subscription, or ended it. */
  onClosed(reason: string): void {
    if (this.#state === "live") this.#coveredUntil = this.#link.settings.now();
    this.#closedByRelay = true;
    const needsAuth = reason.startsWith("auth-required:") && !this.#authRetried;
    this.#refuse(`CLOSED ${reason}`, needsAuth);
    this.#handlers.onClosed?.(this.#link.url, reason);
  }

  #ask(): void {
    this.#eose = false;
    this.#askedAt = Math.floor(this.#link.settings.now() / 1000) * 1000;
    this.#asked = this.#setsSince ? { ...this.#filter, since: this.#since() } : this.#filter;
    this.#become("asked");
    this.#awaitAnswer();
    this.#id = this.#link.request([this.#asked], this);
  }

  #since(): number {
    const fromMs = this.#coveredUntil - this.#link.settings.clockSkewMs;
    return Math.max(0, Math.floor(fromMs / 1000));
  }

  /** A relay that says nothing, or only NOTICE, must not leave us deaf (F10, F39). */
  #awaitAnswer(): void {
    const { pingTimeoutMs } = this.#link.settings;
    this.#timer.set(pingTimeoutMs, () => {
      this.#link.release(this.#id);
      const notice = this.#link.lastNotice;
      const words = notice === undefined ? "" : `; its last NOTICE: ${notice}`;
      this.#refuse(`no answer to REQ within ${pingTimeoutMs} ms${words}`, false);
    });
  }

  #becomeLive(): void {
    this.#liveSince = performance.now();
    this.#refusal = undefined;
    this.#become("live");
  }

  #refuse(reason: string, needsAuth: boolean): void {
    const workedMs = this.#state === "live" ? performance.now() - this.#liveSince : 0;
    this.#refusal = reason;
    this.#become("waiting");
    const delayMs = this.#backoff.next(workedMs);
    if (!needsAuth) {
      this.#timer.set(delayMs, () => this.#ask());
      return;
    }
    this.#authRetried = true;
    const id = this.#id;
    this.#link.authenticate().then((outcome) => {
      // The AUTH itself, a new connection or close() may have moved us on.
      if (this.#state !== "waiting" || this.#id !== id) return;
      if (outcome.ok) return this.#ask();
      this.#refusal = `${reason}; ${outcome.reason}`;
      this.#timer.set(delayMs, () => this.#ask());
      this.#link.onReadinessChange();
    });
  }

  #become(state: SubscriptionState): void {
    if (this.#state === "ended") return;
    this.#timer.clear();
    this.#state = state;
    this.#link.onReadinessChange();
  }
}
