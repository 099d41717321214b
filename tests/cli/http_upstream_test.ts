import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HttpUpstream } from "../../cli/http_upstream.ts";
import { UpstreamError } from "../../errors.ts";

const PING = { jsonrpc: "2.0", id: 1, method: "ping" } as const;

Deno.test("HttpUpstream.send() says what is wrong with an answer that is none", async () => {
  const cases: readonly (readonly [() => Response, string])[] = [
    [() => new Response("hello"), "Unexpected content type"],
    [() => new Response("who are you?", { status: 401 }), "CVM_UPSTREAM_BEARER"],
    [() => new Response("broken", { status: 500 }), "broken"],
  ];
  for (const [answer, words] of cases) {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
      (request) => request.method === "POST" ? answer() : new Response(null, { status: 405 }),
    );
    const upstream = new HttpUpstream({ url: new URL(`http://127.0.0.1:${server.addr.port}/mcp`) });
    const faults: Error[] = [];
    upstream.onerror = (error) => faults.push(error);
    await upstream.start();
    const error = await assertRejects(() => upstream.send(PING), UpstreamError);
    assertStringIncludes(error.message, words);
    await upstream.close();
    assertEquals(faults.filter(({ message }) => message.includes("broke off")), []);
  }
});
