/**
 * The WebSocket that a relay connection is built on, taken structurally: the
 * platform's own, `npm:ws`, or the in-memory one of `@cvm/toolkit/testing`.
 *
 * @module
 */

/**
 * A handler of a {@linkcode WebSocketLike}. Written as a method, so that TypeScript takes the
 * platform's own `WebSocket`, whose handlers ask for a whole `MessageEvent`.
 *
 * @typeParam E The part of the event that is used.
 */
export type WebSocketHandler<E> = { handle(event: E): void }["handle"];

/** The part of the WHATWG `WebSocket` that a relay connection uses. */
export interface WebSocketLike {
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** Bytes handed to `send()` that have not left yet. */
  readonly bufferedAmount: number;
  /** Called when the connection is open. */
  onopen: WebSocketHandler<unknown> | null;
  /** Called with each frame; `data` is a string for text frames. */
  onmessage: WebSocketHandler<{ data: unknown }> | null;
  /** Called when the connection failed, `onclose` follows; some events carry a `message`. */
  onerror: WebSocketHandler<unknown> | null;
  /** Called once, when the connection has ended. */
  onclose: WebSocketHandler<{ code: number; reason: string }> | null;
  /** Sends a text frame. */
  send(data: string): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
}

/**
 * Opens a WebSocket. Handlers are set synchronously after it returns, so no
 * event may fire before the next turn of the event loop.
 *
 * Deno's built-in client delays each frame above 1,024 bytes by about 40 ms;
 * pass `(url) => new WS(url)` with `WS` from `npm:ws` to avoid that.
 */
export type WebSocketFactory = (url: string) => WebSocketLike;
