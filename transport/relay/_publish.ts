/**
 * One event on its way to one relay.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { EventFrame } from "./_event_frame.ts";
import type { LinkMember, RelayLink } from "./_link.ts";
import { Timer } from "./_timer.ts";
import type { Backoff } from "./backoff.ts";

/** How often the connection may end while the event is under way before the event is blamed. */
const MAX_DROPS = 2;

/** To be sent when the relay is ready; sent; to be sent again later; over. */
type PublishState = "queued" | "sent" | "waiting" | "done";

/** How a publish on one relay ended: taken, or refused with a reason. */
export type PublishOutcome = { readonly reason?: string };

/** One event on its way to one relay, until the relay has answered or it is cancelled. */
export class Publish implements LinkMember {
  /** The event. */
  readonly event: NostrEvent;
  readonly #frame: EventFrame;
  readonly #link: RelayLink;
  readonly #onDone: (outcome: PublishOutcome) => void;
  readonly #timer = new Timer();
  readonly #backoff: Backoff;
  readonly #noticesBefore: number;
  #state: PublishState = "queued";
  #authRetried = false;
  #drops = 0;
  #refusal: string | undefined;

  /**
   * @param link The relay's connection.
   * @param frame The event, in its frame.
   * @param onDone Told once how it ended; not when it was cancelled.
   */
  constructor(link: RelayLink, frame: EventFrame, onDone: (outcome: PublishOutcome) => void) {
    this.#link = link;
    this.event = frame.event;
    this.#frame = frame;
    this.#onDone = onDone;
    this.#backoff = link.settings.newBackoff();
    this.#noticesBefore = link.noticeCount;
  }

  /** Why it is not done, in words: the relay's own, where it said any. */
  get problem(): string {
    if (this.#refusal !== undefined) return this.#refusal;
    if (this.#state === "queued") return this.#link.describeUnready();
    const { lastNotice, noticeCount } = this.#link;
    return noticeCount > this.#noticesBefore && lastNotice !== undefined
      ? `no OK; its last NOTICE: ${lastNotice}`
      : "sent, but no OK came";
  }

  /** Whether the relay has said no, and not only nothing. */
  get isRefused(): boolean {
    return this.#refusal !== undefined;
  }

  /** Sends the event if the relay is ready for it. */
  flush(): void {
    if (this.#state !== "queued" || !this.#link.isReady) return;
    const { bufferedBytes } = this.#link;
    if (bufferedBytes > this.#link.settings.maxBufferedBytes) {
      this.#retryLater(`the relay is too slow: ${bufferedBytes} bytes wait to be sent`);
      return;
    }
    this.#state = "sent";
    this.#link.sendText(this.#frame.text);
  }

  /** The relay's answer. */
  onOk(accepted: boolean, reason: string): void {
    if (this.#state !== "sent") return;
    if (accepted || reason.startsWith("duplicate:")) return this.#finish({});
    if (reason.startsWith("rate-limited:")) return this.#retryLater(reason);
    if (reason.startsWith("auth-required:") && !this.#authRetried) {
      return this.#retryAfterAuth(reason);
    }
    this.#finish({ reason: reason || "OK false without a reason" });
  }

  /** The connection is open; the subscriptions come first. */
  onOpen(): void {
    this.flush();
  }

  /** The connection ended: what had no answer is sent again on the next one. */
  onDrop(reason: string): void {
    if (this.#state === "done") return;
    if (this.#state === "sent" && ++this.#drops >= MAX_DROPS) {
      this.#finish({ reason: `${reason}, ${MAX_DROPS} times with this event under way` });
      return;
    }
    this.#timer.clear();
    this.#authRetried = false;
    this.#state = "queued";
  }

  /** Ends it without a word. */
  cancel(): void {
    this.#timer.clear();
    this.#state = "done";
  }

  #retryLater(reason: string): void {
    this.#refusal = reason;
    this.#state = "waiting";
    this.#timer.set(this.#backoff.next(), () => this.#requeue());
  }

  #retryAfterAuth(reason: string): void {
    this.#authRetried = true;
    this.#refusal = reason;
    this.#state = "waiting";
    this.#link.authenticate().then((outcome) => {
      if (this.#state !== "waiting") return;
      if (outcome.ok) this.#requeue();
      else this.#finish({ reason: `${reason}; ${outcome.reason}` });
    });
  }

  #requeue(): void {
    this.#state = "queued";
    this.flush();
  }

  #finish(outcome: PublishOutcome): void {
    this.cancel();
    this.#onDone(outcome);
  }
}
