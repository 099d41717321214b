import { assertEquals } from "@std/assert";
import { openWebSocket } from "../../cli/websocket.ts";

Deno.test("openWebSocket() delivers the frames of one turn in order, also right before close()", async () => {
  const heard: string[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => heard.push(data);
      socket.onclose = () => end();
      return response;
    },
  );
  const frames = Array.from({ length: 300 }, (_, index) => `${index} ${"x".repeat(index * 10)}`);
  const socket = openWebSocket(`ws://127.0.0.1:${server.addr.port}`);
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  socket.onclose = () => close();
  socket.onopen = () => {
    for (const frame of frames) socket.send(frame);
    socket.close();
  };
  await Promise.all([ended, closed]);
  assertEquals(heard, frames);
});
