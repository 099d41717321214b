/**
 * The WebSocket of the command line: `ws` from npm. Deno's own client delays
 * each frame above 1,024 bytes, every gift wrap, by some 40 ms.
 *
 * @module
 */
import type { Socket } from "node:net";
import process from "node:process";
import WebSocket from "ws";
import type { WebSocketFactory, WebSocketLike } from "../transport/relay/websocket.ts";
import { openTunnel, proxyFor, type TunnelOpened } from "./http_tunnel.ts";
import type { Environment } from "./io.ts";

/** So long frames may wait for others of the same turn, in milliseconds. */
const MAX_GATHER_MS = 2;

/** The largest message that is taken from a relay, bytes. Far above what relays allow. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

interface WsOptions {
  readonly maxPayload: number;
  readonly perMessageDeflate: boolean;
  readonly followRedirects: boolean;
  readonly createConnection?: (options: unknown, opened: TunnelOpened) => void;
}

interface Corkable {
  cork(): void;
  uncork(): void;
}

interface WsSocket extends WebSocketLike {
  on(event: "error" | "close", listener: () => void): void;
  on(event: "upgrade", listener: (response: { readonly socket: Corkable }) => void): void;
}

const WsSocket: new (url: string, options: WsOptions) => WsSocket = WebSocket;

/** Opens a WebSocket that sends each message at once, through the proxy of our environment where there is one. Runs on Node.js, too. */
export const openWebSocket: WebSocketFactory = (url) =>
  open(url, { get: (name) => process.env[name] });

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
  gather(socket);
  return socket;
}

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
