/**
 * The WebSocket of the command line: `ws` from npm. Deno's own client delays
 * each frame above 1,024 bytes, every gift wrap, by some 40 ms.
 *
 * @module
 */
import type { Socket } from "node:net";
import WebSocket from "ws";
import type { WebSocketFactory, WebSocketLike } from "../transport/relay/websocket.ts";
import { openTunnel, proxyFor, type TunnelOpened } from "./http_tunnel.ts";
import type { Environment } from "./io.ts";

/** The largest message that is taken from a relay, bytes. Far above what relays allow. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

interface WsOptions {
  readonly maxPayload: number;
  readonly perMessageDeflate: boolean;
  readonly followRedirects: boolean;
  readonly createConnection?: (options: unknown, opened: TunnelOpened) => void;
}

interface WsSocket extends WebSocketLike {
  on(event: "error" | "close", listener: () => void): void;
}

const WsSocket: new (url: string, options: WsOptions) => WsSocket = WebSocket;

/** Opens a WebSocket that sends each message at once, through the proxy of our environment where there is one. */
export const openWebSocket: WebSocketFactory = (url) => open(url, Deno.env);

/** The same with the proxy of another environment. */
export function webSocketIn(env: Pick<Environment, "get">): WebSocketFactory {
  return (url) => open(url, env);
}

function open(url: string, env: Pick<Environment, "get">): WebSocketLike {
  const target = new URL(url);
  const proxy = proxyFor(target, env);
  let way: Socket | undefined;
  const socket = new WsSocket(url, {
    maxPayload: MAX_PAYLOAD_BYTES,
    perMessageDeflate: false,
    followRedirects: false,
    ...(proxy === undefined ? {} : {
      createConnection: (_, opened) => {
        way = openTunnel(target, proxy, opened);
      },
    }),
  });
  // `ws` throws what nobody listens to; `onerror` may be taken off before the last fault comes. `onclose` tells all.
  socket.on("error", () => undefined);
  socket.on("close", () => way?.destroy());
  return socket;
}
