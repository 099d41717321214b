import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { proxyFor } from "../../cli/http_tunnel.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { webSocketIn } from "../../cli/websocket.ts";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { RelayPool } from "../../transport/relay/pool.ts";

/** A proxy that leads everywhere to one port of this machine, or says something else. */
function openProxy(port: number, answer = "HTTP/1.1 200 Connection established\r\n\r\n") {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const heads: string[] = [];
  const open: Deno.Conn[] = [];
  const served: Promise<unknown>[] = [];
  const serve = async (conn: Deno.Conn) => {
    const buffer = new Uint8Array(4096);
    heads.push(new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0)));
    await conn.write(new TextEncoder().encode(answer));
    if (!answer.startsWith("HTTP/1.1 200")) return;
    const relay = await Deno.connect({ hostname: "127.0.0.1", port });
    open.push(relay);
    const ways = [
      conn.readable.pipeTo(relay.writable),
      relay.readable.pipeTo(conn.writable),
    ];
    await Promise.allSettled(ways);
  };
  const accepting = (async () => {
    for await (const conn of listener) {
      open.push(conn);
      served.push(serve(conn).catch(() => undefined)); // who hangs up is not missed
    }
  })();
  return {
    url: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    heads,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of open) {
        try {
          conn.close();
        } catch (error) {
          if (!(error instanceof Deno.errors.BadResource)) throw error;
        }
      }
      await accepting;
      await Promise.all(served);
    },
  };
}

Deno.test("proxyFor() reads the variables that other programs read", () => {
  const cases: readonly (readonly [string, Record<string, string>, string | undefined])[] = [
    ["wss://r.example", {}, undefined],
    ["wss://r.example", { HTTPS_PROXY: "http://p:1" }, "http://p:1/"],
    ["wss://r.example", { HTTP_PROXY: "http://p:1" }, undefined],
    ["ws://r.example", { HTTP_PROXY: "http://p:1" }, "http://p:1/"],
    ["ws://r.example", { ALL_PROXY: "http://p:1" }, "http://p:1/"],
    ["ws://r.example", { HTTP_PROXY: "p:1", http_proxy: "q:2" }, "http://q:2/"],
    ["wss://r.example", { HTTPS_PROXY: "" }, undefined],
    ["ws://127.0.0.1:7", { HTTP_PROXY: "p:1" }, undefined],
    ["ws://[::1]:7", { HTTP_PROXY: "p:1" }, undefined],
    ["ws://LOCALHOST:7", { HTTP_PROXY: "p:1" }, undefined],
    ["wss://r.example", { HTTPS_PROXY: "p:1", NO_PROXY: "*" }, undefined],
    ["wss://a.r.example", { HTTPS_PROXY: "p:1", NO_PROXY: "x, r.example" }, undefined],
    ["wss://a.r.example", { HTTPS_PROXY: "p:1", NO_PROXY: ".R.example" }, undefined],
    ["wss://ar.example", { HTTPS_PROXY: "p:1", NO_PROXY: "r.example" }, "http://p:1/"],
    ["wss://r.example", { HTTPS_PROXY: "p:1", NO_PROXY: "r.example:443" }, undefined],
    ["wss://r.example:444", { HTTPS_PROXY: "p:1", NO_PROXY: "r.example:443" }, "http://p:1/"],
    ["ws://10.0.0.1", { HTTP_PROXY: "p:1", NO_PROXY: "10.0.0.1" }, undefined],
    ["ws://10.0.0.1", { HTTP_PROXY: "p:1", NO_PROXY: "0.0.1" }, "http://p:1/"],
    ["ws://[fd00::1]", { HTTP_PROXY: "p:1", NO_PROXY: "fd00::1" }, undefined],
    ["ws://[fd00::1]:80", { HTTP_PROXY: "p:1", NO_PROXY: "[fd00::1]:80" }, undefined],
  ];
  for (const [target, variables, expected] of cases) {
    const found = proxyFor(new URL(target), { get: (name) => variables[name] });
    assertEquals(found?.href, expected, `${target} ${JSON.stringify(variables)}`);
  }
  const secret = { HTTPS_PROXY: "socks5://user:secret@p" };
  const failed = assertThrows(() =>
    proxyFor(new URL("wss://r.example"), { get: (name) => secret[name as "HTTPS_PROXY"] })
  );
  assertEquals(String(failed).includes("secret"), false);
});

Deno.test("webSocketIn() reaches a relay through a proxy that wants a password", async () => {
  await using relay = await serveRelay({ port: 0 });
  await using proxy = openProxy(Number(new URL(relay.url).port));
  const webSocket = webSocketIn({
    get: (name) => name === "HTTP_PROXY" ? `http://us%40er:pass@${proxy.url}` : undefined,
  });
  await using pool = new RelayPool(["ws://relay.invalid"], { webSocket });
  const signer = PrivateKeySigner.generate();
  const event = await signer.signEvent({
    kind: 1,
    created_at: Math.floor(Date.now() / 1000),
    tags: [],
    content: "x".repeat(20_000),
  });
  await pool.publish(event);
  assertEquals(await pool.query([{ ids: [event.id] }]), [event]);
  assertEquals(proxy.heads, [
    "CONNECT relay.invalid:80 HTTP/1.1\r\nHost: relay.invalid:80\r\n" +
    `Proxy-Authorization: Basic ${btoa("us@er:pass")}\r\n\r\n`,
  ]);
});

Deno.test("webSocketIn() says what is wrong with a proxy, and leaves nothing behind", async () => {
  const cases = [
    ["HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "refuses, with status 407"],
    ["HTTP/1.1 ", undefined],
    ["x".repeat(20_000), "says too much"],
    ["HTTP/1.1 204 Well\r\n\r\nand more", "says something of its own"],
  ] as const;
  for (const [answer, reason] of cases) {
    await using proxy = openProxy(0, answer);
    const open = webSocketIn({ get: (name) => name === "HTTP_PROXY" ? proxy.url : undefined });
    const socket = open("ws://relay.invalid");
    const failures: string[] = [];
    const closed = Promise.withResolvers<void>();
    socket.onerror = (event) =>
      void failures.push(String((event as { readonly message?: unknown }).message));
    socket.onclose = () => closed.resolve();
    // One that never says anything is given up by the pool.
    if (reason === undefined) socket.close();
    await closed.promise;
    assertStringIncludes(failures.join(), reason ?? "closed before the connection");
  }
});
