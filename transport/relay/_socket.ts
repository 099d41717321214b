/**
 * One WebSocket, from the attempt to open it to its end.
 *
 * @module
 */
import { errorText, plainText } from "./_text.ts";
import { Timer } from "./_timer.ts";
import type { WebSocketFactory, WebSocketLike } from "./websocket.ts";

/** The state of a WebSocket that has closed. */
const CLOSED = 3;

/** What a {@linkcode RelaySocket} tells its owner. */
export interface RelaySocketHandlers {
  /** The socket is open. */
  onOpen(): void;
  /** A frame came. */
  onFrame(data: unknown): void;
  /** The socket could not be opened, or ended. Called at most once, and not after `close()`. */
  onEnd(reason: string): void;
}

/** One WebSocket. After `close()` its owner hears nothing more of it. */
export class RelaySocket {
  /** Resolves when the platform has let go of the socket. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocketLike | undefined;
  readonly #timer = new Timer();
  #handlers: RelaySocketHandlers | undefined;
  #error = "";
  #markClosed: () => void;

  /**
   * @param url The relay's URL.
   * @param handlers What to tell the owner; never before the constructor has returned.
   * @param options How to open it, and how long that may take, milliseconds.
   */
  constructor(
    url: string,
    handlers: RelaySocketHandlers,
    options: { readonly webSocket: WebSocketFactory; readonly connectTimeoutMs: number },
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#markClosed = resolve;
    this.#handlers = handlers;
    try {
      this.#socket = options.webSocket(url);
    } catch (error) {
      resolve();
      const reason = `can't open a WebSocket: ${errorText(error)}`;
      queueMicrotask(() => this.#end(reason));
      return;
    }
    this.#listen(this.#socket);
    const timeoutMs = options.connectTimeoutMs;
    this.#timer.set(timeoutMs, () => this.#end(`no connection within ${timeoutMs} ms`));
  }

  /** What waits to be sent, bytes. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Sends a text frame. */
  send(text: string): void {
    try {
      this.#socket?.send(text);
    } catch (error) {
      const reason = `can't send: ${errorText(error)}`;
      queueMicrotask(() => this.#end(reason));
    }
  }

  /** Starts to close, and goes silent. */
  close(): void {
    this.#handlers = undefined;
    this.#timer.clear();
    if (this.#socket === undefined || this.#socket.readyState === CLOSED) return this.#markClosed();
    try {
      this.#socket.close(1000);
    } catch {
      // It can't be closed, so there is nothing left to wait for.
      this.#markClosed();
    }
  }

  /** The handlers are set before the socket can open: a challenge may come along with the 101. */
  #listen(socket: WebSocketLike): void {
    socket.onopen = () => {
      this.#timer.clear();
      this.#handlers?.onOpen();
    };
    socket.onmessage = ({ data }) => this.#handlers?.onFrame(data);
    // `npm:ws` throws what nobody listens to, so this one stays until the end.
    socket.onerror = (event) => this.#error = messageOf(event);
    socket.onclose = (event) => {
      this.#markClosed();
      const reason = plainText(event?.reason) || this.#error;
      this.#end(`connection ended with code ${event?.code}${reason && `: ${reason}`}`);
    };
  }

  #end(reason: string): void {
    const handlers = this.#handlers;
    this.close();
    handlers?.onEnd(reason);
  }
}

/** The `message` of an error event, where the platform gives one. */
function messageOf(event: unknown): string {
  return typeof event === "object" && event !== null && "message" in event
    ? plainText(event.message)
    : "";
}
