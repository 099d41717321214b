/**
 * The way to relays through an HTTP proxy, where a network lets nothing else
 * out. `fetch` heeds `HTTPS_PROXY` by itself, the WebSocket of `ws` does not.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Environment } from "./io.ts";

/** The longest answer of a proxy that is read, bytes. */
const MAX_HEAD_BYTES = 16_384;
/** How long a proxy may take, in milliseconds. Relays are given up earlier, by the pool. */
const TIMEOUT_MS = 30_000;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/**
 * Which proxy leads to a URL: `HTTPS_PROXY` for `wss:`, `HTTP_PROXY` for `ws:`, else `ALL_PROXY`,
 * each also in small letters, which win. None to this machine and to what `NO_PROXY` names:
 * a host with all below it, with a port or without, or `*`.
 *
 * @param target Where to.
 * @param env The environment.
 * @returns The proxy's URL; `undefined` when the way is direct.
 * @throws {RangeError} When the variable holds no `http:` or `https:` URL.
 */
export function proxyFor(target: URL, env: Pick<Environment, "get">): URL | undefined {
  const read = (name: string) => env.get(name.toLowerCase()) || env.get(name) || undefined;
  const name = target.protocol === "wss:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const text = read(name) ?? read("ALL_PROXY");
  if (text === undefined || LOOPBACK.test(target.hostname)) return undefined;
  if ((read("NO_PROXY") ?? "").split(",").some((entry) => isExempt(target, entry.trim()))) {
    return undefined;
  }
  const proxy = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  // What stands there may have a password in it: it is not repeated.
  if (proxy === null || !/^https?:$/.test(proxy.protocol)) {
    throw new RangeError(`${name} or ALL_PROXY is no http: or https: URL`);
  }
  return proxy;
}

function isExempt(target: URL, entry: string): boolean {
  if (entry === "*") return true;
  const [, host = "", port] =
    /^(?:\*?\.)?(\[[^\]]+\]|[^:]+|[^:]*:.*:.*?)(?::(\d+))?$/.exec(entry) ??
      [];
  if (host === "" || (port !== undefined && port !== portOf(target))) return false;
  const bare = hostOf(target).toLowerCase();
  const named = host.replace(/^\[|\]$/g, "").toLowerCase();
  return bare === named || (isIP(bare) === 0 && bare.endsWith(`.${named}`));
}

/** The host as sockets take it: IPv6 without brackets. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function portOf({ port, protocol }: URL): string {
  return port || (/^(wss|https):$/.test(protocol) ? "443" : "80");
}

/** Told when the way is open, or why it is not. */
export type TunnelOpened = (error: Error | null, socket?: Socket) => void;

/**
 * Opens a way through a proxy (`CONNECT`), with TLS to the target where its scheme asks for that.
 *
 * @param target Where to: a `ws:` or `wss:` URL.
 * @param proxy The proxy.
 * @param opened Called once.
 * @returns The connection to the proxy; who destroys it gives up the way.
 */
export function openTunnel(target: URL, proxy: URL, opened: TunnelOpened): Socket {
  const way = { host: hostOf(proxy), port: Number(portOf(proxy)) };
  const socket: Socket = proxy.protocol === "https:"
    ? connectTls({ ...way, servername: serverName(way.host) })
    : connect(way);
  const settle = (error: Error | null, through?: Socket) => {
    socket.setTimeout(0);
    for (const event of ["data", "error", "close", "timeout"]) socket.removeAllListeners(event);
    if (error !== null) {
      // What it says while it ends has been told.
      socket.on("error", () => undefined).destroy();
    }
    opened(error, through);
  };
  const fail = (reason: string) => settle(new Error(`the proxy ${proxy.host} ${reason}`));
  let head = Buffer.alloc(0);
  socket.setTimeout(TIMEOUT_MS, () => fail("does not answer"));
  socket.on("error", (error) => fail(`can't be reached: ${error.message}`));
  socket.on("close", () => fail("hung up"));
  socket.on("data", (chunk: Uint8Array) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return head.length > MAX_HEAD_BYTES ? fail("says too much") : undefined;
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString("latin1"))?.[1];
    if (!status?.startsWith("2")) return fail(`refuses, with status ${status ?? "none"}`);
    // Nothing can have come from a target that has not been spoken to.
    if (end + 4 < head.length) return fail("says something of its own");
    if (target.protocol !== "wss:") return settle(null, socket);
    const secure = connectTls({ socket, servername: serverName(hostOf(target)) });
    settle(null, secure);
  });
  socket.once(proxy.protocol === "https:" ? "secureConnect" : "connect", () => {
    socket.write(connectRequest(target, proxy));
  });
  return socket;
}

function connectRequest(target: URL, { username, password }: URL): string {
  const authority = `${target.hostname}:${portOf(target)}`;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return [
    `CONNECT ${authority} HTTP/1.1`,
    `Host: ${authority}`,
    ...(credentials === ":"
      ? []
      : [`Proxy-Authorization: Basic ${Buffer.from(credentials).toString("base64")}`]),
    "\r\n",
  ].join("\r\n");
}

/** The name that TLS asks for; an address has none. */
function serverName(host: string): string | undefined {
  return isIP(host) === 0 ? host : undefined;
}
