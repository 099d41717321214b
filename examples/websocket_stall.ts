/**
 * Deno's WebSocket client holds frames above 1,024 bytes back, `ws` from npm does not: the time
 * that a server on this machine takes to answer frames of two sizes, by both clients.
 * docs/DENO_WEBSOCKET_STALL.md says why.
 *
 *     deno run --allow-net=127.0.0.1 --allow-env examples/websocket_stall.ts
 */
import WS, { WebSocketServer } from "ws";

const SIZES = [1_024, 1_025];
const FRAMES = 50;

/** What is used of the server's end of a connection. */
interface ServerEnd {
  on(event: "message", listener: () => void): void;
  send(data: string): void;
}

/** The middle one of the times until a frame of so many bytes is answered, in milliseconds. */
async function measure(client: WebSocket, bytes: number): Promise<number> {
  const frame = "x".repeat(bytes);
  const times: number[] = [];
  for (let i = 0; i < FRAMES; i++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    client.onmessage = () => resolve();
    const started = performance.now();
    client.send(frame);
    await promise;
    times.push(performance.now() - started);
  }
  return times.sort((one, other) => one - other)[FRAMES / 2]!;
}

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
server.on("connection", (end: ServerEnd) => end.on("message", () => end.send("!")));
await new Promise((resolve) => server.on("listening", resolve));
const url = `ws://127.0.0.1:${server.address().port}`;
const clients: Record<string, () => WebSocket> = {
  "built in": () => new WebSocket(url),
  "npm:ws": () => new WS(url, { perMessageDeflate: false }),
};

console.log(`Deno ${Deno.version.deno} on ${Deno.build.os}, median of ${FRAMES} frames`);
for (const [name, open] of Object.entries(clients)) {
  const client = open();
  await new Promise<void>((resolve) => client.onopen = () => resolve());
  for (const bytes of SIZES) {
    const ms = await measure(client, bytes);
    console.log(`${name.padEnd(8)}  ${bytes} bytes  ${ms.toFixed(2).padStart(6)} ms`);
  }
  const closed = new Promise<void>((resolve) => client.onclose = () => resolve());
  client.close();
  await closed;
}
server.close();
