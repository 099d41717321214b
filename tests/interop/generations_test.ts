import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
  type Transport as ClientTransportV2,
} from "@modelcontextprotocol/client";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/shared/transport"
import type { Transport as TransportV1 } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { Transport as ServerTransportV2 } from "@modelcontextprotocol/server";
import { serveRelay } from "../../cli/relay/mod.ts";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { NostrClientTransport } from "../../transport/client.ts";
import { type NostrServerTransport, serve, type Session } from "../../transport/server.ts";
import type { Transport } from "../../transport/types.ts";
import { CLIENTS, SERVERS, UNKNOWN_METHOD, UNKNOWN_NOTIFICATION } from "./_generations.ts";
import { failureOf } from "./_tools.ts";
import { until, within } from "./_peers.ts";

const FUTURE = { known: 1, "x-unknown": { list: [null, "é"], nested: { a: {} } } };

for (const [client, server] of [["v1", "v2"], ["v2", "v1"], ["v2", "v2"]] as const) {
  Deno.test(`a client of the SDK ${client} and a server of the SDK ${server} do everything over our transports`, async () => {
    await using relay = await serveRelay();
    const network = { relays: [relay.url] };
    const cancelled = Promise.withResolvers<void>();
    const heardByServer: unknown[] = [];
    const heardByClient: unknown[] = [];
    await using running = await serve(() =>
      SERVERS[server]({
        onHeard: (params) => heardByServer.push(params),
        onCancelled: cancelled.resolve,
      }), { signer: PrivateKeySigner.generate(), ...network });
    const mcp = CLIENTS[client]((params) => heardByClient.push(params));
    await mcp.connect(
      new NostrClientTransport({
        signer: PrivateKeySigner.generate(),
        server: running.publicKey,
        ...network,
      }),
    );
    try {
      const { content } = await mcp.call("greet", { name: "Ada" });
      assertEquals(content, [{ type: "text", text: "hello Ada" }]);

      const steps: unknown[] = [];
      await mcp.call("count", {}, { onprogress: (step) => steps.push(step) });
      assertEquals(steps, [{ progress: 1, total: 3 }, { progress: 2, total: 3 }]);

      const asked = await mcp.call("ask", {});
      const answers = [{ type: "text", text: "sampled" }, {
        action: "accept",
        content: { colour: "red" },
      }];
      assertEquals(asked.content, [{ type: "text", text: JSON.stringify(answers) }]);

      // F20: the call has left when a later request has been answered.
      const stop = new AbortController();
      const waiting = failureOf(mcp.call("wait", {}, { signal: stop.signal }));
      assertEquals(await mcp.request(UNKNOWN_METHOD, FUTURE), {
        echoed: FUTURE,
        "x-new": [null, { deep: true }],
      });
      stop.abort("changed my mind");
      assertStringIncludes((await waiting).message, "changed my mind");
      await within(cancelled.promise, "the cancellation");

      await mcp.notify(UNKNOWN_NOTIFICATION, FUTURE);
      await until(() => heardByClient.length > 0, "what the server heard");
      assertEquals([heardByServer, heardByClient], [[FUTURE], [FUTURE]]);
    } finally {
      await mcp.close();
    }
  });
}

Deno.test("a client of the SDK v2 that asks for the newest version first falls back to 2025-11-25", async () => {
  await using relay = await serveRelay();
  const network = { relays: [relay.url] };
  for (const server of ["v1", "v2"] as const) {
    const options = { onHeard: () => {}, onCancelled: () => {} };
    await using running = await serve(() => SERVERS[server](options), {
      signer: PrivateKeySigner.generate(),
      ...network,
    });
    const mcp = new ClientV2({ name: "auto", version: "1" }, {
      versionNegotiation: { mode: "auto" },
    });
    await mcp.connect(
      new NostrClientTransport({
        signer: PrivateKeySigner.generate(),
        server: running.publicKey,
        ...network,
      }),
    );
    assertEquals(mcp.getNegotiatedProtocolVersion(), "2025-11-25");
    const { content } = await mcp.callTool({ name: "greet", arguments: { name: "Ada" } });
    assertEquals(content, [{ type: "text", text: "hello Ada" }]);
    await mcp.close();
  }
});

/** What the compiler is to accept: no cast is needed in either direction, with either generation. */
function accepted(ours: NostrClientTransport | NostrServerTransport | Session): {
  readonly asV1: TransportV1;
  readonly asV2: ClientTransportV2 & ServerTransportV2;
} {
  return { asV1: ours, asV2: ours };
}

Deno.test("our transports are transports of both generations, and theirs are ours, without a cast", async () => {
  const signer = PrivateKeySigner.generate();
  const transport = new NostrClientTransport({ signer, server: signer.pubkey, relays: [] });
  const { asV1, asV2 } = accepted(transport);
  const url = new URL("http://127.0.0.1:1/mcp");
  const asOurs: readonly Transport[] = [new HttpV1(url), new HttpV2(url)];
  for (const { start, send, close } of [asV1, asV2, ...asOurs]) {
    assertEquals([typeof start, typeof send, typeof close], ["function", "function", "function"]);
  }
  await transport.close();
});
