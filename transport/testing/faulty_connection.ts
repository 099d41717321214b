/**
 * One connection of a relay that misbehaves on purpose.
 *
 * @module
 */
import type { NostrEvent } from "../../crypto/event.ts";
import type { Delivery, Refusal, RelayFaultSettings } from "./faults.ts";
import type { RelayClientConnection, RelayEndpoint, RelaySubscription } from "./endpoint.ts";

/** What a {@linkcode FaultyConnection} needs from the relay's faults. */
export interface FaultyConnectionContext {
  /** The faults that are set now. */
  readonly settings: () => RelayFaultSettings;
  /** Counts a use of a refusal; `false` when it is used up. */
  readonly spend: (refusal: Refusal) => boolean;
  /** Sends a frame to the client. */
  readonly send: (frame: string) => void;
  /** Ends the socket. */
  readonly terminate: (code: number, reason: string) => void;
  /** Called once, when the connection has ended. */
  readonly onClose: () => void;
}

/** One connection of a relay that misbehaves on purpose: it stands between the socket and the engine. */
export class FaultyConnection implements RelayClientConnection {
  readonly #context: FaultyConnectionContext;
  #inner: RelayClientConnection | undefined;
  #held: string[] = [];
  #group: string[] = [];
  #closed = false;
  #frozen = false;
  /** The subscriptions that were asked for while `holdEose` named one of their kinds. */
  readonly #lateIds = new Set<string>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** Frames that wait for a timer: whichever fires takes the first, so they leave in order. */
  readonly #delayed: string[] = [];
  #lastDueMs = 0;

  /** @param context What it needs from the relay's faults. */
  constructor(context: FaultyConnectionContext) {
    this.#context = context;
  }

  /** The keys that the client has proved to hold. */
  get pubkeys(): ReadonlySet<string> {
    return this.#inner?.pubkeys ?? new Set();
  }

  /** Its open subscriptions. */
  get subscriptions(): readonly RelaySubscription[] {
    return this.#inner?.subscriptions ?? [];
  }

  /**
   * Connects to the relay that works.
   * @param endpoint That relay.
   */
  attach(endpoint: RelayEndpoint): void {
    this.#inner = endpoint.connect((frame) => this.#fromRelay(frame), {
      terminate: (code, reason) => this.terminate(code, reason),
      ignoreTagFilters: () => this.#context.settings().ignoreTagFilters ?? false,
    });
  }

  /**
   * Takes a frame from the client.
   * @param frame The frame.
   */
  receive(frame: string): void {
    if (this.#closed || this.#frozen) return;
    const { halfOpen, refuseEvents, refuseSubscriptions, keepOldFilters, holdEose } = this.#context
      .settings();
    if (halfOpen) return;
    if (refuseEvents || refuseSubscriptions || keepOldFilters || holdEose) {
      const message = parseMessage(frame);
      if (message?.[0] === "REQ") this.#noteLate(message, holdEose);
      if (message?.[0] === "EVENT" && this.#refuseEvent(message[1], frame, refuseEvents)) return;
      if (message?.[0] === "REQ" && this.#refuseSubscription(message, frame, refuseSubscriptions)) {
        return;
      }
      if (
        keepOldFilters && message?.[0] === "REQ" &&
        this.subscriptions.some(({ id }) => id === message[1])
      ) {
        return this.emit(JSON.stringify(["EOSE", message[1]]));
      }
    }
    this.#inner?.receive(frame);
  }

  /** How many frames are held back. */
  get held(): number {
    return this.#held.length + this.#group.length;
  }

  /** Reads and sends nothing any more. */
  freeze(): void {
    this.#frozen = true;
  }

  /** Sends a challenge. */
  challenge(): void {
    this.#inner?.challenge();
  }

  /** Ends the connection from the client's side. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#delayed.length = 0;
    this.#held = [];
    this.#group = [];
    this.#inner?.close();
    this.#context.onClose();
  }

  /**
   * Ends the connection from the relay's side.
   * @param code The WebSocket close code.
   * @param reason Why.
   */
  terminate(code: number, reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#context.terminate(code, reason);
  }

  /**
   * Ends open subscriptions with CLOSED.
   * @param reason The relay's words.
   * @returns How many there were.
   */
  closeSubscriptions(reason: string): number {
    const ids = this.subscriptions.map(({ id }) => id);
    for (const id of ids) {
      this.#inner?.receive(JSON.stringify(["CLOSE", id]));
      this.emit(JSON.stringify(["CLOSED", id, reason]));
    }
    return ids.length;
  }

  /**
   * Lets go of what is held back.
   * @param options `reversed`: last to first.
   * @returns How many frames left.
   */
  release(options: { readonly reversed?: boolean }): number {
    const frames = [...this.#held, ...this.#group];
    this.#held = [];
    this.#group = [];
    if (options.reversed) frames.reverse();
    for (const frame of frames) this.emit(frame);
    return frames.length;
  }

  /**
   * Sends a frame to the client, late when `latencyMs` is set.
   * @param frame The frame.
   */
  emit(frame: string): void {
    const { halfOpen, latencyMs = 0 } = this.#context.settings();
    if (this.#closed || this.#frozen || halfOpen) return;
    if (latencyMs <= 0 && this.#timers.size === 0) return this.#context.send(frame);
    const nowMs = performance.now();
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + latencyMs);
    this.#delayed.push(frame);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const next = this.#delayed.shift();
      if (next !== undefined) this.#context.send(next);
    }, this.#lastDueMs - nowMs);
    this.#timers.add(timer);
  }

  #fromRelay(frame: string): void {
    const settings = this.#context.settings();
    switch (frame.slice(2, 6)) {
      case "EOSE":
        if (settings.withholdEose) return;
        if (settings.holdEose && this.#lateIds.has(String(JSON.parse(frame)[1]))) {
          this.#held.push(frame);
        } else this.emit(frame);
        return;
      case `OK",`:
        if (settings.withholdOk) return;
        if (settings.holdOk) this.#held.push(frame);
        else this.emit(frame);
        return;
      case "EVEN":
        if (changesDeliveries(settings)) this.#deliver(frame, settings);
        else this.emit(frame);
        return;
      default:
        this.emit(frame);
    }
  }

  #noteLate(message: readonly unknown[], holdEose: RelayFaultSettings["holdEose"]): void {
    const id = String(message[1]);
    const late = Array.isArray(holdEose)
      ? requestedKinds(message).some((kind) => holdEose.includes(kind))
      : holdEose === true;
    if (late) this.#lateIds.add(id);
    else this.#lateIds.delete(id);
  }

  #deliver(frame: string, settings: RelayFaultSettings): void {
    // The engine wrote this frame itself, so its shape is known.
    const [, subscriptionId, event] = JSON.parse(frame) as [string, string, NostrEvent];
    if (settings.withholdKinds?.includes(event.kind)) return;
    const { corruptSignatures: corrupt = false, reverseEvery = 0 } = settings;
    let changed = frame;
    if (typeof corrupt === "function" ? corrupt(event) : corrupt) {
      const sig = event.sig.slice(0, -1) + (event.sig.endsWith("0") ? "1" : "0");
      changed = JSON.stringify(["EVENT", subscriptionId, { ...event, sig }]);
    }
    const live = this.subscriptions.some(({ id }) => id === subscriptionId);
    const delivery: Delivery = { event, subscriptionId, live };
    const action = settings.onDelivery?.(delivery) ?? "pass";
    if (action === "drop") return;
    if (action === "hold") {
      this.#held.push(changed);
      return;
    }
    const frames = action === "duplicate" ? [changed, changed] : [changed];
    if (reverseEvery < 2) {
      for (const each of frames) this.emit(each);
      return;
    }
    this.#group.push(...frames);
    if (this.#group.length < reverseEvery) return;
    const group = this.#group.reverse();
    this.#group = [];
    for (const each of group) this.emit(each);
  }

  #refuseEvent(value: unknown, frame: string, refusal: Refusal | undefined): boolean {
    const kind = readField(value, "kind");
    const id = readField(value, "id");
    if (!this.#applies(refusal, frame, typeof kind === "number" ? [kind] : [])) return false;
    this.#refuse(refusal, ["OK", id, false, refusal.reason]);
    return true;
  }

  #refuseSubscription(
    message: readonly unknown[],
    frame: string,
    refusal: Refusal | undefined,
  ): boolean {
    if (!this.#applies(refusal, frame, requestedKinds(message))) return false;
    this.#refuse(refusal, ["CLOSED", message[1], refusal.reason]);
    return true;
  }

  #applies(
    refusal: Refusal | undefined,
    frame: string,
    kinds: readonly unknown[],
  ): refusal is Refusal {
    if (refusal === undefined || frame.length < (refusal.minLength ?? 0)) return false;
    if (refusal.untilAuthenticated && this.pubkeys.size > 0) return false;
    if (refusal.kinds !== undefined && !refusal.kinds.some((kind) => kinds.includes(kind))) {
      return false;
    }
    return this.#context.spend(refusal);
  }

  #refuse({ reason, asNotice }: Refusal, answer: readonly unknown[]): void {
    if (reason.startsWith("auth-required:")) this.challenge();
    this.emit(JSON.stringify(asNotice ? ["NOTICE", reason] : answer));
  }
}

function changesDeliveries(settings: RelayFaultSettings): boolean {
  return settings.withholdKinds !== undefined || Boolean(settings.corruptSignatures) ||
    settings.onDelivery !== undefined || (settings.reverseEvery ?? 0) > 1;
}

/** A client's frame as an array, or `undefined` for the engine to complain about. */
function parseMessage(frame: string): readonly unknown[] | undefined {
  try {
    const message: unknown = JSON.parse(frame);
    return Array.isArray(message) ? message : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The kinds that the filters of a REQ name. */
function requestedKinds(message: readonly unknown[]): unknown[] {
  return message.slice(2).flatMap((filter) => readField(filter, "kinds") ?? []);
}

function readField(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
