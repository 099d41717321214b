/**
 * The WebSocket of the command line: `ws` from npm. Deno's own client delays
 * each frame above 1,024 bytes, every gift wrap, by some 40 ms.
 *
 * @module
 */
import WebSocket from "ws";
import type { WebSocketFactory, WebSocketLike } from "../transport/relay/websocket.ts";

/** The largest message that is taken from a relay, bytes. Far above what relays allow. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

interface WsOptions {
  readonly maxPayload: number;
  readonly perMessageDeflate: boolean;
  readonly followRedirects: boolean;
}

interface WsSocket extends WebSocketLike {
  on(event: "error", listener: () => void): void;
}

const Socket: new (url: string, options: WsOptions) => WsSocket = WebSocket;

/** Opens a WebSocket that sends each message at once. */
export const openWebSocket: WebSocketFactory = (url) => {
  const socket = new Socket(url, {
    maxPayload: MAX_PAYLOAD_BYTES,
    perMessageDeflate: false,
    followRedirects: false,
  });
  // `ws` throws what nobody listens to; `onerror` may be taken off before the last fault comes. `onclose` tells all.
  socket.on("error", () => undefined);
  return socket;
};
