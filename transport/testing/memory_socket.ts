/**
 * Two ends of a WebSocket without a network between them.
 *
 * @module
 */
import type { WebSocketHandler, WebSocketLike } from "../relay/websocket.ts";

/** The relay's end of a {@linkcode MemoryWebSocket}. */
export interface MemoryServerSocket {
  /** Completes the opening handshake. */
  open(): void;
  /** Sends a text frame to the client. */
  send(frame: string): void;
  /** Ends the connection: with 1006 as if the line were cut, else with a closing handshake. */
  close(code: number, reason?: string): void;
  /** Refuses the connection, or breaks it. */
  fail(message: string): void;
}

/** What the relay's end does when the client acts. */
export interface MemoryServerHandlers {
  /** Called with each frame from the client. */
  onmessage(frame: string): void;
  /** Called when the client closes. Returns `false` to leave its closing handshake unanswered. */
  onclose(code: number, reason: string): boolean;
}

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/**
 * A client's WebSocket that ends in the same process. Frames arrive in order,
 * each in a microtask of its own, and no timer runs.
 */
export class MemoryWebSocket implements WebSocketLike {
  /** Called when the connection is open. */
  onopen: WebSocketHandler<unknown> | null = null;
  /** Called with each frame. */
  onmessage: WebSocketHandler<{ data: unknown }> | null = null;
  /** Called when the connection failed; `onclose` follows. */
  onerror: WebSocketHandler<unknown> | null = null;
  /** Called once, when the connection has ended. */
  onclose: WebSocketHandler<{ code: number; reason: string }> | null = null;
  /** The URL that was connected to. */
  readonly url: string;

  #readyState = CONNECTING;
  #bufferedAmount = 0;
  readonly #toClient = new MicrotaskQueue();
  readonly #toServer = new MicrotaskQueue();
  readonly #handlers: MemoryServerHandlers;

  /**
   * @param url The URL that the client named.
   * @param accept Called at once with the relay's end; returns what the relay does with frames.
   */
  constructor(url: string, accept: (server: MemoryServerSocket) => MemoryServerHandlers) {
    this.url = url;
    this.#handlers = accept({
      open: () => this.#toClient.push(() => this.#open()),
      send: (frame) => this.#toClient.push(() => this.#deliver(frame)),
      close: (code, reason = "") =>
        this.#toClient.push(() => {
          if (code === 1006 && this.#readyState < CLOSED) this.onerror?.({ message: reason });
          this.#end(code, reason);
        }),
      fail: (message) => this.#toClient.push(() => this.#fail(message)),
    });
  }

  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  get readyState(): number {
    return this.#readyState;
  }

  /** Length of the frames that the relay has not taken yet. */
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  /**
   * Sends a text frame; dropped when the connection is closing or closed.
   * @param data The frame.
   * @throws {DOMException} `InvalidStateError` before the connection is open.
   */
  send(data: string): void {
    if (this.#readyState === CONNECTING) {
      throw new DOMException("The WebSocket is not open yet", "InvalidStateError");
    }
    if (this.#readyState !== OPEN) return;
    this.#bufferedAmount += data.length;
    this.#toServer.push(() => {
      this.#bufferedAmount -= data.length;
      if (this.#readyState < CLOSED) this.#handlers.onmessage(data);
    });
  }

  /**
   * Starts the closing handshake.
   * @param code 1000, or 3000 to 4999.
   * @param reason Why.
   * @throws {DOMException} `InvalidAccessError` for another code.
   */
  close(code?: number, reason: string = ""): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new DOMException(`A client can't close with ${code}`, "InvalidAccessError");
    }
    if (this.#readyState >= CLOSING) return;
    if (this.#readyState === CONNECTING) {
      this.#readyState = CLOSING;
      this.#toServer.push(() => this.#handlers.onclose(1006, ""));
      this.#toClient.push(() => this.#fail("closed before the connection was open"));
      return;
    }
    this.#readyState = CLOSING;
    this.#toServer.push(() => {
      if (this.#readyState === CLOSED) return;
      const answered = this.#handlers.onclose(code ?? 1005, reason);
      if (answered) this.#toClient.push(() => this.#end(code ?? 1005, reason));
    });
  }

  #open(): void {
    if (this.#readyState !== CONNECTING) return;
    this.#readyState = OPEN;
    this.onopen?.(new Event("open"));
  }

  #deliver(frame: string): void {
    if (this.#readyState === OPEN) this.onmessage?.({ data: frame });
  }

  #fail(message: string): void {
    if (this.#readyState === CLOSED) return;
    this.onerror?.({ message });
    this.#end(1006, "");
  }

  #end(code: number, reason: string): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.onclose?.({ code, reason });
  }
}

/** Runs tasks in order, each in a microtask of its own; one that throws doesn't stop the others. */
class MicrotaskQueue {
  readonly #tasks: (() => void)[] = [];
  #running = false;

  push(task: () => void): void {
    this.#tasks.push(task);
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => this.#runNext());
  }

  #runNext(): void {
    const task = this.#tasks.shift();
    if (task === undefined) {
      this.#running = false;
      return;
    }
    try {
      task();
    } finally {
      queueMicrotask(() => this.#runNext());
    }
  }
}
