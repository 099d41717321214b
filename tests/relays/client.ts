/**
 * The smallest client that can ask a relay anything, right or wrong.
 *
 * @module
 */
import { type EventTemplate, type NostrEvent, signEvent } from "../../crypto/event.ts";
import type { Filter } from "../../transport/relay/filter.ts";
import type { WebSocketLike } from "../../transport/relay/websocket.ts";

/** How long a relay may take to answer, milliseconds. */
const DEADLINE_MS = 5_000;

/** Two people. */
export const ALICE: Uint8Array = new Uint8Array(32).fill(1);
/** The other one. */
export const BOB: Uint8Array = new Uint8Array(32).fill(2);

/** Now, seconds. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** A signed event; kind 1, now, empty and Alice's unless said otherwise. */
export function makeEvent(
  template: Partial<EventTemplate> = {},
  privateKey: Uint8Array = ALICE,
): NostrEvent {
  return signEvent(
    { kind: 1, created_at: nowSeconds(), tags: [], content: "", ...template },
    privateKey,
  );
}

/** A frame from a relay. */
export type Frame = readonly [type: string, ...rest: unknown[]];

/** A client that says what it is told and reads frame by frame. */
export class TestClient implements AsyncDisposable {
  readonly #socket: WebSocketLike;
  readonly #frames: Frame[] = [];
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<{ code: number; reason: string }>();
  #wake: (() => void) | undefined;

  /** @param socket A socket that was just made. */
  constructor(socket: WebSocketLike) {
    this.#socket = socket;
    // Whoever waits for neither must not meet an unhandled rejection.
    this.#opened.promise.catch(() => {});
    socket.onopen = () => this.#opened.resolve();
    socket.onmessage = ({ data }) => {
      this.#frames.push(JSON.parse(String(data)));
      this.#wake?.();
    };
    socket.onerror = (event: unknown) => {
      if (event instanceof Event) event.preventDefault();
    };
    socket.onclose = ({ code, reason }) => {
      this.#opened.reject(new Error(`closed with ${code} ${reason}`));
      this.#closed.resolve({ code, reason });
      this.#wake?.();
    };
  }

  /** Resolves when the socket is open; rejects when it is refused. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Resolves when the socket has ended. */
  get closed(): Promise<{ code: number; reason: string }> {
    return this.#closed.promise;
  }

  /** Frames that have come and not been read. */
  get unread(): number {
    return this.#frames.length;
  }

  /** Sends a message. */
  send(...message: readonly unknown[]): void {
    this.sendRaw(JSON.stringify(message));
  }

  /** Sends a frame as it is. */
  sendRaw(frame: string): void {
    this.#socket.send(frame);
  }

  /** The next frame. */
  async read(): Promise<Frame> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      const remaining = deadline - performance.now();
      if (remaining <= 0) throw new Error(`no frame within ${DEADLINE_MS} ms`);
      if (this.#socket.readyState === 3) throw new Error("closed while a frame was waited for");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, remaining);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Publishes an event; the relay's answer without the id. */
  async publish(event: NostrEvent): Promise<readonly unknown[]> {
    this.send("EVENT", event);
    const [type, id, ...answer] = await this.read();
    if (type !== "OK" || id !== event.id) throw new Error(`no OK: ${JSON.stringify([type, id])}`);
    return answer;
  }

  /** The stored events that match. */
  async query(id: string, ...filters: readonly Filter[]): Promise<NostrEvent[]> {
    const events = await this.subscribe(id, ...filters);
    this.send("CLOSE", id);
    return events;
  }

  /** Opens a subscription; resolves at EOSE to the stored events that match. */
  async subscribe(id: string, ...filters: readonly Filter[]): Promise<NostrEvent[]> {
    this.send("REQ", id, ...filters);
    const events: NostrEvent[] = [];
    for (;;) {
      const [type, , value] = await this.read();
      if (type === "EOSE") return events;
      if (type !== "EVENT") throw new Error(`${type} instead of EVENT or EOSE: ${value}`);
      events.push(value as NostrEvent);
    }
  }

  /** The frames that have come by the time that the relay has dealt with all that was sent. */
  async drain(): Promise<Frame[]> {
    this.send("drain");
    const frames: Frame[] = [];
    for (;;) {
      const frame = await this.read();
      if (frame[0] === "NOTICE" && String(frame[1]).includes('"drain"')) return frames;
      frames.push(frame);
    }
  }

  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  /** Closes, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState < 2) this.#socket.close();
    await this.#closed.promise;
  }
}

/** Connects to a relay over a real socket. */
export async function connect(url: string): Promise<TestClient> {
  const client = new TestClient(new WebSocket(url));
  await client.opened;
  return client;
}
