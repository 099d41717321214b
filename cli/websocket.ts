/**
 * The WebSocket of the command line: `ws` from npm. Deno's own client delays
 * each frame above 1,024 bytes, every gift wrap, by some 40 ms.
 *
 * @module
 */
import process from "node:process";
import WebSocket from "ws";
import type { WebSocketFactory, WebSocketLike } from "../transport/relay/websocket.ts";

/** So long frames may wait for others of the same turn, in milliseconds. */
const MAX_GATHER_MS = 2;

/** The largest message that is taken from a relay, bytes. Far above what relays allow. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

interface WsOptions {
  readonly maxPayload: number;
  readonly perMessageDeflate: boolean;
  readonly followRedirects: boolean;
}

interface Corkable {
  cork(): void;
  uncork(): void;
}

interface WsSocket extends WebSocketLike {
  on(event: "error", listener: () => void): void;
  on(event: "upgrade", listener: (response: { readonly socket: Corkable }) => void): void;
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
  gather(socket);
  return socket;
};

/** Frames that are sent in one turn leave in one packet, where `ws` would make a system call for each. */
function gather(socket: WsSocket): void {
  const send = socket.send.bind(socket);
  let line: Corkable | undefined;
  let since = 0;
  const release = () => {
    if (since === 0) return;
    since = 0;
    line?.uncork();
  };
  socket.on("upgrade", (response) => line = response.socket);
  socket.send = (text: string) => {
    if (since === 0 && line !== undefined) {
      since = performance.now();
      line.cork();
      process.nextTick(release);
    }
    send(text);
    if (performance.now() - since > MAX_GATHER_MS) release();
  };
}
